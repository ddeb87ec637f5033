"""Milliseconds of times and of keys are the same ones, to the last."""

from datetime import UTC, datetime, timedelta

import pytest

from core.clock import from_ms, to_ms
from core.ids import time_of, uuid7_floor

MOMENT = datetime(2026, 7, 24, 8, 15, 30, 999_000, tzinfo=UTC)


@pytest.mark.parametrize("microseconds", [0, 1, 499, 500, 501, 999])
def test_a_time_is_shown_as_the_millisecond_its_key_begins_with(microseconds: int) -> None:
    moment = MOMENT + timedelta(microseconds=microseconds)
    assert to_ms(moment) == uuid7_floor(moment).int >> 80 == to_ms(MOMENT)
    assert time_of(uuid7_floor(moment)) == from_ms(to_ms(moment)) == MOMENT


@pytest.mark.parametrize("milliseconds", [0, 1, 999, 1_700_000_000_001, 1_784_880_930_999, 4_102_444_799_999])
def test_a_bound_keeps_its_value_on_the_way_through(milliseconds: int) -> None:
    assert to_ms(from_ms(milliseconds)) == milliseconds
    assert uuid7_floor(from_ms(milliseconds)).int >> 80 == milliseconds
