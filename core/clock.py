"""Wire times are Unix milliseconds, stored times are aware datetimes in UTC."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def now() -> datetime:
    return datetime.now(tz=UTC)


def to_ms(moment: datetime) -> int:
    """Unix milliseconds of an aware datetime, those of the millisecond it is in.

    A key that was made then begins with the same ones, so a time that comes back as a bound leaves nothing out.
    """
    return (moment - EPOCH) // MILLISECOND


def to_ms_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def from_ms(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
