"""Dispatch side by side: as many items at once as there are threads, and leases renewed while they take their time.

An item is claimed and marked as started only when a thread is free for it, so what a crash leaves open is little.
"""

import logging
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cache

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from lines.models import Line
from messaging.models import Chat, OutboxItem
from messaging.services.dispatch import (
    TRANSPORTS,
    dispatch_item,
    name_worker,
    reconcile_started,
    start_claimed,
)
from messaging.services.outbox import claim_items, release_expired, renew_leases, seconds_until_pace

logger = logging.getLogger(__name__)
THREADS = 8
PACE_SECONDS = 5.0  # a paced line with a backlog is worth staying for
LOOK_SECONDS = 1.0  # while something takes its time, others may have become ready

_pace_watch = threading.Lock()


@cache
def get_pool() -> ThreadPoolExecutor:
    """One pool a process, so that threads keep their database connections from one hint to the next."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="dispatch")


def dispatch_until_idle(*, pool: ThreadPoolExecutor, threads: int = THREADS, seconds: float = 30.0) -> int:
    """Dispatches until nothing is ready, and claims nothing new after ``seconds``. Returns how many were tried."""
    worker = name_worker()
    release_expired()
    reconcile_started(worker=worker)
    until = time.monotonic() + seconds
    renew_seconds = settings.OUTBOX_LEASE_SECONDS / 3
    renew_at = time.monotonic() + renew_seconds
    flying: dict[Future[None], OutboxItem] = {}
    tried = 0
    while True:
        if len(flying) < threads and time.monotonic() < until:
            claimed = claim_items(worker=worker, transports=TRANSPORTS, limit=threads - len(flying))
            started, lines, chats = start_claimed(claimed)
            for item in started:
                flying[pool.submit(_try, item, lines[item.line_id], chats[item.chat_id])] = item
            tried += len(started)
        pace = seconds_until_pace(within=PACE_SECONDS) if time.monotonic() < until else None
        pause = min(LOOK_SECONDS, renew_seconds, LOOK_SECONDS if pace is None else pace + 0.02)
        if not flying:
            if pace is None or not _wait_for_pace(pause):
                return tried
            continue
        done, _ = wait(flying, timeout=pause, return_when=FIRST_COMPLETED)
        for future in done:
            flying.pop(future)
        if time.monotonic() > renew_at:
            renew_leases(list(flying.values()))
            renew_at = time.monotonic() + renew_seconds


def _wait_for_pace(seconds: float) -> bool:
    """Stays for a paced line. One thread of a process does; the others are free for whatever else there is to do."""
    if not _pace_watch.acquire(blocking=False):
        return False
    try:
        time.sleep(seconds)
    finally:
        _pace_watch.release()
    return True


def _try(item: OutboxItem, line: Line, chat: Chat) -> None:
    close_old_connections()
    try:
        dispatch_item(item, line, chat)
    except (OperationalError, InterfaceError) as error:
        logger.warning("%s: the database is away, the lease will find it: %s", item.public_id, error)
        connection.close()
    except Exception:
        logger.exception("%s: its outcome could not be written, the lease will find it", item.public_id)
