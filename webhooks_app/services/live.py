"""Hints for open pages about deliveries, at most a few a second however many attempts there are."""

import time
from collections.abc import Sequence
from uuid import UUID

from core.ids import DELIVERY, WEBHOOK, public_id
from core.live import LiveHint, publish_live
from webhooks_app.services.jobs import Outcome

GAP_SECONDS = 1.0
MOST_DELIVERIES = 20
_last: dict[UUID, float] = {}


def announce_outcomes(outcomes: Sequence[Outcome]) -> None:
    """One hint per endpoint and second; single deliveries only when there are few, as when somebody watches one."""
    moment = time.monotonic()
    hints = []
    for endpoint_id, organization_id in {(o.job.endpoint_id, o.job.organization_id) for o in outcomes}:
        if moment - _last.get(endpoint_id, 0.0) < GAP_SECONDS:
            continue
        _last[endpoint_id] = moment
        name = public_id(WEBHOOK, endpoint_id)
        topics = ("deliveries", f"endpoint:{name}")
        hints.append(LiveHint(organization_id=organization_id, topics=topics, type="deliveries.changed", id=name))
    if len(outcomes) <= MOST_DELIVERIES:
        for outcome in outcomes:
            name = f"{DELIVERY}_{outcome.job.id}"
            hints.append(
                LiveHint(
                    organization_id=outcome.job.organization_id,
                    topics=(f"delivery:{name}",),
                    type="delivery.changed",
                    id=name,
                )
            )
    if len(_last) > 10_000:
        _last.clear()
    publish_live(hints)
