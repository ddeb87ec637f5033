"""Webhooks: endpoints, deliveries, replays, the event catalogue and the signature debugger."""

from django.urls import URLPattern

from dashboard.views import (
    webhooks_catalogue,
    webhooks_debugger,
    webhooks_deliveries,
    webhooks_endpoints,
    webhooks_replays,
    webhooks_secrets,
)

# Fixed words first: ``webhooks/<webhook_id>`` takes whatever is left.
urlpatterns: list[URLPattern] = [
    *webhooks_catalogue.urlpatterns,
    *webhooks_debugger.urlpatterns,
    *webhooks_replays.urlpatterns,
    *webhooks_deliveries.urlpatterns,
    *webhooks_secrets.urlpatterns,
    *webhooks_endpoints.urlpatterns,
]
