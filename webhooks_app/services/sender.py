"""Sending: each endpoint's lane within its own bounds, all of them within the engine's, so that a slow endpoint only
fills its own lane. No database here."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from uuid import UUID

from django.conf import settings

from core.outbound import HttpClient
from webhooks_app.services.attempt import begin_attempt, refuse_attempt
from webhooks_app.services.claim import EndpointRow
from webhooks_app.services.jobs import Job, Outcome, lease_margin_seconds
from webhooks_app.services.lanes import Lane
from webhooks_app.services.recorder import Recorder


class Sender:
    """``lanes`` by endpoint; ``held`` counts deliveries that wait in them."""

    def __init__(self, client: HttpClient, recorder: Recorder, *, ask: Callable[[Lane], None]) -> None:
        self._client = client
        self._recorder = recorder
        self._ask = ask  # after each answer: the engine may want to fetch more
        self._parked: deque[Lane] = deque()
        self._most_in_flight = settings.WEBHOOK_MAX_IN_FLIGHT
        self._is_closing = False
        self._margin_seconds = lease_margin_seconds()
        self._ended = asyncio.Event()
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
            )
        for key in [key for key in self.lanes if key not in seen]:
            self.lanes[key].is_active, self.lanes[key].is_gone = False, True
        for lane in [lane for lane in self.lanes.values() if not lane.is_active]:
            self._release(lane)
            if lane.id not in seen and not lane.in_flight:
                del self.lanes[lane.id]

    def tick(self, seconds: float) -> None:
        for lane in self.lanes.values():
            lane.tick(seconds)
            self._fill(lane)

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
            self._fill(lane)

    async def close(self) -> None:
        """Lets what is in flight end, gives back what was not begun."""
        self._is_closing = True
        for lane in self.lanes.values():
            self._release(lane)
        self._ended.clear()
        if self.in_flight:
            await self._ended.wait()

    def _fill(self, lane: Lane) -> None:
        """Begins what the lane may have in flight."""
        while lane.queue and not self._is_closing and lane.may_start():
            if self.in_flight >= self._most_in_flight:
                if not lane.is_parked:
                    lane.is_parked = True
                    self._parked.append(lane)
                return
            if lane.per_second is not None:
                wait = lane.seconds_until_token()
                if wait:
                    self._fill_later(lane, wait)
                    return
            self._begin(lane, lane.queue.popleft())
        if lane.queue and lane.breaker.is_open:
            self._release(lane)  # what was claimed before it opened; from now on it is probed one at a time

    def _fill_later(self, lane: Lane, seconds: float) -> None:
        def fill() -> None:
            lane.is_timed = False
            self._fill(lane)

        if not lane.is_timed:
            lane.is_timed = True
            asyncio.get_running_loop().call_later(seconds, fill)

    def _begin(self, lane: Lane, job: Job) -> None:
        self.held -= 1
        if job.lease_ends - time.monotonic() < self._margin_seconds:
            lane.is_waiting = True
            self._recorder.lose(job)
            return
        lane.in_flight += 1
        self.in_flight += 1
        if lane.envelope is None:
            outcome = refuse_attempt(job, *lane.refusal)
            asyncio.get_running_loop().call_soon(self._finish, lane, outcome)
        else:
            begin_attempt(self._client, job, lane.envelope, partial(self._finish, lane))

    def _finish(self, lane: Lane, outcome: Outcome) -> None:
        lane.in_flight -= 1
        self.in_flight -= 1
        lane.completed += 1
        if outcome.error or lane.breaker.failures:
            lane.breaker = lane.breaker.after(outcome.ended_at, success=outcome.is_success)
            lane.breaker_changed_at = time.monotonic()
            if outcome.error == "http_410":  # the record of it switches the endpoint off
                lane.is_active = False
                self._release(lane)
        self._recorder.add(outcome, is_urgent=lane.is_ordered)
        while self._parked and self.in_flight < self._most_in_flight:  # whoever waits longest comes first
            other = self._parked.popleft()
            other.is_parked = False
            self._fill(other)
        if lane.queue:
            self._fill(lane)
        self._ask(lane)
        if self._is_closing and not self.in_flight:
            self._ended.set()

    def _release(self, lane: Lane) -> None:
        """Gives back what is queued: the breaker has opened (it is probed one at a time), or the endpoint is off."""
        if not lane.queue:
            return
        jobs = list(lane.queue)
        lane.queue.clear()
        self.held -= len(jobs)
        lane.is_waiting = True
        self._recorder.give_back(jobs, is_held=not lane.is_active and not lane.is_gone)
