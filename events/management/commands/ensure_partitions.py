"""``manage.py ensure_partitions``: the daily partitions from yesterday to a week ahead, for every partitioned table."""

from typing import Any

from django.core.management.base import BaseCommand

from core.clock import now
from core.partitions import create_current_partitions

TABLES = ("events_event", "webhooks_app_delivery", "webhooks_app_attempt", "accounts_apirequest")


class Command(BaseCommand):
    help = "Creates the daily partitions that are missing. Safe to run at any time, from several processes."

    def handle(self, *args: Any, **options: Any) -> None:
        for table in TABLES:
            create_current_partitions(table, today=now().date())
