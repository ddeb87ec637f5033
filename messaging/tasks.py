"""Background work of messaging. A task takes no payload: it looks for due rows and works until none is left."""

from celery import shared_task

from messaging.services import dispatch_pool, receive, simulated
from messaging.services.audio import prepare_received_memos


@shared_task(name="messaging.tasks.apply_inbound")
def apply_inbound() -> None:
    receive.apply_inbound()


@shared_task(name="messaging.tasks.dispatch_outbox")
def dispatch_outbox() -> None:
    dispatch_pool.dispatch_until_idle(pool=dispatch_pool.get_pool())


@shared_task(name="messaging.tasks.pump_simulator")
def pump_simulator() -> None:
    simulated.pump_for(seconds=30)


@shared_task(name="messaging.tasks.prepare_sound")
def prepare_sound() -> None:
    while prepare_received_memos():
        pass
