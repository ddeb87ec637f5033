"""The event log is exact: no gap, no repeat, whatever the order of commits."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core.errors import InvalidRequestError
from core.ids import time_of, uuid7, uuid7_at
from events.consumers import consume, has_news, skip_to_end
from events.services import START, Cursor, LoggedEvent, NewEvent, add_history, append_events, get_end, read_events

pytestmark = pytest.mark.django_db(transaction=True)


def write(organization: UUID, count: int = 1, type_: str = "message.received") -> list[UUID]:
    new = [NewEvent(organization_id=organization, line_id=uuid4(), type=type_, data="{}") for _ in range(count)]
    with transaction.atomic():
        return append_events(new)


def test_events_come_back_in_order_and_page_by_cursor() -> None:
    organization = uuid4()
    keys = write(organization, 3) + write(organization, 2)
    first = read_events(START, limit=3, organization_id=organization)
    rest = read_events(Cursor.parse(str(first[-1].cursor)), limit=10, organization_id=organization)
    assert [e.id for e in first + rest] == keys


def test_an_open_transaction_hides_later_events_until_it_ends() -> None:
    organization = uuid4()
    inside, leave = threading.Event(), threading.Event()
    early: list[UUID] = []

    def slow_writer() -> None:
        with transaction.atomic():
            early.extend(append_events([NewEvent(organization_id=organization, line_id=uuid4(), type="a", data="{}")]))
            inside.set()
            assert leave.wait(10)
        connection.close()

    thread = threading.Thread(target=slow_writer)
    thread.start()
    assert inside.wait(10)
    late = write(organization)
    assert read_events(START, limit=10, organization_id=organization) == []
    leave.set()
    thread.join()
    assert [e.id for e in read_events(START, limit=10, organization_id=organization)] == early + late


def test_a_consumer_gets_each_event_once_with_many_processes_reading() -> None:
    organization = uuid4()
    seen: list[UUID] = []

    def handle(found: list[LoggedEvent]) -> None:
        seen.extend(e.id for e in found)

    skip_to_end("twice")
    keys = [key for _ in range(20) for key in write(organization, 5)]
    threads = [
        threading.Thread(target=lambda: (consume("twice", handle, batch=7), connection.close())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    consume("twice", handle)
    assert seen == keys
    assert not has_news("twice")


def test_a_consumer_that_fails_gets_the_same_events_again() -> None:
    organization = uuid4()
    skip_to_end("fails")
    keys = write(organization, 3)

    def refuse(found: list[LoggedEvent]) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        consume("fails", refuse)
    seen: list[UUID] = []
    consume("fails", lambda found: seen.extend(e.id for e in found))
    assert seen == keys


def test_the_end_of_the_log_is_after_everything_final() -> None:
    organization = uuid4()
    write(organization)
    end = get_end()
    assert read_events(end, limit=10, organization_id=organization) == []
    later = write(organization)
    assert [e.id for e in read_events(end, limit=10, organization_id=organization)] == later


@pytest.mark.parametrize("text", ["", "x", "W10", "WzEsMl0", "\x00", "WyJhIiwiYiJd", "é"])
def test_a_foreign_cursor_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Cursor.parse(text)
    assert caught.value.param == "after"


def test_the_log_is_read_by_its_index_and_only_where_it_can_be() -> None:
    organization = uuid4()
    write(organization, 3)
    with transaction.atomic(), connection.cursor() as cursor:
        # The planner may not choose by cost: with few rows and no statistics any path looks as cheap.
        for path in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            cursor.execute(f"SET LOCAL enable_{path} = off")
        with CaptureQueriesContext(connection) as queries:
            read_events(Cursor(1, uuid7()), limit=10)
        cursor.execute("EXPLAIN " + queries[-1]["sql"])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "xid_id_idx" in plan
    assert "->  Sort" not in plan
    assert plan.count("Index Scan") <= 4, "only the partitions around today, and the default one"


@pytest.mark.parametrize("has_begun", [False, True])
def test_history_is_read_first_and_told_to_no_consumer(has_begun: bool, settings: Any) -> None:
    """Whether a consumer has read something already or has never run."""
    settings.EVENT_CONSUMERS = {"webhooks": "some.task"}
    organization, seen = uuid4(), list[UUID]()

    def take(events: Sequence[LoggedEvent]) -> None:
        seen.extend(event.id for event in events)

    kept = write(organization)
    if has_begun:
        consume("webhooks", take)
    past = datetime.now(tz=UTC) - timedelta(days=12)
    key = uuid7_at(past)
    event = NewEvent(organization_id=organization, line_id=uuid4(), type="a", data="{}", occurred_at=past)
    add_history([(key, event)])
    kept += write(organization)
    consume("webhooks", take)
    assert seen == kept
    assert [e.id for e in read_events(START, limit=9, organization_id=organization)] == [key, *kept]
    assert time_of(key) == past.replace(microsecond=past.microsecond // 1000 * 1000)
