"""Rows of hourly roll-ups, read cheaply: thousands of rows share a few times, and to parse a time costs ten numbers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db.models import IntegerField, QuerySet
from django.db.models.functions import Cast, Extract


class _Epoch(Extract):
    """Seconds since 1970. ``Extract`` would insist on the integer part of a local day."""

    lookup_name = "epoch"


def read_hours(rows: QuerySet[Any], hour: str, key: str, *names: str) -> Iterator[tuple[Any, ...]]:
    """Of each row ``key``, the time in the column ``hour``, then ``names``; in the order of ``rows``."""
    seconds = Cast(_Epoch(hour, tzinfo=UTC), IntegerField())  # else in the zone of whoever looks
    known: dict[int, datetime] = {}
    for first, second, *others in rows.annotate(hour_seconds=seconds).values_list(key, "hour_seconds", *names):
        moment = known.get(second)
        if moment is None:
            moment = known[second] = datetime.fromtimestamp(second, tz=UTC)
        yield (first, moment, *others)
