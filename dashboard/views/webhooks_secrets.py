"""An endpoint's signing secret: reveal it, stage the next one, make it current. Admins only; each is recorded."""

from django.contrib import messages
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.cache import never_cache

from accounts.services.audit import Actor
from core.errors import AppError
from dashboard.access import PageRequest, page
from dashboard.webhooks.parts import find_endpoint, go, show_dialog
from webhooks_app.services.secrets import activate_secret, reveal_secret, stage_secret


@never_cache
@page(role="admin")
def secret(request: PageRequest, webhook_id: str) -> HttpResponse:
    """GET asks, POST shows: looking at a secret is an act that the audit log keeps."""
    endpoint = find_endpoint(request, webhook_id)
    if request.method != "POST":
        return show_dialog(request, "secret_ask", {"endpoint": endpoint}, crumb="Signing secret")
    shown = reveal_secret(endpoint=endpoint, actor=Actor.from_request(request))
    context = {"endpoint": endpoint, "secret": shown, "purpose": "current"}
    return show_dialog(request, "reveal", context, crumb="Signing secret")


@never_cache
@page(role="admin")
def rotate(request: PageRequest, webhook_id: str) -> HttpResponse:
    endpoint = find_endpoint(request, webhook_id)
    if request.method != "POST":
        return show_dialog(request, "rotate", {"endpoint": endpoint}, crumb="Rotate the secret")
    endpoint, shown = stage_secret(endpoint=endpoint, actor=Actor.from_request(request))
    context = {"endpoint": endpoint, "secret": shown, "purpose": "next"}
    return show_dialog(request, "reveal", context, crumb="Next secret")


@page(role="admin")
def activate(request: PageRequest, webhook_id: str) -> HttpResponse:
    endpoint = find_endpoint(request, webhook_id)
    if request.method != "POST":
        return show_dialog(request, "activate", {"endpoint": endpoint}, crumb="Use the next secret")
    try:
        activate_secret(endpoint=endpoint, actor=Actor.from_request(request))
    except AppError as error:
        context = {"endpoint": endpoint, "error": error}
        return show_dialog(request, "activate", context, crumb="Use the next secret", is_wrong=True)
    messages.success(request, "The next secret is the current one. The old one signs beside it for 24 hours.")
    return go(request, f"/webhooks/{endpoint.public_id}")


urlpatterns = [
    path("webhooks/<str:webhook_id>/secret", secret, name="webhook_secret"),
    path("webhooks/<str:webhook_id>/rotate", rotate, name="webhook_rotate"),
    path("webhooks/<str:webhook_id>/activate", activate, name="webhook_activate"),
]
