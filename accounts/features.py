"""Feature switches of an organization, set by an operator. Everything is on unless it was switched off."""

from accounts.models import Organization

FEATURES = {
    "dashboard_send": "Admins may send from the dashboard",
    "conversation_export": "Admins may export conversations",
}


def has_feature(organization: Organization, name: str) -> bool:
    return organization.features.get(name, True) is not False
