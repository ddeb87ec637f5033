"""Hours of organizations: what is added up and what is not yet give what the lines' own hours give."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Organization
from lines.models import Line, LineHour, OrganizationHour
from lines.services.organization_hours import MONTH, add_up_hours
from messaging.traffic import HourTraffic, list_traffic

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 14, 12, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def lines(lumen: Organization, other: Organization) -> list[Line]:
    made = [Line.objects.create(organization=lumen, handle=f"+1555070000{n}") for n in range(3)]
    foreign = Line.objects.create(organization=other, handle="+15550700009")
    for age in range(40):
        hour = NOON.replace(minute=0) - age * HOUR
        for line in [*made, foreign]:
            LineHour.objects.create(line=line, hour=hour, inbound=age + 1, outbound=2)
    return made


def read(organization: Organization) -> dict[datetime, HourTraffic]:
    found = list_traffic(organization_id=organization.id, start=NOON - 40 * HOUR, end=NOON + HOUR)
    assert len({hour.hour for hour in found}) == len(found)
    return {hour.hour: hour for hour in found}


def test_adding_up_changes_nothing_that_is_read(lumen: Organization, lines: list[Line]) -> None:
    before = read(lumen)
    assert len(before) == 40
    assert before[NOON.replace(minute=0)].inbound == 3
    add_up_hours(at=NOON)
    assert read(lumen) == before
    assert not OrganizationHour.objects.filter(hour__gte=NOON.replace(minute=0)).exists()  # it has not ended


def test_an_hour_that_ends_later_and_a_sweep_that_did_not_run_lose_nothing(
    lumen: Organization, lines: list[Line]
) -> None:
    add_up_hours(at=NOON - 20 * HOUR)
    LineHour.objects.filter(line=lines[0], hour=NOON.replace(minute=0)).update(inbound=500)
    assert read(lumen)[NOON.replace(minute=0)].inbound == 502
    add_up_hours(at=NOON + 2 * HOUR)
    assert read(lumen)[NOON.replace(minute=0)].inbound == 502


def test_what_is_counted_late_is_added_up_again(lumen: Organization, lines: list[Line]) -> None:
    add_up_hours(at=NOON)
    near, far = NOON.replace(minute=0) - 10 * HOUR, NOON.replace(minute=0) - 38 * HOUR
    LineHour.objects.filter(line=lines[0], hour__in=[near, far]).update(inbound=1000)
    add_up_hours(at=NOON)
    assert read(lumen)[near].inbound == 1022
    add_up_hours(at=NOON, length=MONTH)
    assert read(lumen)[far].inbound == 1078
