"""When to try again and when to stop, as tables."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from webhooks_app.error_texts import ERROR_TEXTS, describe_error, status_class
from webhooks_app.histogram import SIZE, bucket_of, percentile
from webhooks_app.retry import (
    SCHEDULE_SECONDS,
    Breaker,
    clock_of_answer,
    failing_step,
    is_success,
    next_wait,
    parse_retry_after,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def wait(tries: int, status: int | None = 500, retry_after: str = "", chance: float = 0.0) -> float | None:
    return next_wait(tries, status=status, retry_after=retry_after, now=NOW, chance=chance)


def test_the_schedule_is_eight_attempts_over_a_day() -> None:
    assert [wait(tries) for tries in range(1, 10)] == [5, 60, 300, 1800, 7200, 28800, 57600, None, None]
    assert 26 < sum(SCHEDULE_SECONDS) / 3600 < 28
    assert wait(1, chance=0.999) == pytest.approx(5.5, abs=0.01)


@pytest.mark.parametrize(
    ("status", "header", "expected"),
    [
        (429, "120", 120), (503, "120", 120), (500, "120", 5), (429, "0", 1), (429, "999999999999", 86400),
        (503, "Thu, 01 Jan 2026 00:10:00 GMT", 600), (503, "Thu, 01 Jan 2020 00:00:00 GMT", 1),
        (503, "Thu, 01 Jan 2099 00:00:00 GMT", 86400), (503, "soon", 5), (503, "-5", 5), (429, "1.5", 5),
        (410, "120", None),
    ],
)  # fmt: skip
def test_retry_after_moves_the_next_try(status: int, header: str, expected: float | None) -> None:
    assert wait(1, status, header) == expected


def test_retry_after_never_adds_an_attempt() -> None:
    assert wait(8, 429, "5") is None


@pytest.mark.parametrize("value", ["", "x", "1 2", "\u0663", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_a_retry_after_that_means_nothing_is_nothing(value: str) -> None:
    assert parse_retry_after(value, NOW) is None


def test_success_is_any_2xx() -> None:
    assert [status for status in (None, 199, 200, 204, 299, 300, 302, 404, 500) if is_success(status)] == [
        200,
        204,
        299,
    ]


def test_the_breaker_opens_after_twenty_failures_and_lets_one_probe_through() -> None:
    breaker = Breaker()
    for _ in range(19):
        breaker = breaker.after(100.0, success=False)
    assert breaker.room(100.0, cap=20, in_flight=5) == 15
    breaker = breaker.after(100.0, success=False)
    assert breaker.room(129.0, cap=20, in_flight=0) == 0
    assert breaker.room(130.0, cap=20, in_flight=0) == 1
    assert breaker.room(130.0, cap=20, in_flight=1) == 0
    assert breaker.after(131.0, success=False).room(140.0, cap=20, in_flight=0) == 0
    assert breaker.after(131.0, success=True).room(131.0, cap=20, in_flight=0) == 20


@pytest.mark.parametrize(
    ("hours", "warned", "expected"),
    [(23, 0, None), (24, 0, "warn"), (25, 1, None), (95, 1, None), (96, 1, "warn"), (97, 2, None), (119, 2, None),
     (120, 2, "switch_off"), (120, 0, "switch_off")],
)  # fmt: skip
def test_steady_failure_is_reported_twice_and_then_ends(hours: int, warned: int, expected: str | None) -> None:
    assert failing_step(NOW, NOW + timedelta(hours=hours), warned) == expected


def test_an_endpoint_that_nothing_was_sent_to_has_proved_nothing() -> None:
    assert failing_step(None, NOW, 0) is None
    assert failing_step(NOW, None, 0) is None
    assert failing_step(NOW, NOW, 0) is None


def test_every_status_has_words() -> None:
    for status in range(200, 600):
        name = status_class(status)
        assert (name == "") is (status < 300)
        if name:
            assert describe_error(name).advice
    for code in (301, 401, 403, 404, 410, 413, 429, 500):
        assert status_class(code) in ERROR_TEXTS
    assert all(text.meaning.endswith(".") and text.advice.endswith(".") for text in ERROR_TEXTS.values())


def test_percentiles_come_close() -> None:
    histogram = [0] * SIZE
    for value in range(1, 1001):
        histogram[bucket_of(value)] += 1
    found = [percentile(histogram, share) for share in (0.5, 0.95, 0.99)]
    assert found == [pytest.approx(500, rel=0.06), pytest.approx(950, rel=0.06), pytest.approx(990, rel=0.06)]
    assert percentile([0] * SIZE, 0.5) is None
    assert bucket_of(10**9) == SIZE - 1


@pytest.mark.parametrize("ahead_seconds", [-86_400, -30, 0, 3_600])
def test_a_date_in_retry_after_is_read_by_the_servers_own_clock(ahead_seconds: int) -> None:
    ours = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    theirs = ours + timedelta(seconds=ahead_seconds)
    clock = clock_of_answer(format_datetime(theirs, usegmt=True), ours)
    assert parse_retry_after(format_datetime(theirs + timedelta(seconds=40), usegmt=True), clock) == 40


@pytest.mark.parametrize("date", ["", "yesterday", "0"])
def test_without_a_readable_date_our_clock_counts(date: str) -> None:
    ours = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    assert clock_of_answer(date, ours) == ours
