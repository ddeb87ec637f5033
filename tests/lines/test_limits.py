"""Meters against a recount from the messages, and what counting costs."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from lines.models import Line, LineHour, SandboxUsage
from lines.services.counting import count_failed, count_held, count_inbound, count_outbound
from lines.services.limits import get_meters, get_worst_meters
from lines.services.provisioning import ensure_sandbox_line
from messaging.models import Chat, Message
from messaging.services.messages import NewMessage, write_message

START = datetime(2026, 3, 10, 22, tzinfo=UTC)
ME = "+15550100042"


def open_chat(line: Line, organization: Organization, number: int) -> Chat:
    handle = f"+1555020{number:04}"
    return Chat.objects.create(
        organization=organization, line=line, key=f"d:{handle}", identifier=handle, participants=[handle]
    )


def write(chat: Chat, at: datetime, *, is_from_me: bool, guid: str, phase: str = "live") -> None:
    sender = ME if is_from_me else chat.identifier
    new = NewMessage(chat=chat, guid=guid, sender=sender, text="x", is_from_me=is_from_me, sent_at=at, phase=phase)
    assert write_message(new, line_handle=ME) is not None


def recount(messages: Sequence[Message], at: datetime) -> dict[str, float]:
    """Every meter straight from the definitions, over messages in the order they were written."""
    today = at.replace(hour=0, minute=0, second=0, microsecond=0)
    hour = at.replace(minute=0, second=0, microsecond=0)
    last_in: dict[UUID, datetime] = {}
    first_is_theirs: dict[UUID, bool] = {}
    streak: dict[UUID, int] = {}
    contacts: set[str] = set()
    minutes: dict[datetime, int] = {}
    found = {"reach_outs": 0.0, "new_contacts": 0.0}
    out = into = replies = 0
    for m in messages:
        counts = m.phase != "backfill"
        is_today = today <= m.sent_at < today + timedelta(days=1)
        is_24h = hour - timedelta(hours=23) <= m.sent_at < hour + timedelta(hours=1)
        first_is_theirs.setdefault(m.chat_id, not m.is_from_me)
        if m.is_from_me:
            last = last_in.get(m.chat_id)
            reaches = last is None or last < m.sent_at - timedelta(hours=24)
            if counts:
                streak[m.chat_id] = streak.get(m.chat_id, 0) + 1
                out += is_24h
                replies += is_24h and not reaches
                found["reach_outs"] += is_today and reaches
                if is_today:
                    minute = m.sent_at.replace(second=0, microsecond=0)
                    minutes[minute] = minutes.get(minute, 0) + 1
            continue
        if counts:
            streak[m.chat_id] = 0
            into += is_24h
            found["new_contacts"] += m.chat_id not in last_in and hour <= m.sent_at < hour + timedelta(hours=1)
            if is_today and first_is_theirs[m.chat_id]:
                contacts.add(m.sender)
        last_in[m.chat_id] = max(m.sent_at, last_in.get(m.chat_id, m.sent_at))
    found["contacts"] = len(contacts)
    found["throughput"] = max(minutes.values(), default=0) / 60
    found["unanswered"] = max(streak.values(), default=0)
    found["ratio"] = round(out / max(1, into), 2)
    found["replies"] = replies
    return found


HOUR = 3600
# within a minute, to the edges of the windows of 23 and 24 hours, over midnight, and back
JUMPS = [0, 1, 20, 61, HOUR, 9 * HOUR, 23 * HOUR, 24 * HOUR, 24 * HOUR + 1, 26 * HOUR, -40, -5 * HOUR, -30 * HOUR]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),  # which contact
        st.booleans(),  # from us
        st.sampled_from(JUMPS),  # the clock moves
        st.sampled_from(["live", "live", "live", "late", "backfill"]),
    ),
    max_size=25,
)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
@example(steps=[(0, False, 0, "live"), (0, True, 24 * HOUR, "live")])  # an answer at the last moment
@example(steps=[(0, True, 0, "live"), (1, True, 23 * HOUR, "live")])  # the first of the 24 hours
def test_every_meter_equals_a_recount_whatever_the_clock_does(line: Line, lumen: Organization, steps: Any) -> None:
    Message.objects.all().delete()
    Chat.objects.all().delete()
    LineHour.objects.all().delete()
    connection.cursor().execute("DELETE FROM lines_linedaycontact")
    chats = [open_chat(line, lumen, number) for number in range(4)]
    at = START
    moments = {START}
    for index, (contact, is_from_me, seconds, phase) in enumerate(steps):
        at += timedelta(seconds=seconds)
        moments.add(at)
        write(chats[contact], at, is_from_me=is_from_me, guid=f"g{index}", phase=phase)
    written = list(Message.objects.order_by("id"))
    for moment in sorted(moments)[-6:]:
        meters = {meter.name: meter.used for meter in get_meters(line=line, at=moment)}
        assert meters == recount(written, moment)


def test_counting_adds_one_statement_to_a_message(chat: Chat) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        write(chat, START, is_from_me=True, guid="a")
        write(chat, START, is_from_me=False, guid="b")
    counting = [query["sql"] for query in queries if "lines_linehour" in query["sql"]]
    assert len(counting) == 2


def test_a_day_and_an_hour_end_at_utc_midnight(line: Line, lumen: Organization) -> None:
    chat = open_chat(line, lumen, 1)
    before = datetime(2026, 3, 10, 23, 59, 59, tzinfo=UTC)
    write(chat, before, is_from_me=True, guid="a")
    assert {m.name: m.used for m in get_meters(line=line, at=before)}["reach_outs"] == 1
    after = {m.name: m for m in get_meters(line=line, at=before + timedelta(seconds=1))}
    assert after["reach_outs"].used == 0
    assert after["ratio"].used == 1
    assert after["reach_outs"].resets_at == datetime(2026, 3, 12, tzinfo=UTC)


def test_failures_and_holds_are_counted_by_hour(line: Line) -> None:
    for _ in range(3):
        count_failed(line_id=line.id, at=START)
    count_held(line_id=line.id, at=START)
    assert LineHour.objects.values_list("failed", "held").get(line=line) == (3, 1)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_lost_when_eight_count_at_once(line: Line) -> None:
    def count(number: int) -> None:
        try:
            for index in range(20):
                count_outbound(line_id=line.id, at=START, is_reach_out=bool(index % 2))
                count_inbound(
                    line_id=line.id, contact=f"c{index}", at=START, is_new_contact=False, starts_conversation=True
                )
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    row = LineHour.objects.get(line=line)
    assert (row.outbound, row.inbound, row.reach_outs, row.contacts, row.peak_minute) == (160, 160, 80, 20, 160)
    assert row.minutes[START.minute] == 160
    assert sum(row.minutes) == 160


@pytest.mark.django_db(transaction=True)
def test_messages_of_one_chat_written_at_once_are_all_counted(line: Line, lumen: Organization) -> None:
    chat = open_chat(line, lumen, 1)

    def send(number: int) -> None:
        try:
            for index in range(10):
                write(chat, START, is_from_me=True, guid=f"{number}-{index}")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, range(6)))
    assert {m.name: m.used for m in get_meters(line=line, at=START)} | {"replies": 0} == {
        "reach_outs": 60,
        "contacts": 0,
        "throughput": 1,
        "unanswered": 60,
        "ratio": 60,
        "replies": 0,
        "new_contacts": 0,
    }


def test_a_hundred_lines_cost_as_many_queries_as_one(lumen: Organization) -> None:
    lines = [Line.objects.create(organization=lumen, handle=f"+1555030{n:04}") for n in range(100)]
    moment = datetime.now(tz=UTC)
    for line in lines[:40]:
        for _ in range(random.Random(line.handle).randint(0, 4)):
            count_outbound(line_id=line.id, at=moment, is_reach_out=True)
    with CaptureQueriesContext(connection) as few:
        get_worst_meters(lines=lines[:1], at=moment)
    with CaptureQueriesContext(connection) as many:
        found = get_worst_meters(lines=lines, at=moment)
    assert len(few) == len(many) == 2
    assert found[lines[0].id] == max(get_meters(line=lines[0], at=moment), key=lambda m: m.percent)


def test_the_sandbox_line_shows_only_the_organizations_own_budget(lumen: Organization, other: Organization) -> None:
    sandbox = ensure_sandbox_line()
    SandboxUsage.objects.create(organization=lumen, day=START.date(), used=50)
    count_outbound(line_id=sandbox.id, at=START, is_reach_out=True)
    [mine] = get_meters(line=sandbox, at=START, organization=lumen)
    [theirs] = get_meters(line=sandbox, at=START, organization=other)
    assert (mine.used, mine.limit, mine.state, mine.is_enforced) == (50, 50, "alarm", True)
    assert theirs.used == 0
    assert get_meters(line=sandbox, at=START) == []


def test_a_line_that_warms_up_has_smaller_limits(line: Line) -> None:
    line.warmup_started_at, line.warmup_days = START, 10
    limits = {m.name: m.limit for m in get_meters(line=line, at=START)}
    assert (limits["reach_outs"], limits["contacts"], limits["unanswered"]) == (20, 100, 5)
