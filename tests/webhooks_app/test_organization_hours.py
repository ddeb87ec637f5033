"""The charts of an organization: hours that are added up, and the endpoints' own after them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Organization
from core.ids import uuid7
from webhooks_app.health import get_endpoint_health, get_organization_health
from webhooks_app.histogram import SIZE
from webhooks_app.models import EndpointHour, OrganizationHour
from webhooks_app.services.organization_hours import add_up_hours
from webhooks_app.span_health import list_hours

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 14, 12, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_month_reads_the_same_before_and_after_adding_up(lumen: Organization, other: Organization) -> None:
    for endpoint_id, owner in ((uuid7(), lumen), (uuid7(), lumen), (uuid7(), other)):
        for age in range(0, 700, 7):
            EndpointHour.objects.create(
                endpoint_id=endpoint_id, organization_id=owner.id, hour=NOON.replace(minute=0) - age * HOUR,
                delivered=90 + age, retried=5, failed=1, histogram=[age % 5] * SIZE,
            )  # fmt: skip
    span: dict[str, Any] = {"organization_id": lumen.id, "start": NOON - 700 * HOUR, "end": NOON + HOUR}
    health = [get_organization_health(organization_id=lumen.id, span=name, at=NOON) for name in ("24h", "7d", "30d")]
    hours = sorted(list_hours(**span), key=lambda hour: hour.hour)
    assert health[-1].total.delivered > 2 * 90 * 99
    add_up_hours(at=NOON - 200 * HOUR)
    add_up_hours(at=NOON)
    assert OrganizationHour.objects.filter(organization_id=lumen.id).count() == 99
    assert health == [
        get_organization_health(organization_id=lumen.id, span=name, at=NOON) for name in ("24h", "7d", "30d")
    ]
    assert [(h.hour, h.delivered, tuple(h.histogram)) for h in hours] == [
        (h.hour, h.delivered, tuple(h.histogram)) for h in sorted(list_hours(**span), key=lambda hour: hour.hour)
    ]


def test_an_endpoints_own_chart_reads_its_own_hours(lumen: Organization) -> None:
    key = uuid7()
    EndpointHour.objects.create(
        endpoint_id=key, organization_id=lumen.id, hour=NOON - timedelta(days=3), delivered=4, histogram=[1] * SIZE
    )
    add_up_hours(at=NOON)
    assert get_endpoint_health(endpoint_id=key, span="30d", at=NOON).total.delivered == 4
