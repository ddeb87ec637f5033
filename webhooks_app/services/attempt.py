"""One attempt: build, sign, post, and decide what becomes of the delivery."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from django.conf import settings

from core.ids import DELIVERY, uuid7
from core.outbound import HttpClient, HttpResult, Target
from webhooks_app.error_texts import status_class
from webhooks_app.retry import clock_of_answer, next_wait
from webhooks_app.services.jobs import Job, Outcome
from webhooks_app.signing import Signer, build_body

HIDDEN = "(set on the endpoint)"
STATIC_HEADERS = 2  # Content-Type and User-Agent come first; what follows is the endpoint's own


async def make_attempt(
    client: HttpClient, job: Job, target: Target, signer: Signer, headers: Sequence[tuple[str, str]]
) -> Outcome:
    """Sends a delivery once. ``headers`` are the two fixed ones and then the endpoint's own."""
    started = time.time()
    request = build_request(job, signer, int(started * 1000))
    signed, body = request
    result = await client.post(target, [*headers, *signed], body, total_seconds=settings.WEBHOOK_TIMEOUT_SECONDS)
    return decide(job, result, started, [*hide_values(headers), *signed])


def build_request(job: Job, signer: Signer, timestamp_ms: int) -> tuple[list[tuple[str, str]], bytes]:
    """The signed headers and the body: a fresh time in each attempt, the same id in all of them."""
    delivery_id = f"{DELIVERY}_{job.id}"
    body = build_body(job.event_type, job.data, timestamp_ms, delivery_id)
    return signer.sign(delivery_id, timestamp_ms, body), body


def hide_values(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """For the log: custom headers may be credentials."""
    return [*headers[:STATIC_HEADERS], *((name, HIDDEN) for name, _ in headers[STATIC_HEADERS:])]


def decide(job: Job, result: HttpResult, started: float, request_headers: list[tuple[str, str]]) -> Outcome:
    """Delivered, to be tried again, or given up (spec webhooks §7)."""
    ended = time.time()
    error = result.error or (status_class(result.status) if result.status is not None else "internal")
    state, next_at = "delivered", None
    if error:
        wait = None
        if job.trigger != "test":
            wait = next_wait(
                job.tries + 1,
                status=result.status,
                retry_after=result.headers.get("retry-after", ""),
                now=clock_of_answer(result.headers.get("date", ""), datetime.fromtimestamp(ended, UTC)),
                chance=random.random(),
                factor=settings.WEBHOOK_RETRY_FACTOR,
            )
        state, next_at = ("failed", None) if wait is None else ("retrying", ended + wait)
    return Outcome(job, started, ended, result, request_headers, error, state, next_at, uuid7())
