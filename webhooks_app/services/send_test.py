"""Sending a test: one of the four events with full, realistic data, at once, shown with what came back.

Never another kind of event: verifiers refuse bodies they do not know (spec webhooks §3).
"""

import asyncio
import time
from dataclasses import dataclass

import msgspec
from django.db import transaction

from accounts.services.audit import Actor, record_change
from core.clock import now, to_ms
from core.errors import invalid
from core.ids import LINE, public_id, uuid7
from core.outbound import HttpClient, parse_url
from events.services import NewEvent, append_events
from events.types import PUBLIC_EVENTS
from lines.models import Line
from webhooks_app.catalogue import TEST_EVENT, build_example
from webhooks_app.models import Attempt, Delivery, Endpoint
from webhooks_app.services.attempt import Envelope, make_attempt
from webhooks_app.services.jobs import Job, Outcome, lease_seconds, owner_columns
from webhooks_app.services.record import record_outcomes
from webhooks_app.services.secrets import read_secrets
from webhooks_app.signing import Signer


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test as it is in the log. ``attempt`` has what came back."""

    __test__ = False
    delivery: Delivery
    attempt: Attempt


def send_test(*, endpoint: Endpoint, event: str, actor: Actor) -> TestResult:
    """Sends, waits for the answer (at most 15 s) and records it with trigger ``test``. Works while the endpoint is off.

    A failed test is not tried again and does not count for the endpoint's health. Raises ``invalid_parameter_value``
    for ``event``. Not to be called in a transaction: what is sent must be in the log first.
    """
    if event not in PUBLIC_EVENTS:
        raise invalid("event", f"A test is one of {', '.join(PUBLIC_EVENTS)}: verifiers refuse any other.")
    job = _prepare(endpoint, event, actor)
    outcome = _send(endpoint, job)
    record_outcomes([outcome])
    delivery = Delivery.objects.get(id=job.id)
    return TestResult(delivery, Attempt.objects.filter(delivery_id=job.id).latest("id"))


@transaction.atomic
def _prepare(endpoint: Endpoint, event: str, actor: Actor) -> Job:
    line = _pick_line(endpoint)
    moment = now()
    data = msgspec.json.encode(
        build_example(
            event,
            sent_at=to_ms(moment),
            **({"line_id": public_id(LINE, line.id), "line_handle": line.handle} if line else {}),
        )
    ).decode()
    line_id = line.id if line else endpoint.id
    new = NewEvent(organization_id=endpoint.organization_id, line_id=line_id, type=TEST_EVENT, data=data)
    (event_id,) = append_events([new])
    token = uuid7()
    delivery = Delivery.objects.create(
        organization_id=endpoint.organization_id, endpoint_id=endpoint.id, event_id=event_id, event_type=event,
        line_id=line_id, trigger="test", claim_token=token,
    )  # fmt: skip
    record_change(
        organization=endpoint.organization, actor=actor, action="webhook.tested", target_id=endpoint.public_id,
        target_label=endpoint.url, after={"event": event, "delivery": delivery.public_id},
    )  # fmt: skip
    ends = time.monotonic() + lease_seconds()
    owner = owner_columns(endpoint.organization_id, endpoint.id)
    return Job(
        delivery.id.hex, endpoint.organization_id, endpoint.id, event, data, 0, 0, "test", None, token, ends, owner
    )  # fmt: skip


def _send(endpoint: Endpoint, job: Job) -> Outcome:
    target = parse_url(endpoint.url, require_https=False)
    envelope = Envelope(target, Signer(read_secrets(endpoint)), endpoint.headers)

    async def send() -> Outcome:
        async with HttpClient() as client:
            return await make_attempt(client, job, envelope)

    return asyncio.run(send())


def _pick_line(endpoint: Endpoint) -> Line | None:
    lines = Line.objects.filter(deleted_at=None).order_by("id")
    if endpoint.line_ids:
        return lines.filter(id__in=endpoint.line_ids).first()
    return lines.filter(organization_id=endpoint.organization_id).first()
