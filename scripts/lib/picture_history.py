"""A day and a month before the pictures are taken, so that their charts tell something.

Only roll-ups are written, by the services that keep them: what a chart draws, not the messages behind it.
"""

import random
from datetime import datetime, timedelta

from accounts.models import Organization
from core.clock import now
from lines.models import Line, LineHour
from lines.models import OrganizationHour as LinesHour
from lines.services.counting import count_inbound, count_outbound
from webhooks_app.histogram import SIZE, bucket_of
from webhooks_app.models import Endpoint, EndpointHour
from webhooks_app.models import OrganizationHour as EndpointsHour

HOUR = timedelta(hours=1)
DAYS = 30
BUSIEST = 44  # messages out in the best hour of the busiest line


def write_history() -> None:
    """For the organization of the demo: its lines and its endpoints."""
    chance, at = random.Random(7), now()
    organization = Organization.objects.get(slug="demo")
    for place, line in enumerate(Line.objects.filter(organization=organization, deleted_at=None).order_by("id")):
        _write_line(line, at, BUSIEST // (1 + place), chance)
    for endpoint in Endpoint.objects.filter(organization=organization):
        _write_endpoint(endpoint, at, chance)
    LinesHour.objects.all().delete()  # the sweep adds the hours up anew
    EndpointsHour.objects.all().delete()


def _weigh(hour: datetime) -> float:
    """How busy an hour is: quiet at night, most after noon."""
    return 0.06 + max(0.0, 1 - abs(hour.hour - 13.5) / 8)


def _hours(at: datetime) -> list[datetime]:
    """The hours before the present one, oldest first."""
    present = at.replace(minute=0, second=0, microsecond=0)
    return [present - HOUR * place for place in range(DAYS * 24, 0, -1)]


def _write_line(line: Line, at: datetime, busiest: int, chance: random.Random) -> None:
    hours = _hours(at)
    rows = []
    for hour in hours[:-48]:
        sent = round(busiest * _weigh(hour) * chance.uniform(0.6, 1.2))
        reached = round(sent * chance.uniform(0.5, 0.75))
        rows.append(
            LineHour(line=line, hour=hour, outbound=sent, inbound=round(sent * 0.8), reach_outs=reached,
                     new_contacts=chance.randint(0, 2), contacts=round(sent * 0.3), minutes=[0] * 60,
                     peak_minute=min(sent, 1 + sent // 8))
        )  # fmt: skip
    LineHour.objects.bulk_create(rows, ignore_conflicts=True)
    for hour in hours[-48:]:  # message by message, as they come
        for number in range(round(busiest * _weigh(hour) * chance.uniform(0.6, 1.2))):
            moment = hour + timedelta(seconds=chance.randrange(3600))
            count_outbound(line_id=line.id, at=moment, is_reach_out=chance.random() < 0.6)
            if chance.random() < 0.8:
                contact = f"{line.handle}-{hour:%d%H}-{number}"
                is_new = chance.random() < 0.15
                count_inbound(
                    line_id=line.id, contact=contact, at=moment, is_new_contact=is_new, starts_conversation=is_new
                )


def _write_endpoint(endpoint: Endpoint, at: datetime, chance: random.Random) -> None:
    rows = []
    for hour in _hours(at):
        delivered = round(40 * _weigh(hour) * chance.uniform(0.7, 1.1))
        bad = round(delivered * chance.choice([0, 0, 0.02, 0.05, 0.1]))
        histogram = [0] * SIZE
        for _ in range(delivered + bad):
            histogram[bucket_of(chance.lognormvariate(4.2, 0.4))] += 1
        rows.append(
            EndpointHour(endpoint_id=endpoint.id, organization_id=endpoint.organization_id, hour=hour,
                         delivered=delivered, retried=bad, failed=bad // 3, histogram=histogram)
        )  # fmt: skip
    EndpointHour.objects.bulk_create(rows, ignore_conflicts=True)
