"""What the sweeper looks for in messaging. Each looks cheaply, by a partial index, and hints only if there is work."""

from django.db.models import Q

from core.clock import now
from core.hints import send_hint
from messaging.models import InboundEvent, OutboxItem, OutboxStatus
from messaging.services.audio import unprepared_memos
from transports.simulator.schedule import get_next_due_at


def hint_outbox() -> None:
    """Pending items that are due or past their deadline, and leases that ran out."""
    pending = Q(status=OutboxStatus.PENDING, not_before__lte=now()) | Q(
        status=OutboxStatus.PENDING, deadline_at__lt=now()
    )
    expired = Q(status=OutboxStatus.CLAIMED, lease_until__lt=now())
    if OutboxItem.objects.filter(pending).exists() or OutboxItem.objects.filter(expired).exists():
        send_hint("messaging.tasks.dispatch_outbox")


def hint_inbound() -> None:
    """Stored events that nobody has applied, or whose wait is over."""
    due = Q(not_before=None) | Q(not_before__lte=now())
    if InboundEvent.objects.filter(due, applied_at=None).exists():
        send_hint("messaging.tasks.apply_inbound")


def hint_simulator() -> None:
    due_at = get_next_due_at()
    if due_at is not None and (due_at - now()).total_seconds() < 1:
        send_hint("messaging.tasks.pump_simulator")


def hint_sound() -> None:
    """Received voice messages that cannot be heard in a browser yet."""
    if unprepared_memos().exists():
        send_hint("messaging.tasks.prepare_sound")
