"""Hours of roll-ups are UTC, whatever zone the viewer of a page is in."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from core.clock import now
from lines.limit_math import floor_hour
from lines.models import Line, LineHour
from lines.services.limits import get_meters, list_hours


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
def test_an_hour_is_the_same_in_every_zone(line: Line, zone: str) -> None:
    hour = floor_hour(now())
    LineHour.objects.create(line=line, hour=hour, outbound=3, inbound=2, reach_outs=3)
    with timezone.override(ZoneInfo(zone)):
        (found,) = list_hours(line=line, since=hour - timedelta(days=2))
        used = {meter.name: meter.used for meter in get_meters(line=line)}
    assert found.hour == hour
    assert used["reach_outs"] == 3
