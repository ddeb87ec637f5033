"""At most WEBHOOK_ENGINES engines: each holds a session-level advisory lock while it runs.

A lock dies with its connection, so a killed engine frees its place at once. Should the database restart, an engine may
run beside its successor for a while: claims keep them apart.
"""

import logging
import multiprocessing
import threading

import psycopg
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.utils import ConnectionHandler

from webhooks_app.services.engine import run_engine

logger = logging.getLogger(__name__)
LOCK_CLASS = 0x7765  # "we"
IDLE_SECONDS = 300.0

# Made before the pool forks, so that the parent's shutdown signal reaches an engine in a child.
shutdown = multiprocessing.get_context("fork").Event()


class _Stop(threading.Event):
    """A stop flag that also hears of the worker's shutdown."""

    def is_set(self) -> bool:
        return super().is_set() or shutdown.is_set()


def run_engine_in_slot(*, idle_seconds: float = IDLE_SECONDS) -> int | None:
    """Runs an engine if a place is free; None if there is none."""
    if shutdown.is_set():
        return None
    connections.close_all()
    holder = ConnectionHandler(connections.settings)["default"]
    try:
        with holder.cursor() as cursor:
            for slot in range(settings.WEBHOOK_ENGINES):
                cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_CLASS, slot])
                if cursor.fetchone()[0]:
                    logger.info("engine %d starts", slot)
                    return run_engine(stop=_Stop(), idle_seconds=idle_seconds)
        return None
    finally:
        try:
            holder.close()
        except (DatabaseError, psycopg.Error):
            logger.info("the connection that held the engine's place was already gone")
