"""The last hours of many endpoints at once, for the trend beside each in a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.hours import read_hours
from webhooks_app.models import EndpointHour


@dataclass(frozen=True, kw_only=True, slots=True)
class Hour:
    """Attempts of one endpoint that began in one hour."""

    starts_at: datetime
    delivered: int
    attempts: int

    @property
    def success_share(self) -> float | None:
        """Accepted attempts of all, 0 to 1; None without attempts."""
        return self.delivered / self.attempts if self.attempts else None


def list_hours(*, endpoint_ids: Sequence[UUID], since: datetime) -> dict[UUID, list[Hour]]:
    """Per endpoint, oldest first, without the hours in which nothing was sent. One query."""
    found: dict[UUID, list[Hour]] = {endpoint_id: [] for endpoint_id in endpoint_ids}
    rows = EndpointHour.objects.filter(endpoint_id__in=endpoint_ids, hour__gte=since).order_by("hour")
    names = ("delivered", "retried", "failed")
    for endpoint_id, hour, delivered, retried, failed in read_hours(rows, "hour", "endpoint_id", *names):
        found[endpoint_id].append(Hour(starts_at=hour, delivered=delivered, attempts=delivered + retried + failed))
    return found
