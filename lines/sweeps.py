"""What the sweeper does for lines."""

from lines.services.alerts import send_alerts


def send_due_alerts() -> None:
    """Looks at the limits of lines that somebody wants to be told about."""
    send_alerts()
