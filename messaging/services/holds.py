"""Strict lines: a send that would exceed guidance waits, visibly, and goes out by itself when the window allows.

A held item is pending with ``held_reason``, ``resumes_at`` and a ``not_before`` in the future. It is decided twice:
when it is queued, so that the caller sees it at once, and again before dispatch, under a lock of the line, where it is
exact. Lines that are not strict pay nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from core.clock import now
from core.hints import send_hint
from events.services import NewEvent, append_events
from events.types import OUTBOX_UPDATED
from lines.limit_math import HOUR, MAX_RATIO, MAX_UNANSWERED, REPLY_WINDOW, floor_hour, is_reach_out, next_day
from lines.models import Line
from lines.services.limits import count_held, get_meters, get_reach_out_limit
from messaging.models import Chat, OutboxItem, OutboxStatus
from messaging.payloads import encode, outbox_data

SENDS = ("send", "audio")
UNANSWERED_RECHECK = timedelta(hours=24)  # an answer releases it at once; without one it is looked at again then


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """Why an item waits, by the name of the meter, and when it is tried again at the latest."""

    reason: str
    resumes_at: datetime


@dataclass(slots=True)
class _Ahead:
    """Sends of the line that are as good as out: they will be counted, but are not yet."""

    reach_outs: int = 0
    outbound: int = 0
    of_chat: int = 0


def decide_queue_hold(*, line_id: UUID, chat_id: UUID) -> Hold | None:
    """For an item about to be queued on a strict line: what is open ahead of it counts as sent."""
    moment = now()
    line, chat = Line.objects.get(id=line_id), Chat.objects.get(id=chat_id)
    return _decide(line, chat, moment, _count_ahead(line, chat, moment, only_started=False))


def decide_hold(*, line: Line, chat: Chat, at: datetime) -> Hold | None:
    """Whether a send to ``chat`` at ``at`` must wait. None for a line that is not strict."""
    if not line.is_strict or line.is_sandbox:
        return None
    return _decide(line, chat, at, _count_ahead(line, chat, at, only_started=True))


def hold_back(
    items: Sequence[OutboxItem], *, lines: Mapping[UUID, Line], chats: Mapping[UUID, Chat], token: UUID
) -> list[OutboxItem]:
    """Before dispatch: puts claimed items back that would exceed guidance now, and returns those that may go.

    Call it in the transaction that writes the start mark: each strict line is locked until its end, so two workers
    cannot both take the last place. Without strict lines there is no query.
    """
    strict = sorted({item.line_id for item in items if item.operation in SENDS and lines[item.line_id].is_strict})
    for line_id in strict:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [line_id.hex])
    may_go, moment = [], now()
    allowed: dict[UUID, _Ahead] = {line_id: _Ahead() for line_id in strict}
    for item in items:
        line, chat = lines[item.line_id], chats[item.chat_id]
        if item.operation not in SENDS or line.id not in allowed or line.is_sandbox:
            may_go.append(item)
            continue
        ahead, granted = _count_ahead(line, chat, moment, only_started=True), allowed[line.id]
        ahead.reach_outs += granted.reach_outs
        ahead.outbound += granted.outbound
        hold = _decide(line, chat, moment, ahead)
        if hold is not None:
            _hold(item, hold, token)
            continue
        granted.outbound += 1
        granted.reach_outs += is_reach_out(last_inbound_at=chat.last_inbound_at, at=moment)
        may_go.append(item)
    return may_go


def release_answered(*, chat_id: UUID) -> int:
    """The contact has answered: what waited for that goes out. In the inbound transaction."""
    return _release(chat_id=chat_id, held_reason="unanswered")


def release_line(*, line_id: UUID) -> int:
    """Strict mode was switched off: nothing is held any longer."""
    return _release(line_id=line_id)


def _release(**only: object) -> int:
    rows = OutboxItem.objects.filter(status=OutboxStatus.PENDING, **only).exclude(held_reason="")
    count = rows.update(not_before=now(), held_reason="", resumes_at=None)
    if count:
        transaction.on_commit(lambda: send_hint("messaging.tasks.dispatch_outbox"))
    return count


def _decide(line: Line, chat: Chat, at: datetime, ahead: _Ahead) -> Hold | None:
    if chat.unanswered + ahead.of_chat >= MAX_UNANSWERED:
        return Hold(reason="unanswered", resumes_at=at + UNANSWERED_RECHECK)
    meters = {meter.name: meter for meter in get_meters(line=line, at=at)}
    if is_reach_out(last_inbound_at=chat.last_inbound_at, at=at):
        used = meters["reach_outs"].used + ahead.reach_outs
        if used >= get_reach_out_limit(line=line, at=at):
            return Hold(reason="reach_outs", resumes_at=next_day(at))
    inbound, outbound = _last_day(line.id, at)
    if outbound + ahead.outbound + 1 > MAX_RATIO * max(1, inbound):
        return Hold(reason="ratio", resumes_at=floor_hour(at) + HOUR)
    return None


def _last_day(line_id: UUID, at: datetime) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(inbound), 0), coalesce(sum(outbound), 0) FROM lines_linehour"
            " WHERE line_id = %s AND hour > %s AND hour <= %s",
            [line_id, floor_hour(at) - 24 * HOUR, floor_hour(at)],
        )
        inbound, outbound = cursor.fetchone()
    return inbound, outbound


def _count_ahead(line: Line, chat: Chat, at: datetime, *, only_started: bool) -> _Ahead:
    state = (
        "o.status = 'claimed' AND o.started_at IS NOT NULL" if only_started else "o.status IN ('pending', 'claimed')"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE o.held_reason = '' AND coalesce(c.last_inbound_at, '-infinity') < %s),"
            " count(*) FILTER (WHERE o.held_reason = ''), count(*) FILTER (WHERE o.chat_id = %s)"
            " FROM messaging_outboxitem o JOIN messaging_chat c ON c.id = o.chat_id"
            f" WHERE o.line_id = %s AND o.operation IN ('send', 'audio') AND {state}",
            [at - REPLY_WINDOW, chat.id, line.id],
        )
        return _Ahead(*cursor.fetchone())


def _hold(item: OutboxItem, hold: Hold, token: UUID) -> None:
    values = {
        "status": OutboxStatus.PENDING,
        "held_reason": hold.reason,
        "resumes_at": hold.resumes_at,
        "not_before": hold.resumes_at,
        "deadline_at": extend_deadline(item.deadline_at, hold),
        "claim_token": None,
        "lease_until": None,
    }
    mine = OutboxItem.objects.filter(pk=item.pk, claim_token=token, status=OutboxStatus.CLAIMED)
    if not mine.update(**values):
        return  # another worker has it by now
    for name, value in values.items():
        setattr(item, name, value)
    count_held(line_id=item.line_id, at=now())
    data = encode(outbox_data(item))
    append_events(
        [
            NewEvent(
                organization_id=item.organization_id,
                line_id=item.line_id,
                chat_id=item.chat_id,
                type=OUTBOX_UPDATED,
                object_id=item.id,
                data=data,
            )
        ]
    )


def extend_deadline(deadline_at: datetime, hold: Hold) -> datetime:
    """A window that opens by itself must not open too late; for an answer that may never come nothing is extended."""
    if hold.reason == "unanswered":
        return deadline_at
    return max(deadline_at, hold.resumes_at + timedelta(hours=settings.OUTBOX_DEADLINE_HOURS))
