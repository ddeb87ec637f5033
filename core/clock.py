"""Wire times are Unix milliseconds, stored times are aware datetimes in UTC."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(tz=UTC)


def to_ms(moment: datetime) -> int:
    """Unix milliseconds of an aware datetime."""
    return round(moment.timestamp() * 1000)


def to_ms_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def from_ms(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
