"""What the sweeper does for accounts."""

from accounts.services.organizations import delete_due_organizations


def delete_organizations() -> None:
    """Organizations whose grace period is over."""
    delete_due_organizations()
