"""Pages about people, organizations, keys and the audit log."""

from django.urls import URLPattern

from dashboard.views.accounts_pages import keys, onboarding

urlpatterns: list[URLPattern] = [
    *onboarding.urlpatterns,
    *keys.urlpatterns,
]
