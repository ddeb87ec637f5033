"""What the people of the demo do, through the simulated network and the product's own services.

What phones do is applied all at once, before an answer or by ``settle``.
"""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.models import Organization
from core.clock import now
from lines.models import Line
from messaging.addressing import Sender
from messaging.models import File, InboundEvent, OutboxItem, OutboxStatus
from messaging.services.dispatch import dispatch_due
from messaging.services.files import store_file
from messaging.services.receive import apply_inbound
from messaging.services.send import queue_message
from messaging.services.simulated import pump_due_events, report_events
from transports.simulator.models import VirtualPhone
from transports.simulator.network import (
    edit_on_phone,
    list_phone_messages,
    react_from_phone,
    send_from_phone,
    unsend_on_phone,
)


def say(phone: VirtualPhone, to: str, text: str | None = None, **fields: Any) -> str:
    """A message of a phone; its guid."""
    with transaction.atomic():
        message, line_handle, events = send_from_phone(phone=phone, to=to, text=text, **fields)
        report_events(line_handle, events)
    return message.guid


def answer(
    organization: Organization,
    line: Line,
    to: str,
    text: str,
    *,
    reply_to: str | None = None,
    **sender: Any,
) -> OutboxItem:
    """A message of the line. ``sender`` says who writes: ``user_id``, or ``api_key_id`` and ``request_id``."""
    settle()
    queued = queue_message(
        sender=Sender(organization_id=organization.id, **sender), line=line.handle, to=to, text=text, reply_to=reply_to
    )
    dispatch_due()
    under_way = OutboxItem.objects.filter(id=queued.id, status__in=[OutboxStatus.PENDING, OutboxStatus.CLAIMED])
    _await(lambda: not under_way.exists())
    pump_due_events()
    settle()
    return OutboxItem.objects.get(id=queued.id)


def settle() -> None:
    """Applies what the lines have heard."""
    apply_inbound()
    heard = InboundEvent.objects.filter(Q(not_before=None) | Q(not_before__lte=now()), applied_at=None)
    _await(lambda: not heard.exists())


def _await(is_done: Callable[[], bool]) -> None:
    """Until the workers of a product that runs already have done their part, which they may have taken first."""
    until = time.monotonic() + 15
    while not is_done():
        if time.monotonic() > until:
            raise TimeoutError("The product's workers did not finish what they took.")
        time.sleep(0.05)


def react(phone: VirtualPhone, guid: str, kind: str) -> None:
    with transaction.atomic():
        _, line_handle, events = react_from_phone(phone=phone, message_guid=guid, type=kind)
        report_events(line_handle, events)


def edit(phone: VirtualPhone, guid: str, text: str) -> None:
    with transaction.atomic():
        _, line_handle, events = edit_on_phone(phone=phone, message_guid=guid, text=text)
        report_events(line_handle, events)


def unsend(phone: VirtualPhone, guid: str) -> None:
    with transaction.atomic():
        _, line_handle, events = unsend_on_phone(phone=phone, message_guid=guid)
        report_events(line_handle, events)


def get_last_from_line(phone: VirtualPhone) -> str:
    return next(m.guid for m in reversed(list_phone_messages(phone=phone)) if m.is_from_line)


def keep(organization_id: UUID, name: str, content: bytes, mime_type: str) -> dict[str, Any]:
    """A file as a phone attaches it."""
    file: File = store_file(
        organization_id=organization_id, chunks=[content], filename=name, mime_type=mime_type
    )  # fmt: skip
    return {"ref": file.storage_key, "filename": file.filename, "mime_type": file.mime_type, "size": file.size}
