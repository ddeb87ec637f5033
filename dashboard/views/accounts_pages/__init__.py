"""Pages about people, organizations, keys and the audit log."""

from django.urls import URLPattern

from dashboard.views.accounts_pages import (
    audit,
    invitations,
    keys,
    mailbox,
    members,
    onboarding,
    organization,
    profile,
    sessions,
)

urlpatterns: list[URLPattern] = [
    *onboarding.urlpatterns,
    *keys.urlpatterns,
    *organization.urlpatterns,
    *members.urlpatterns,
    *invitations.urlpatterns,
    *profile.urlpatterns,
    *sessions.urlpatterns,
    *audit.urlpatterns,
    *mailbox.urlpatterns,
]
