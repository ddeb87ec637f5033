"""``manage.py sweep``: finds what every lost hint meant.

A loop that looks for due work in PostgreSQL and hints at it, as listed in ``settings.SWEEPS``. Any number may run: an
advisory lock lets one of them work. It survives PostgreSQL and Redis going away, and ends at once on SIGTERM.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, connection
from django.utils.module_loading import import_string

logger = logging.getLogger(__name__)
LOCK = 0x7377656570
TICK_SECONDS = 0.5


class Command(BaseCommand):
    help = "Finds due work whose hint was lost, and keeps partitions and retention."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()

        def end(signum: int, frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        Sweeper().run(stop)


class Sweeper:
    """Calls each sweep at its interval while it holds the lock."""

    def __init__(self) -> None:
        self.sweeps: list[tuple[Callable[[], object], float]] = [
            (import_string(name), seconds) for name, seconds in settings.SWEEPS.items()
        ]
        self.due = [0.0] * len(self.sweeps)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                if self._has_lock():
                    self.sweep()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("the database is away, trying again: %s", error)
                connection.close()
            stop.wait(TICK_SECONDS)
        connection.close()

    def sweep(self) -> None:
        """One round: everything that is due."""
        moment = time.monotonic()
        for index, (look, seconds) in enumerate(self.sweeps):
            if moment < self.due[index]:
                continue
            self.due[index] = moment + seconds
            try:
                look()
            except (DatabaseError, InterfaceError):
                raise
            except Exception:
                logger.exception("a sweep failed: %s", getattr(look, "__qualname__", look))

    def _has_lock(self) -> bool:
        """Taken again each round: it is the connection's, and goes with it."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
                " AND (classid::bigint << 32 | objid::bigint) = %s",
                [LOCK],
            )
            if cursor.fetchone() is not None:
                return True
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            row = cursor.fetchone()
        return bool(row and row[0])
