"""The arithmetic of limits, by table and by property."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lines.limit_math import (
    get_percent,
    get_ratio,
    get_state,
    is_reach_out,
    make_forecast,
    warm_limit,
)

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MIDNIGHT = NOON.replace(hour=0)
NEXT = MIDNIGHT + timedelta(days=1)
MOMENTS = st.datetimes(datetime(2026, 3, 10), datetime(2026, 3, 10, 23, 59), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("used", "limit", "percent", "state"),
    [
        (0, 200, 0, "ok"),
        (159, 200, 79.5, "ok"),
        (160, 200, 80, "warn"),
        (199, 200, 99.5, "warn"),
        (200, 200, 100, "alarm"),
        (300, 200, 150, "alarm"),
        (5, None, 0, "ok"),
        (0, 0, 100, "alarm"),
    ],
)
def test_a_meter_warns_at_80_and_alarms_at_100_percent(
    used: float, limit: float | None, percent: float, state: str
) -> None:
    assert get_percent(used, limit) == percent
    assert get_state(percent) == state


@pytest.mark.parametrize(
    ("silent_for", "reaches_out"),
    [(None, True), (timedelta(hours=24, seconds=1), True), (timedelta(hours=24), False), (timedelta(0), False)],
)
def test_a_contact_silent_for_more_than_24_hours_is_reached_out_to(
    silent_for: timedelta | None, reaches_out: bool
) -> None:
    last = None if silent_for is None else NOON - silent_for
    assert is_reach_out(last_inbound_at=last, at=NOON) is reaches_out


def test_a_contact_whose_clock_is_ahead_has_just_written() -> None:
    assert not is_reach_out(last_inbound_at=NOON + timedelta(days=3), at=NOON)


@pytest.mark.parametrize(("out", "into", "ratio"), [(0, 0, 0), (7, 0, 7), (10, 1, 10), (612, 438, 612 / 438)])
def test_the_ratio_counts_no_inbound_as_one(out: int, into: int, ratio: float) -> None:
    assert get_ratio(outbound=out, inbound=into) == ratio


@pytest.mark.parametrize(("age_days", "limit"), [(0, 20), (5, 63), (9, 158), (10, 200), (400, 200), (-3, 20)])
def test_a_fresh_line_grows_from_a_tenth_to_the_whole(age_days: int, limit: int) -> None:
    started = NOON - timedelta(days=age_days)
    assert warm_limit(200, started_at=started, days=10, at=NOON) == limit


def test_without_a_warm_up_the_limit_is_whole() -> None:
    assert warm_limit(200, started_at=None, days=10, at=NOON) == 200
    assert warm_limit(200, started_at=NOON, days=0, at=NOON) == 200


def forecast(recent: list[int], used: float, limit: float = 200, at: datetime = NOON) -> tuple[datetime | None, float]:
    made = make_forecast(recent=recent, at=at, used=used, limit=limit, window_start=MIDNIGHT, window_end=NEXT)
    return made.hits_at, made.projected


def test_the_limit_is_reached_when_the_pace_says_so() -> None:
    # 40 in the two hours before noon is 20 an hour; 100 are left
    hits_at, projected = forecast([20, 20, 0], used=100)
    assert hits_at == NOON + timedelta(hours=5)
    assert projected == pytest.approx(340)


@pytest.mark.parametrize(
    ("recent", "used"), [([0, 0, 0], 150), ([1, 1, 0], 100), ([90, 90, 9], 200), ([90, 90, 9], 250)]
)
def test_nothing_is_foretold_without_pace_with_time_to_spare_or_past_the_limit(recent: list[int], used: int) -> None:
    assert forecast(recent, used)[0] is None


def test_yesterday_is_no_part_of_todays_pace() -> None:
    soon = MIDNIGHT + timedelta(minutes=30)
    assert forecast([500, 500, 5], used=5, limit=1000, at=soon) == (None, pytest.approx(5 + 5 / 1800 * 23.5 * 3600))


def test_one_message_in_the_first_second_is_no_pace() -> None:
    assert forecast([0, 0, 1], used=1, at=MIDNIGHT + timedelta(seconds=1))[1] < 150


@given(
    recent=st.lists(st.integers(0, 5000), min_size=3, max_size=3),
    used=st.integers(0, 10_000),
    limit=st.integers(1, 10_000),
    at=MOMENTS,
)
def test_a_forecast_lies_between_now_and_the_end_of_the_window(
    recent: list[int], used: int, limit: int, at: datetime
) -> None:
    made = make_forecast(recent=recent, at=at, used=used, limit=limit, window_start=MIDNIGHT, window_end=NEXT)
    assert made.projected >= used
    if made.hits_at is None:
        assert used >= limit or made.projected < limit
    else:
        assert at <= made.hits_at <= NEXT
        assert used < limit <= made.projected


@given(days=st.integers(1, 90), limit=st.integers(1, 5000), first=st.floats(0, 120), second=st.floats(0, 120))
def test_a_warm_up_never_shrinks_and_ends_at_the_whole(days: int, limit: int, first: float, second: float) -> None:
    early, late = sorted((first, second))

    def at_age(age: float) -> int:
        return warm_limit(limit, started_at=NOON, days=days, at=NOON + timedelta(days=age))

    assert 1 <= at_age(early) <= at_age(late) <= limit
    assert at_age(days) == limit
