"""Sending: each endpoint's lane within its own bounds, all of them within the engine's, so that a slow endpoint only
fills its own lane. No database here."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from uuid import UUID

from django.conf import settings

from core.outbound import HttpClient
from webhooks_app.services.attempt import make_attempt
from webhooks_app.services.claim import EndpointRow
from webhooks_app.services.jobs import Job, lease_margin_seconds
from webhooks_app.services.lanes import Lane
from webhooks_app.services.recorder import Recorder

USER_AGENT = "Messages.dev/1.0"


class Sender:
    """``lanes`` by endpoint; ``held`` counts deliveries that wait in them."""

    def __init__(self, client: HttpClient, recorder: Recorder, *, ask: Callable[[Lane], None]) -> None:
        self._client = client
        self._recorder = recorder
        self._ask = ask  # after each answer: the engine may want to fetch more
        self._parked: deque[Lane] = deque()
        self._most_in_flight = settings.WEBHOOK_MAX_IN_FLIGHT
        self._is_closing = False
        self._workers: set[asyncio.Task[None]] = set()
        self.lanes: dict[UUID, Lane] = {}
        self.in_flight = 0
        self.held = 0

    @property
    def is_idle(self) -> bool:
        return not (self.in_flight or self.held) and not any(
            lane.is_waiting and lane.room() for lane in self.lanes.values()
        )

    def rooms(self) -> dict[UUID, int]:
        """How many more deliveries each endpoint's lane takes."""
        return {lane.id: lane.room() for lane in self.lanes.values()}

    def update(self, rows: Iterable[EndpointRow]) -> None:
        """Takes over what the database says; what is queued for an endpoint that is off or gone goes back."""
        seen = set()
        for row in rows:
            seen.add(row.id)
            lane = self.lanes.get(row.id)
            if lane is None:
                lane = self.lanes[row.id] = Lane(row.id)
            lane.update(
                row,
                default_cap=settings.WEBHOOK_ENDPOINT_IN_FLIGHT,
                engines=settings.WEBHOOK_ENGINES,
                user_agent=USER_AGENT,
            )
        for key in [key for key in self.lanes if key not in seen]:
            self.lanes[key].is_active = False
        for lane in [lane for lane in self.lanes.values() if not lane.is_active]:
            self._release(lane)
            if lane.id not in seen and not lane.in_flight:
                del self.lanes[lane.id]

    def tick(self, seconds: float) -> None:
        for lane in self.lanes.values():
            lane.tick(seconds)
            self._free(lane)

    def accept(self, jobs: Iterable[Job]) -> None:
        """Queues claimed deliveries and starts as many as may be in flight."""
        touched = set()
        for job in jobs:
            lane = self.lanes.get(job.endpoint_id)
            if lane is None:
                self._recorder.give_back([job])  # deleted meanwhile: settled by the next look
                continue
            lane.queue.append(job)
            self.held += 1
            touched.add(lane)
        for lane in touched:
            self._start(lane)
            self._free(lane)

    async def close(self) -> None:
        """Lets what is in flight end, gives back what was not begun."""
        self._is_closing = True
        for lane in self.lanes.values():
            self._release(lane)
        if self._workers:
            await asyncio.wait(self._workers)

    def _start(self, lane: Lane) -> None:
        """Gives a lane as many workers as it may have requests in flight."""
        while lane.starting < len(lane.queue) and lane.workers < lane.cap and lane.may_start():
            if self.in_flight >= self._most_in_flight:
                if not lane.is_parked:
                    lane.is_parked = True
                    self._parked.append(lane)
                return
            lane.workers += 1
            lane.starting += 1
            lane.in_flight += 1
            self.in_flight += 1
            worker = asyncio.create_task(self._work(lane))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self, lane: Lane) -> None:
        """Sends from the lane's queue while it may; holds one place in flight the while."""
        lane.starting -= 1
        try:
            while lane.queue and lane.is_active and not self._is_closing:
                if lane.breaker.is_open and lane.in_flight > 1:
                    break
                wait = lane.seconds_until_token() if lane.per_second is not None else 0.0
                if wait:
                    await asyncio.sleep(wait)
                    continue
                await self._send(lane, lane.queue.popleft())
                if self._parked or lane.breaker.is_open:
                    break  # another lane waits for a place; or it goes on with one probe at a time
        finally:
            lane.workers -= 1
            lane.in_flight -= 1
            self.in_flight -= 1
            self._hand_over(lane)

    async def _send(self, lane: Lane, job: Job) -> None:
        self.held -= 1
        if lane.target is None or lane.signer is None or job.lease_ends - time.monotonic() < lease_margin_seconds():
            lane.is_waiting = True
            self._recorder.lose(job)
            return
        outcome = await make_attempt(self._client, job, lane.target, lane.signer, lane.headers)
        if outcome.error or lane.breaker.failures:
            lane.breaker = lane.breaker.after(outcome.ended_at, success=outcome.is_success)
            if outcome.error == "http_410":  # the record of it switches the endpoint off
                lane.is_active = False
                self._release(lane)
        lane.completed += 1
        self._recorder.add(outcome, is_urgent=lane.is_ordered)
        self._ask(lane)

    def _hand_over(self, lane: Lane) -> None:
        """A place became free: to whoever waits longest, then to the same lane."""
        while self._parked and self.in_flight < self._most_in_flight:
            other = self._parked.popleft()
            other.is_parked = False
            self._start(other)
        if lane.queue and not self._is_closing:
            if lane.breaker.is_open:
                self._release(lane)
            else:
                self._start(lane)

    def _free(self, lane: Lane) -> None:
        """What was claimed before the breaker opened and has nobody to send it goes back."""
        if lane.queue and lane.breaker.is_open and not lane.workers and not lane.is_parked:
            self._release(lane)

    def _release(self, lane: Lane) -> None:
        """Gives back what is queued: the breaker has opened (it is probed one at a time), or the endpoint is off."""
        if not lane.queue:
            return
        jobs = list(lane.queue)
        lane.queue.clear()
        self.held -= len(jobs)
        lane.is_waiting = True
        self._recorder.give_back(jobs)
