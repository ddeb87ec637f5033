"""Strict lines hold what would exceed guidance, and let it go when the window allows."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Organization
from core.clock import now
from lines.limit_math import next_day
from lines.models import Line, LineHour
from lines.services.counting import count_inbound, count_outbound
from messaging.addressing import Sender
from messaging.models import Chat, OutboxItem, OutboxStatus
from messaging.payloads import outbox_data
from messaging.services.dispatch import dispatch_due
from messaging.services.holds import decide_hold, release_line
from messaging.services.send import queue_message
from tests.messaging.inbound import PEER, take_in, upsert

PHONES = [f"+1555010{n:04}" for n in range(201, 209)]


@pytest.fixture
def strict(line: Line) -> Line:
    line.is_strict = True
    line.save()
    return line


def open_chat(line: Line, organization: Organization, handle: str, **fields: Any) -> Chat:
    return Chat.objects.create(
        organization=organization,
        line=line,
        key=f"d:{handle}",
        identifier=handle,
        guids=[f"any;-;{handle}"],
        participants=[handle],
        has_received_inbound=True,
        **fields,
    )


def send(organization: Organization, line: Line, chat: Chat) -> OutboxItem:
    sender = Sender(organization_id=organization.id)
    queued = queue_message(sender=sender, line=line.handle, to=chat.public_id, text="hi")
    return OutboxItem.objects.get(pk=queued.id)


def use_reach_outs(line: Line, number: int) -> None:
    moment = now()
    for _ in range(number):
        count_outbound(line_id=line.id, at=moment, is_reach_out=True)
        count_inbound(line_id=line.id, contact="x", at=moment, is_new_contact=False, starts_conversation=False)


def test_a_reach_out_beyond_the_days_budget_waits_until_midnight_and_shows_it(
    strict: Line, chat: Chat, lumen: Organization
) -> None:
    use_reach_outs(strict, 200)
    item = send(lumen, strict, chat)
    assert (item.status, item.held_reason, item.resumes_at) == ("pending", "reach_outs", next_day(now()))
    assert item.not_before == item.resumes_at
    assert item.deadline_at > item.resumes_at
    assert outbox_data(item)["held_reason"] == "reach_outs"
    assert LineHour.objects.get(line=strict).held == 1


def test_an_answer_within_24_hours_is_never_held_for_the_budget(strict: Line, chat: Chat, lumen: Organization) -> None:
    use_reach_outs(strict, 200)
    Chat.objects.update(last_inbound_at=now() - timedelta(hours=23))
    assert send(lumen, strict, chat).held_reason == ""


def test_a_line_that_is_not_strict_holds_nothing_and_pays_nothing(line: Line, chat: Chat, lumen: Organization) -> None:
    use_reach_outs(line, 300)
    with CaptureQueriesContext(connection) as queries:
        item = send(lumen, line, chat)
    assert item.held_reason == ""
    assert len(queries) == 2  # the one that looks up, checks and inserts, and this test's own look


def test_the_sixth_unanswered_message_waits_for_an_answer(strict: Line, lumen: Organization) -> None:
    chat = open_chat(strict, lumen, PEER, unanswered=4, last_inbound_at=now())
    assert send(lumen, strict, chat).held_reason == ""
    held = send(lumen, strict, chat)
    assert held.held_reason == "unanswered"
    take_in(strict, upsert("G-1"))
    held.refresh_from_db()
    assert (held.held_reason, held.resumes_at) == ("", None)
    assert held.not_before <= now()


def test_more_than_ten_out_for_one_in_waits_for_the_next_hour(strict: Line, lumen: Organization) -> None:
    for _ in range(10):
        count_outbound(line_id=strict.id, at=now(), is_reach_out=False)
    chat = open_chat(strict, lumen, PEER, last_inbound_at=now())
    item = send(lumen, strict, chat)
    assert item.held_reason == "ratio"
    assert item.resumes_at is not None
    assert item.resumes_at - now() <= timedelta(hours=1)


def test_a_line_that_warms_up_holds_earlier(strict: Line, chat: Chat, lumen: Organization) -> None:
    Line.objects.update(warmup_started_at=now(), warmup_days=10)
    use_reach_outs(strict, 20)
    assert send(lumen, strict, chat).held_reason == "reach_outs"


def test_dispatch_holds_back_what_was_queued_before_the_line_became_strict(line: Line, lumen: Organization) -> None:
    use_reach_outs(line, 197)
    items = [send(lumen, line, open_chat(line, lumen, handle)) for handle in PHONES]
    Line.objects.update(is_strict=True)
    dispatch_due()
    states = [OutboxItem.objects.get(pk=item.pk) for item in items]
    assert [item.held_reason for item in states] == [""] * 3 + ["reach_outs"] * 5
    assert [item.status for item in states[3:]] == ["pending"] * 5
    assert all(item.attempts == 0 for item in states[3:])


def test_a_held_item_goes_out_when_its_time_comes_and_the_window_allows(
    strict: Line, chat: Chat, lumen: Organization
) -> None:
    use_reach_outs(strict, 200)
    item = send(lumen, strict, chat)
    OutboxItem.objects.update(not_before=now() - timedelta(hours=1))  # its time comes, the window is still full
    dispatch_due()
    item.refresh_from_db()
    assert (item.status, item.held_reason) == ("pending", "reach_outs")
    LineHour.objects.update(hour=now() - timedelta(days=2))
    OutboxItem.objects.update(not_before=now() - timedelta(hours=1))
    dispatch_due()
    item.refresh_from_db()
    assert item.held_reason == ""
    assert item.status != OutboxStatus.PENDING


def test_switching_strict_mode_off_lets_everything_go(strict: Line, chat: Chat, lumen: Organization) -> None:
    use_reach_outs(strict, 200)
    item = send(lumen, strict, chat)
    assert release_line(line_id=strict.id) == 1
    item.refresh_from_db()
    assert (item.held_reason, item.resumes_at) == ("", None)


def test_decide_hold_says_nothing_about_lines_that_are_not_strict(line: Line, chat: Chat) -> None:
    use_reach_outs(line, 300)
    assert decide_hold(line=line, chat=chat, at=now()) is None
    line.is_strict = True
    hold = decide_hold(line=line, chat=chat, at=now())
    assert hold is not None
    assert hold.reason == "reach_outs"


def test_an_item_held_until_its_deadline_says_so_and_blames_no_line(strict: Line, lumen: Organization) -> None:
    chat = open_chat(strict, lumen, PEER, unanswered=5, last_inbound_at=now())
    item = send(lumen, strict, chat)
    OutboxItem.objects.update(deadline_at=now() - timedelta(seconds=1))
    dispatch_due()
    item.refresh_from_db()
    assert (item.status, item.error) == (OutboxStatus.FAILED, "expired")
    assert "held it (unanswered)" in item.error_detail
