"""The delivery engine: one event loop that claims, sends and records without pause.

Three loops run side by side. *Intake* fans out events and claims due deliveries while there is room for them; *lanes*
send, each endpoint within its own bounds, so that a slow one only fills its own lane; *record* writes what came of it,
every 500 outcomes or 100 ms. The database is spoken to by two threads, one for intake and one for record, with Django's
connections. Losing Redis, the database or the process loses nothing: see ``claim.py``.
"""

import asyncio
import logging
import resource
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

import uvloop
from django.conf import settings
from django.db import DatabaseError, connections

from core.outbound import HttpClient
from webhooks_app.services.attempt import make_attempt
from webhooks_app.services.claim import claim_due, list_waiting, read_endpoints, release_jobs, settle_unwanted
from webhooks_app.services.fan_out import fan_out_batch
from webhooks_app.services.jobs import Job, Outcome, lease_margin_seconds
from webhooks_app.services.lanes import Lane
from webhooks_app.services.live import announce_outcomes
from webhooks_app.services.record import record_outcomes
from webhooks_app.services.wake import ENDPOINTS, listen, wake_engines

logger = logging.getLogger(__name__)
Found = TypeVar("Found")

FLUSH_SIZE = 500
FLUSH_SECONDS = 0.1
POLL_SECONDS = 0.5
RELOAD_SECONDS = 2.0
HELD_MOST = 3000  # claimed and not yet sent; above it events wait in the log
UNWRITTEN_MOST = 5000
USER_AGENT = "Messages.dev/1.0"


class Engine:
    """Runs in one thread's event loop until told to stop, or until it has been idle."""

    def __init__(
        self, *, stop: threading.Event, idle_seconds: float, make_client: Callable[[], HttpClient] = HttpClient
    ) -> None:
        self._stop = stop
        self._make_client = make_client
        self._idle_seconds = idle_seconds
        self._lanes: dict[UUID, Lane] = {}
        self._parked: deque[Lane] = deque()
        self._outcomes: list[Outcome] = []
        self._writing = 0
        self._in_flight = 0
        self._most_in_flight = settings.WEBHOOK_MAX_IN_FLIGHT
        self._held = 0
        self._wake = asyncio.Event()
        self._flush = asyncio.Event()
        self._is_reload_due = True
        self._is_log_empty = False
        self._reloaded_at = 0.0
        self._looked_at = 0.0
        self._ticked_at = time.monotonic()
        self._busy_at = time.monotonic()
        self._is_closing = False
        self._workers: set[asyncio.Task[None]] = set()
        self._intake_thread = ThreadPoolExecutor(1, thread_name_prefix="engine-intake")
        self._record_thread = ThreadPoolExecutor(1, thread_name_prefix="engine-record")
        self.recorded = 0

    # --- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        listener = asyncio.create_task(listen(self._hear))
        recorder = asyncio.create_task(self._record_forever())
        try:
            async with self._make_client() as client:
                self._client = client
                await self._intake_forever()
                self._is_closing = True
                await self._drain()
        finally:
            self._is_closing = True
            listener.cancel()
            self._flush.set()
            await asyncio.gather(recorder, listener, return_exceptions=True)
            for thread in (self._intake_thread, self._record_thread):
                await asyncio.wrap_future(thread.submit(connections.close_all))
                thread.shutdown()

    async def _drain(self) -> None:
        """Lets what is in flight end, gives back what was not begun."""
        unsent = [job for lane in self._lanes.values() for job in lane.queue]
        for lane in self._lanes.values():
            lane.queue.clear()
        self._held -= len(unsent)
        try:
            await self._call(self._record_thread, lambda: release_jobs(unsent))
        except DatabaseError:
            logger.warning("%d claims were not given back; their leases will end", len(unsent))
        if self._workers:
            await asyncio.wait(self._workers)

    def _is_idle(self) -> bool:
        is_busy = self._in_flight or self._held or self._outcomes or self._writing
        moment = time.monotonic()
        if is_busy or any(lane.is_waiting and lane.room() for lane in self._lanes.values()):
            self._busy_at = moment
        return moment - self._busy_at > self._idle_seconds

    async def _call(self, thread: ThreadPoolExecutor, function: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(thread, function)

    def _hear(self, reason: bytes) -> None:
        self._is_reload_due |= reason == ENDPOINTS
        self._is_log_empty = False
        self._wake.set()

    # --- intake ------------------------------------------------------------------------------------------------------

    async def _intake_forever(self) -> None:
        pause = 0.1
        self._busy_at = time.monotonic()  # reading certificates took its time: that was no idleness
        while not self._stop.is_set() and not self._is_idle():
            try:
                has_more = await self._take_in()
                pause = 0.1
            except DatabaseError as error:
                logger.warning("engine waits for the database: %s", str(error).strip())
                await self._call(self._intake_thread, connections.close_all)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
                self._is_reload_due = True
                continue
            if not has_more:
                try:
                    async with asyncio.timeout(min(POLL_SECONDS, self._idle_seconds)):
                        await self._wake.wait()
                except TimeoutError:
                    self._is_log_empty = False
            self._wake.clear()

    async def _take_in(self) -> bool:
        """One round; whether another should follow at once."""
        moment = time.monotonic()
        self._tick(moment)
        if self._is_reload_due or moment - self._reloaded_at > RELOAD_SECONDS:
            await self._reload(moment)
        if moment - self._looked_at > POLL_SECONDS:
            self._looked_at = moment
            await self._look()
        if self._held >= HELD_MOST or len(self._outcomes) + self._writing > UNWRITTEN_MOST:
            return False
        has_events = False
        if not self._is_log_empty:
            rooms = {lane.id: lane.room() for lane in self._lanes.values()}
            found = await self._call(self._intake_thread, lambda: fan_out_batch(rooms=rooms))
            self._is_log_empty = not found.events and not found.is_busy
            has_events = bool(found.events)
            self._accept(found.jobs)
            self._mark_waiting(found.waiting)
        has_claims = await self._claim()
        return has_events or has_claims

    async def _claim(self) -> bool:
        rooms: dict[UUID, int] = {}
        ordered: list[UUID] = []
        for lane in self._lanes.values():
            if not lane.is_waiting:
                continue
            room = lane.room()
            if lane.is_ordered and room:
                ordered.append(lane.id)
            elif (room and room * 2 >= lane.queue_limit) or (room and not lane.queue):
                rooms[lane.id] = room
        if not rooms and not ordered:
            return False
        jobs = await self._call(self._intake_thread, lambda: claim_due(rooms, ordered))
        counts: dict[UUID, int] = {}
        for job in jobs:
            counts[job.endpoint_id] = counts.get(job.endpoint_id, 0) + 1
        for key in [*rooms, *ordered]:
            if counts.get(key, 0) < rooms.get(key, 1):
                self._lanes[key].is_waiting = False  # seen again by the next look, or told by a fan-out
        self._accept(jobs)
        return bool(jobs)

    async def _look(self) -> None:
        waiting = await self._call(self._intake_thread, list_waiting)
        unwanted = {key for key in waiting if key not in self._lanes or not self._lanes[key].is_active}
        if unwanted:
            await self._reload(time.monotonic())
            unwanted = {key for key in unwanted if key not in self._lanes or not self._lanes[key].is_active}
            if unwanted:
                await self._call(self._intake_thread, lambda: settle_unwanted(unwanted))
        self._mark_waiting(waiting)

    def _mark_waiting(self, waiting: set[UUID]) -> None:
        for key in waiting:
            lane = self._lanes.get(key)
            if lane is not None:
                lane.is_waiting = True
            else:
                self._is_reload_due = True
        if waiting and settings.WEBHOOK_ENGINES > 1:
            wake_engines()

    async def _reload(self, moment: float) -> None:
        self._is_reload_due, self._reloaded_at = False, moment
        rows = await self._call(self._intake_thread, read_endpoints)
        seen = set()
        for row in rows:
            seen.add(row.id)
            lane = self._lanes.get(row.id)
            if lane is None:
                lane = self._lanes[row.id] = Lane(row.id)
            lane.update(
                row,
                default_cap=settings.WEBHOOK_ENDPOINT_IN_FLIGHT,
                engines=settings.WEBHOOK_ENGINES,
                user_agent=USER_AGENT,
            )
        for key in [key for key in self._lanes if key not in seen]:
            self._lanes[key].is_active = False
            if not self._lanes[key].in_flight:
                self._held -= len(self._lanes.pop(key).queue)

    def _tick(self, moment: float) -> None:
        seconds = moment - self._ticked_at
        if seconds >= 1.0:
            self._ticked_at = moment
            for lane in self._lanes.values():
                lane.tick(seconds)
                self._free(lane)

    def _accept(self, jobs: list[Job]) -> None:
        touched = set()
        for job in jobs:
            lane = self._lanes.get(job.endpoint_id)
            if lane is None:
                continue  # deleted meanwhile; settled by the next look after the lease
            lane.queue.append(job)
            touched.add(lane)
        self._held += sum(1 for job in jobs if job.endpoint_id in self._lanes)
        for lane in touched:
            self._start(lane)
            self._free(lane)

    # --- lanes -------------------------------------------------------------------------------------------------------

    def _start(self, lane: Lane) -> None:
        """Gives a lane as many workers as it may have requests in flight."""
        while lane.starting < len(lane.queue) and lane.workers < lane.cap and lane.may_start():
            if self._in_flight >= self._most_in_flight:
                if not lane.is_parked:
                    lane.is_parked = True
                    self._parked.append(lane)
                return
            lane.workers += 1
            lane.starting += 1
            lane.in_flight += 1
            self._in_flight += 1
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
                wait = lane.seconds_until_token()
                if wait:
                    await asyncio.sleep(wait)
                    continue
                await self._send(lane, lane.queue.popleft())
                if self._parked or lane.breaker.is_open:
                    break  # another lane waits for a place; or it goes on with one probe at a time
        finally:
            lane.workers -= 1
            lane.in_flight -= 1
            self._in_flight -= 1
            self._hand_over(lane)

    async def _send(self, lane: Lane, job: Job) -> None:
        self._held -= 1
        if lane.target is None or lane.signer is None or job.lease_ends - time.monotonic() < lease_margin_seconds():
            lane.is_waiting = True  # too late to be sure of the claim: somebody takes it when the lease has ended
            return
        outcome = await make_attempt(self._client, job, lane.target, lane.signer, lane.headers)
        lane.breaker = lane.breaker.after(outcome.ended_at, success=outcome.is_success)
        lane.completed += 1
        self._outcomes.append(outcome)
        if len(self._outcomes) >= FLUSH_SIZE or lane.is_ordered:
            self._flush.set()
        has_room = self._held < HELD_MOST // 2 and not self._is_log_empty
        if has_room or (lane.is_waiting and len(lane.queue) * 2 < lane.queue_limit):
            self._wake.set()

    def _hand_over(self, lane: Lane) -> None:
        """A place became free: to whoever waits longest, then to the same lane."""
        while self._parked and self._in_flight < self._most_in_flight:
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
        """The breaker has opened: what was claimed ahead goes back, to be probed one at a time."""
        jobs = list(lane.queue)
        lane.queue.clear()
        self._held -= len(jobs)
        lane.is_waiting = True
        self._record_thread.submit(release_jobs, jobs)

    # --- record ------------------------------------------------------------------------------------------------------

    async def _record_forever(self) -> None:
        pause = 0.1
        while True:
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._flush.wait()
            except TimeoutError:
                pass
            self._flush.clear()
            if not self._outcomes:
                if self._is_closing and not self._in_flight:
                    return
                continue
            batch, self._outcomes = self._outcomes[:FLUSH_SIZE], self._outcomes[FLUSH_SIZE:]
            self._writing = len(batch)
            try:
                await self._call(self._record_thread, lambda batch=batch: record_outcomes(batch))  # type: ignore[misc]
                pause = 0.1
            except DatabaseError as error:
                logger.warning("%d outcomes wait for the database: %s", len(batch), str(error).strip())
                self._outcomes = batch + self._outcomes
                await self._call(self._record_thread, connections.close_all)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
                continue
            finally:
                self._writing = 0
            self.recorded += len(batch)
            announce_outcomes(batch)
            if any(o.job.endpoint_id in self._lanes and self._lanes[o.job.endpoint_id].is_ordered for o in batch):
                self._look_again(batch)
            if any(outcome.error == "http_410" for outcome in batch):
                self._is_reload_due = True
                self._wake.set()
            if len(self._outcomes) >= FLUSH_SIZE:
                self._flush.set()

    def _look_again(self, batch: list[Outcome]) -> None:
        """The next delivery of an ordered endpoint may be claimed once the one before it is written down."""
        for outcome in batch:
            lane = self._lanes.get(outcome.job.endpoint_id)
            if lane is not None and lane.is_ordered:
                lane.is_waiting = True
        self._wake.set()


def run_engine(
    *,
    stop: threading.Event | None = None,
    idle_seconds: float = 300.0,
    make_client: Callable[[], HttpClient] = HttpClient,
) -> int:
    """Runs an engine in this thread until ``stop`` is set or nothing was due for ``idle_seconds``.

    Returns how many attempts were recorded. ``make_client`` is for measuring the engine without the network.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:  # a connection each for what is in flight, and as many kept
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.001)  # the event loop must not wait 5 ms for a thread that reads rows
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            engine = runner.run(_make_and_run(stop or threading.Event(), idle_seconds, make_client))
        return engine.recorded
    finally:
        sys.setswitchinterval(interval)


async def _make_and_run(stop: threading.Event, idle_seconds: float, make_client: Callable[[], HttpClient]) -> Engine:
    engine = Engine(stop=stop, idle_seconds=idle_seconds, make_client=make_client)
    await engine.run()
    return engine
