"""The outbox's life: claims, leases, fencing, outcomes (spec transports §3; drawn in docs/outbox.md).

A claim is one atomic statement with a fresh random token. Every later write names the token: a worker that lost its
lease changes nothing. ``started_at`` is written before the first side effect, so an expired lease is decidable:
not started -> back in the queue; started -> reconcile, never dispatch again.
"""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from core.clock import now
from events.services import NewEvent, append_events
from events.types import OUTBOX_UPDATED
from messaging.models import Operation, OutboxItem, OutboxStatus
from messaging.payloads import encode, outbox_data
from messaging.services.claim_sql import CLAIM, NEXT_PACE
from messaging.services.sent import record_failed, record_reaction_sent, record_sent
from transports.base import Disposition, Outcome

logger = logging.getLogger(__name__)
RETRY_SECONDS = (2.0, 15.0, 60.0)
RECONCILE_WINDOW = timedelta(seconds=120)
IN_FLIGHT_PER_LINE = 4
CLAIM_LOCK = 0x6F7574626F78  # claims take turns, so that what is in flight per line is counted exactly
LEASE_CEILING, FILE_LEASE_CEILING = timedelta(minutes=5), timedelta(minutes=25)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Items that this worker holds until ``lease_until`` of each; ``token`` proves it."""

    token: UUID
    items: list[OutboxItem]


@transaction.atomic
def claim_items(*, worker: str, transports: Sequence[str], limit: int = 50) -> Claimed:
    """Takes ready items, oldest first, and announces them; of a paced line no more than its pace allows.

    Safe in any number of processes.
    """
    token = uuid4()
    values: dict[str, Any] = {
        "token": token,
        "worker": worker[:80],
        "lease": settings.OUTBOX_LEASE_SECONDS,
        "transports": list(transports),
        "room": IN_FLIGHT_PER_LINE,
        "pace": settings.LINE_MESSAGES_PER_SECOND,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])
        cursor.execute(CLAIM, values)
        keys = [row[0] for row in cursor.fetchall()]
    items = list(OutboxItem.objects.filter(pk__in=keys).order_by("id")) if keys else []
    append_events([_change_of(item) for item in items])
    return Claimed(token, items)


def seconds_until_pace(*, within: float) -> float | None:
    """How long until a paced line may send its next waiting message; None if not ``within`` so many seconds."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT_PACE, [within])
        (found,) = cursor.fetchone()
    return float(found) if found is not None else None


def start_items(claimed: Claimed) -> list[OutboxItem]:
    """The start mark, for all items of a claim at once; returns those that are still ours."""
    moment = now()
    keys = [item.pk for item in claimed.items]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_outboxitem SET started_at = %s, attempts = attempts + 1"
            " WHERE id = ANY(%s) AND claim_token = %s AND status = 'claimed' AND lease_until > now() RETURNING id",
            [moment, keys, claimed.token],
        )
        ours = {row[0] for row in cursor.fetchall()}
    started = [item for item in claimed.items if item.pk in ours]
    for item in started:
        item.started_at, item.attempts, item.claim_token = moment, item.attempts + 1, claimed.token
    return started


def renew_leases(items: Sequence[OutboxItem]) -> int:
    """Another lease for items that are still ours, up to the ceiling of their kind. Returns how many got one."""
    moment, renewed = now(), 0
    for item in items:
        ceiling = FILE_LEASE_CEILING if item.content.get("files") else LEASE_CEILING
        if item.started_at is None or moment < item.started_at + ceiling:
            until = moment + timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
            renewed += _held(item).update(lease_until=until)
    return renewed


def note_part_sent(item: OutboxItem, *, guid: str) -> bool:
    """A part of several has arrived; the first part's guid is the item's. False if the item is no longer ours."""
    item.parts_sent += 1
    item.guid = item.guid or guid
    item.part_guids = [*item.part_guids, guid]
    return bool(_held(item).update(parts_sent=item.parts_sent, guid=item.guid, part_guids=item.part_guids))


def finish_item(item: OutboxItem, outcome: Outcome) -> str:
    """Writes what a try led to, with message, event and counters in one transaction.

    Returns the item's new status, or ``stale`` when another worker has it: then nothing is written.
    """
    with transaction.atomic():
        if not _lock(item):
            logger.warning("%s: a stale claim reported %s", item.public_id, outcome.disposition)
            return "stale"
        match outcome.disposition:
            case Disposition.CONFIRMED:
                _sent(item, outcome)
            case Disposition.REJECTED:
                _failed(item, outcome.code or "engine_error", outcome.detail)
            case Disposition.NOT_STARTED:
                _again(item, outcome)
            case Disposition.ACCEPTED | Disposition.UNKNOWN:
                _wait_for_reconcile(item)
        return str(item.status)


@transaction.atomic
def release_expired() -> int:
    """Puts items back whose worker vanished before it started, and gives up what passed its deadline."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_outboxitem SET status = 'pending', claim_token = NULL, lease_until = NULL"
            " WHERE id IN (SELECT id FROM messaging_outboxitem WHERE status = 'claimed' AND lease_until < now()"
            " AND started_at IS NULL ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED) RETURNING id"
        )
        keys = [row[0] for row in cursor.fetchall()]
    if keys:
        append_events([_change_of(item) for item in OutboxItem.objects.filter(pk__in=keys).order_by("id")])
    return len(keys) + _expire()


def claim_started(*, worker: str, limit: int = 50) -> Claimed:
    """Takes items whose lease ran out after the start mark: their outcome must be found out."""
    token = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_outboxitem SET claim_token = %s, claimed_by = %s,"
            " lease_until = now() + make_interval(secs => %s) WHERE id IN ("
            "SELECT id FROM messaging_outboxitem WHERE status = 'claimed' AND lease_until < now()"
            " AND started_at IS NOT NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id",
            [token, worker[:80], settings.OUTBOX_LEASE_SECONDS, limit],
        )
        keys = [row[0] for row in cursor.fetchall()]
    items = list(OutboxItem.objects.filter(pk__in=keys).order_by("id")) if keys else []
    return Claimed(token, items)


def finish_reconciled(item: OutboxItem, outcome: Outcome) -> str:
    """As ``finish_item``; an outcome that stays open waits until the window has passed and is then unknown."""
    open_still = outcome.disposition in (Disposition.UNKNOWN, Disposition.ACCEPTED)
    if open_still and item.started_at is not None and now() > item.started_at + RECONCILE_WINDOW:
        outcome = Outcome(disposition=Disposition.REJECTED, code="delivery_unknown", detail=outcome.detail)
    return finish_item(item, outcome)


def _held(item: OutboxItem) -> QuerySet[OutboxItem]:
    return OutboxItem.objects.filter(pk=item.pk, claim_token=item.claim_token, status=OutboxStatus.CLAIMED)


def _lock(item: OutboxItem) -> bool:
    return _held(item).select_for_update().exists()


def _write(item: OutboxItem, **values: object) -> None:
    for name, value in values.items():
        setattr(item, name, value)
    OutboxItem.objects.filter(pk=item.pk).update(**values)


def _change_of(item: OutboxItem) -> NewEvent:
    return NewEvent(
        organization_id=item.organization_id,
        line_id=item.line_id,
        chat_id=item.chat_id,
        type=OUTBOX_UPDATED,
        object_id=item.id,
        data=encode(outbox_data(item)),
    )


def _announce(item: OutboxItem) -> None:
    append_events([_change_of(item)])


def _sent(item: OutboxItem, outcome: Outcome) -> None:
    at = outcome.sent_at or now()
    message_id: UUID | None = None
    if item.operation in (Operation.SEND, Operation.AUDIO):
        message_id = record_sent(item=item, guid=item.guid or outcome.guid or "", sent_at=at, service=outcome.service)
    elif item.operation == Operation.REACT:
        record_reaction_sent(item=item, guid=outcome.guid, sent_at=at)
    _write(
        item,
        status=OutboxStatus.SENT,
        completed_at=now(),
        message_id=message_id,
        guid=item.guid or outcome.guid or "",
        error=None,
        error_detail="",
        claim_token=None,
        lease_until=None,
    )
    _announce(item)


def _failed(item: OutboxItem, code: str, detail: str) -> None:
    if item.parts_sent:
        code = "partial_delivery"
    _write(
        item,
        status=OutboxStatus.FAILED,
        completed_at=now(),
        error=code[:60],
        error_detail=detail[:300],
        claim_token=None,
        lease_until=None,
    )
    record_failed(item=item, code=code)


def _again(item: OutboxItem, outcome: Outcome) -> None:
    """Nothing happened: back into the queue, later; after the last attempt it has failed."""
    if item.parts_sent or item.attempts >= item.max_attempts:
        _failed(item, outcome.code or "engine_error", outcome.detail)
        return
    pause = RETRY_SECONDS[min(max(item.attempts, 1), len(RETRY_SECONDS)) - 1] * random.uniform(1.0, 1.1)
    _write(
        item,
        status=OutboxStatus.PENDING,
        not_before=now() + timedelta(seconds=max(pause, outcome.retry_after_seconds or 0)),
        error_detail=f"{outcome.code or 'engine_error'} {outcome.detail}".strip()[:300],
        claim_token=None,
        lease_until=None,
        started_at=None,
    )
    _announce(item)


def _wait_for_reconcile(item: OutboxItem) -> None:
    """The outcome is open: the lease ends now, so that the next look finds the item and asks the transport."""
    _write(item, lease_until=now() + timedelta(milliseconds=200), claim_token=None)


def _expire() -> int:
    expired = 0
    rows = OutboxItem.objects.filter(status=OutboxStatus.PENDING, deadline_at__lt=now()).order_by("id")
    for key in list(rows.values_list("pk", flat=True)[:500]):
        with transaction.atomic():
            locked = OutboxItem.objects.select_for_update(skip_locked=True)
            item = locked.filter(pk=key, status=OutboxStatus.PENDING).first()
            if item is not None:
                late = item.held_reason or item.operation in (Operation.TYPING, Operation.READ)
                detail = "Its time had passed before it could be sent."
                if item.held_reason:
                    detail = f"The strict line held it ({item.held_reason}) until its time had passed."
                _failed(item, "expired" if late else "line_offline", detail)
                expired += 1
    return expired
