"""One attempt: build, sign, post, and decide what becomes of the delivery."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec
from django.conf import settings

from core.ids import DELIVERY
from core.outbound import HttpClient, HttpResult, Target, build_head
from webhooks_app.error_texts import status_class
from webhooks_app.retry import clock_of_answer, next_wait
from webhooks_app.services.jobs import Job, Outcome
from webhooks_app.signing import Signer, build_body

HIDDEN = "(set on the endpoint)"
USER_AGENT = "Messages.dev/1.0"


class Envelope:
    """What is the same in every request to one endpoint, made once. ``headers`` are the endpoint's own.

    Raises ``ValueError`` for a header with a line break in it.
    """

    __slots__ = ("_request", "_shown", "seconds", "signer", "target")

    def __init__(self, target: Target, signer: Signer, headers: Mapping[str, str]) -> None:
        fixed = [("Content-Type", "application/json"), ("User-Agent", USER_AGENT)]
        self.target = target
        self.signer = signer
        self.seconds = float(settings.WEBHOOK_TIMEOUT_SECONDS)
        head = build_head(target, [*fixed, *headers.items()])
        self._request = _template(head) + "".join([f"{name}: %s\r\n" for name in signer.names])
        self._request += "Content-Length: %d\r\n\r\n"
        # For the log: custom headers may be credentials.
        shown = msgspec.json.encode({**dict(fixed), **dict.fromkeys(headers, HIDDEN)}).decode()[:-1]
        self._shown = _template(shown) + "".join([f',"{name}":"%s"' for name in signer.names]) + "}"

    def build(self, job: Job, timestamp_ms: int) -> tuple[bytes, tuple[str, ...]]:
        """The whole request, and what signs it: a fresh time in each attempt, the same id in all of them."""
        delivery_id = f"{DELIVERY}_{job.id}"
        body = build_body(job.event_type, job.data, timestamp_ms, delivery_id)
        signed = self.signer.seal(delivery_id, timestamp_ms, body)
        return (self._request % (*signed, len(body))).encode("latin-1") + body, signed

    def show(self, signed: tuple[str, ...]) -> str:
        """All headers as the log shows them, as JSON. What signs is made of letters that need no escapes."""
        return self._shown % signed


def _template(text: str) -> str:
    return text.replace("%", "%%")


def begin_attempt(client: HttpClient, job: Job, envelope: Envelope, finish: Callable[[Outcome], None]) -> None:
    """Sends a delivery once; ``finish`` gets what came of it."""
    started = time.time()
    request, signed = envelope.build(job, int(started * 1000))

    def done(result: HttpResult) -> None:
        finish(decide(job, result, started, envelope.show(signed)))

    client.send(envelope.target, request, done, envelope.seconds)


def refuse_attempt(job: Job, error: str, text: str) -> Outcome:
    """An attempt that cannot even begin: it is told and tried again as any other."""
    return decide(job, HttpResult(error=error, error_text=text), time.time(), "{}")


async def make_attempt(client: HttpClient, job: Job, envelope: Envelope) -> Outcome:
    """The same, waited for."""
    finished: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    begin_attempt(client, job, envelope, finished.set_result)
    return await finished


def decide(job: Job, result: HttpResult, started: float, request_headers: str) -> Outcome:
    """Delivered, to be tried again, or given up (spec webhooks §7)."""
    ended = time.time()
    error = result.error or (status_class(result.status) if result.status is not None else "internal")
    if not error:
        return Outcome(job, started, ended, result, request_headers, "", "delivered", None)
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
    return Outcome(job, started, ended, result, request_headers, error, state, next_at)
