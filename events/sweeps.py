"""What the sweeper looks for in the event log."""

from django.conf import settings

from core.clock import now
from core.hints import send_hint
from core.partitions import create_current_partitions, drop_old_partitions
from events.consumers import has_news


def hint_consumers() -> None:
    """Consumers with final events before them."""
    for name, task in settings.EVENT_CONSUMERS.items():
        if has_news(name):
            send_hint(task)


def keep_partitions() -> None:
    """Partitions for the days to come, and those dropped that nobody has to keep."""
    today = now().date()
    for table, days in settings.PARTITIONED_TABLES.items():
        create_current_partitions(table, today=today)
        drop_old_partitions(table, today=today, keep_days=days)
