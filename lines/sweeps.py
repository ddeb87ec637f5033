"""What the sweeper does for lines."""

from lines.services.alerts import send_alerts
from lines.services.organization_hours import MONTH, add_up_hours


def send_due_alerts() -> None:
    """Looks at the limits of lines that somebody wants to be told about."""
    send_alerts()


def add_up_day() -> None:
    """The hours of organizations, for charts."""
    add_up_hours()


def add_up_month() -> None:
    """What was counted late, too."""
    add_up_hours(length=MONTH)
