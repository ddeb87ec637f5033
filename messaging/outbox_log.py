"""Reading the outbox as a log: bounded lists and one item."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.models import Organization
from core.bounded_pages import BoundedPage, read_bounded_page
from core.ids import OUTBOX, parse_id, uuid7_floor
from lines.models import Line
from messaging.models import Chat, OutboxItem, OutboxStatus

STATES = ("pending", "held", "claimed", "sent", "failed")


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxFilter:
    """Empty members do not filter. ``states`` are of ``STATES``: held is what waits for a limit. ``chat_ids`` without
    any finds nothing.
    """

    states: Sequence[str] = ()
    line_id: UUID | None = None
    chat_id: UUID | None = None
    chat_ids: Sequence[UUID] | None = None
    api_key_id: UUID | None = None
    item_id: UUID | None = None
    request_id: str = ""
    operations: Sequence[str] = ()
    errors: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


def list_outbox_log(
    *, organization: Organization, wanted: OutboxFilter, before: str | None = None, after: str | None = None
) -> BoundedPage[OutboxItem]:
    """One page, newest first. At most two queries."""
    rows = OutboxItem.objects.filter(organization_id=organization.id)
    if wanted.since:
        rows = rows.filter(id__gte=uuid7_floor(wanted.since))
    if wanted.until:
        rows = rows.filter(id__lt=uuid7_floor(wanted.until))
    driver, rest = _drive(rows, wanted)
    return read_bounded_page(driver=driver, rest=rest, before=before, after=after)


def _drive(rows: QuerySet[OutboxItem], wanted: OutboxFilter) -> tuple[QuerySet[OutboxItem], Q]:
    exact = {"id": wanted.item_id, "request_id": wanted.request_id, "chat_id": wanted.chat_id}
    exact |= {"api_key_id": wanted.api_key_id, "line_id": wanted.line_id}
    conditions = [Q(**{name: value}) for name, value in exact.items() if value]
    if wanted.chat_ids is not None:
        conditions.insert(0, Q(chat_id__in=wanted.chat_ids))
    statuses = {"pending" if state == "held" else state for state in wanted.states}
    if wanted.errors:
        statuses = {OutboxStatus.FAILED.value}
    if len(statuses) == 1:
        conditions.append(Q(status=next(iter(statuses))))
    driver = rows.filter(conditions.pop(0)) if conditions else rows
    rest = Q()
    for condition in conditions:
        rest &= condition
    if wanted.states:
        rest &= _in_states(wanted.states)
    if wanted.errors:
        rest &= Q(error__in=wanted.errors)
    if wanted.operations:
        rest &= Q(operation__in=wanted.operations)
    return driver, rest


def _in_states(states: Sequence[str]) -> Q:
    found = Q(status__in=[state for state in states if state not in ("pending", "held")])
    if "pending" in states:
        found |= Q(status="pending", held_reason="")
    if "held" in states:
        found |= Q(status="pending") & ~Q(held_reason="")
    return found


def list_chat_ids(*, organization: Organization, identifier: str, limit: int = 100) -> list[UUID]:
    """The chats with a number or address, on whichever of the organization's lines. One query."""
    lines = Line.objects.filter(Q(organization=organization) | Q(is_sandbox=True))
    chats = Chat.objects.filter(line__in=lines.values("pk"), organization=organization, key=f"d:{identifier}")
    return list(chats.values_list("pk", flat=True)[:limit])


def get_outbox_item(*, organization: Organization, item: str) -> OutboxItem | None:
    """An item of the organization by ``obx_…``; None if it has none such."""
    key = parse_id(OUTBOX, item)
    return OutboxItem.objects.filter(pk=key, organization_id=organization.id).first() if key else None


def list_request_items(*, organization: Organization, request_id: str, limit: int = 10) -> list[OutboxItem]:
    """What one API request put into the outbox."""
    rows = OutboxItem.objects.filter(request_id=request_id, organization_id=organization.id)
    return list(rows.order_by("id")[:limit])
