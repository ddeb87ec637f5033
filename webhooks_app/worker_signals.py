"""Engines start with a worker and end with it."""

from typing import Any

from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings

from webhooks_app.services.slots import shutdown


@worker_ready.connect
def start_engines(sender: Any = None, **_: Any) -> None:
    queues = getattr(getattr(sender, "task_consumer", None), "queues", ())
    if any(queue.name == "webhooks" for queue in queues):
        for _number in range(settings.WEBHOOK_ENGINES):
            sender.app.send_task("webhooks_app.tasks.run_engine", ignore_result=True)


@worker_shutting_down.connect
def stop_engines(**_: Any) -> None:
    shutdown.set()
