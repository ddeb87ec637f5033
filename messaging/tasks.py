"""Background work of messaging. A task takes no payload: it looks for due rows and works until none is left."""

from celery import shared_task

from messaging.services import receive


@shared_task(name="messaging.tasks.apply_inbound")
def apply_inbound() -> None:
    receive.apply_inbound()
