"""Celery tasks: hints for the engines. Engines keep their own time; every task may be lost or run twice."""

import time

from celery import shared_task

from webhooks_app.services import replay_runner
from webhooks_app.services.slots import run_engine_in_slot

TRY_SECONDS = 1.0  # looking for a free place costs a connection; hints come by the hundred
_tried_at = -TRY_SECONDS


@shared_task(name="webhooks_app.tasks.fan_out_events", ignore_result=True, acks_late=False)
def fan_out_events() -> None:
    """There is news in the log, and engines have heard of it: becomes one if there are too few."""
    global _tried_at
    if time.monotonic() - _tried_at > TRY_SECONDS:
        _tried_at = time.monotonic()
        run_engine_in_slot()


@shared_task(name="webhooks_app.tasks.run_engine", ignore_result=True, acks_late=False)
def run_engine() -> None:
    """Becomes an engine if fewer than WEBHOOK_ENGINES are running."""
    run_engine_in_slot()


@shared_task(name="webhooks_app.tasks.run_replays", ignore_result=True, acks_late=False)
def run_replays() -> None:
    """Works running replays off; one process does, the others return at once."""
    replay_runner.run_replays()
