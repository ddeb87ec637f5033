"""Hints: "there is news", never the news itself.

A hint names a Celery task. Many hints of one name within a few milliseconds become one message, published by a
background thread, so that a request never waits for the broker. A hint may be lost: the sweeper finds what it meant.
"""

import logging
import threading
import time

from celery import current_app

from core.redis_client import get_redis

logger = logging.getLogger(__name__)
COALESCE_SECONDS = 0.01
TASK_SECONDS = 0.05  # between two messages of one name: each costs a millisecond here and one in a worker
EVENTS_CHANNEL = "msgd:events"  # open event streams listen here: "the log has grown"

_lock = threading.Lock()
_wanted: set[str] = set()
_wake = threading.Event()
_thread: threading.Thread | None = None
_last_warning = 0.0


def send_hint(task_name: str) -> None:
    """Asks for one run of a Celery task that takes no arguments. Never blocks, never raises."""
    global _thread
    with _lock:
        _wanted.add(task_name)
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_publish_forever, name="hints", daemon=True)
            _thread.start()
    _wake.set()


def send_events_hint() -> None:
    """Wakes the event streams of every process. As cheap and as careless as ``send_hint``."""
    send_hint(EVENTS_CHANNEL)


def flush_hints() -> None:
    """Publishes what is waiting, now, in the caller's thread. For commands that are about to exit."""
    with _lock:
        names = sorted(_wanted)
        _wanted.clear()
    for name in names:
        _publish(name)


def _publish_forever() -> None:
    due: dict[str, float] = {}
    while True:
        _wake.wait()
        _wake.clear()
        moment = time.monotonic()
        with _lock:
            ready = [name for name in _wanted if due.get(name, 0.0) <= moment]
            _wanted.difference_update(ready)
            is_more_wanted = bool(_wanted)
        for name in ready:
            due[name] = moment + (COALESCE_SECONDS if name == EVENTS_CHANNEL else TASK_SECONDS)
            _publish(name)
        time.sleep(COALESCE_SECONDS)
        if is_more_wanted:
            _wake.set()


def _publish(name: str) -> None:
    global _last_warning
    try:
        if name == EVENTS_CHANNEL:
            get_redis().publish(EVENTS_CHANNEL, b"")
            return
        current_app.send_task(name, retry=False, ignore_result=True)
    except Exception as error:  # noqa: BLE001 a broker can fail in any way, and a hint must never break its sender
        if time.monotonic() - _last_warning > 10:
            _last_warning = time.monotonic()
            logger.warning("hint %s not published, the sweeper will find the work: %s", name, error)
