"""The delivery engine: one event loop that takes in, sends and records without pause.

Three things run side by side. *Intake*, here, fans out events and claims due deliveries while there is room for them;
the *sender* sends; the *recorder* writes what came of it. The database is spoken to by two threads, one for intake and
one for the recorder, with Django's connections. Losing Redis, the database or the process loses nothing: see
``fan_out.py`` and ``claim.py``.
"""

import asyncio
import gc
import logging
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

import uvloop
from django.conf import settings
from django.db import DatabaseError, connections

from core.outbound import HttpClient
from webhooks_app.services.claim import claim_due, list_waiting, read_endpoints, settle_unwanted
from webhooks_app.services.fan_out import fan_out_batch, recover_batches
from webhooks_app.services.jobs import Outcome
from webhooks_app.services.lanes import Lane
from webhooks_app.services.recorder import PAUSE_MOST, Recorder
from webhooks_app.services.sender import Sender
from webhooks_app.services.wake import ENDPOINTS, listen, wake_engines

logger = logging.getLogger(__name__)
Found = TypeVar("Found")

POLL_SECONDS = 0.5
RELOAD_SECONDS = 2.0
BUSY_SECONDS = 0.002  # another engine reads the log: it takes about as long
HELD_MOST = 3000  # claimed and not yet sent; above it events wait in the log
UNWRITTEN_MOST = 5000


class Engine:
    """Runs in one thread's event loop until told to stop, or until it has been idle."""

    def __init__(self, *, stop: threading.Event, idle_seconds: float, client: HttpClient) -> None:
        self._stop = stop
        self._idle_seconds = idle_seconds
        self._recorder = Recorder(tell=self._after_recording)
        self._sender = Sender(client, self._recorder, ask=self._after_answer)
        self._wake = asyncio.Event()
        self._is_reload_due = True
        self._is_log_empty = False
        self._is_over = False
        self._reloaded_at = self._looked_at = 0.0
        self._ticked_at = self._busy_at = time.monotonic()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine-intake")

    @property
    def recorded(self) -> int:
        return self._recorder.recorded

    async def run(self) -> None:
        listener = asyncio.create_task(listen(self._hear))
        recorder = asyncio.create_task(self._recorder.run(lambda: self._is_over))
        try:
            await self._intake_forever()
            await self._sender.close()
        finally:
            self._is_over = True
            listener.cancel()
            await asyncio.gather(recorder, listener, return_exceptions=True)
            await self._recorder.close()
            await self._call(connections.close_all)
            self._thread.shutdown()

    async def _call(self, function: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    # --- what others tell the engine -----------------------------------------------------------------------------

    def _hear(self, reason: bytes) -> None:
        self._is_reload_due |= reason == ENDPOINTS
        self._is_log_empty = False
        self._wake.set()

    def _after_answer(self, lane: Lane) -> None:
        has_room = self._sender.held < HELD_MOST // 2 and not self._is_log_empty
        if has_room or (lane.is_waiting and len(lane.queue) * 2 < lane.queue_limit):
            self._wake.set()

    def _after_recording(self, outcomes: Sequence[Outcome]) -> None:
        """The next delivery of an ordered endpoint may be claimed once the one before it is written down."""
        for endpoint_id in {outcome.job.endpoint_id for outcome in outcomes}:
            lane = self._sender.lanes.get(endpoint_id)
            if lane is not None and lane.is_ordered:
                lane.is_waiting = True
                self._wake.set()
        if any(outcome.error == "http_410" for outcome in outcomes):
            self._is_reload_due = True
            self._wake.set()
        if self._sender.held < HELD_MOST // 2 and not self._is_log_empty:
            self._wake.set()  # intake may have waited for this

    # --- intake ----------------------------------------------------------------------------------------------------

    async def _intake_forever(self) -> None:
        pause = 0.1
        self._busy_at = time.monotonic()  # reading certificates took its time: that was no idleness
        while not self._stop.is_set() and not self._is_idle():
            try:
                has_more = await self._take_in()
                pause = 0.1
            except DatabaseError as error:
                logger.warning("engine waits for the database: %s", str(error).strip())
                await self._call(connections.close_all)
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE_MOST)
                self._is_reload_due = True
                continue
            if not has_more:
                try:
                    async with asyncio.timeout(min(POLL_SECONDS, self._idle_seconds)):
                        await self._wake.wait()
                except TimeoutError:
                    self._is_log_empty = False
            self._wake.clear()

    def _is_idle(self) -> bool:
        moment = time.monotonic()
        if not (self._sender.is_idle and self._recorder.is_empty):
            self._busy_at = moment
        return moment - self._busy_at > self._idle_seconds

    async def _take_in(self) -> bool:
        """One round; whether another should follow at once."""
        moment = time.monotonic()
        if moment - self._ticked_at >= 1.0:
            self._sender.tick(moment - self._ticked_at)
            self._ticked_at = moment
        if self._is_reload_due or moment - self._reloaded_at > RELOAD_SECONDS:
            await self._reload(moment)
        if moment - self._looked_at > POLL_SECONDS:
            self._looked_at = moment
            await self._look()
        if self._sender.held >= HELD_MOST or self._recorder.backlog > UNWRITTEN_MOST:
            return False
        has_events = False
        if not self._is_log_empty:
            has_events = await self._fan_out()
        return await self._claim() or has_events

    async def _fan_out(self) -> bool:
        rooms = self._sender.rooms()
        found = await self._call(lambda: fan_out_batch(rooms=rooms))
        if found.is_busy:
            await asyncio.sleep(BUSY_SECONDS)
            return True
        self._is_log_empty = not found.events
        if found.batch is not None:
            self._recorder.take(found.batch)
        self._sender.accept(found.jobs)
        self._mark_waiting(found.waiting)
        return bool(found.events)

    async def _claim(self) -> bool:
        rooms: dict[UUID, int] = {}
        ordered: list[UUID] = []
        for lane in self._sender.lanes.values():
            if not lane.is_waiting:
                continue
            room = lane.room()
            if lane.is_ordered and room:
                ordered.append(lane.id)
            elif (room and room * 2 >= lane.queue_limit) or (room and not lane.queue):
                rooms[lane.id] = room
        if not rooms and not ordered:
            return False
        jobs = await self._call(lambda: claim_due(rooms, ordered))
        counts = Counter(job.endpoint_id for job in jobs)
        for key in [*rooms, *ordered]:
            if counts[key] < rooms.get(key, 1):
                self._sender.lanes[key].is_waiting = False  # seen again by the next look, or told by a fan-out
        self._sender.accept(jobs)
        return bool(jobs)

    async def _look(self) -> None:
        """For what is nobody's: abandoned batches, and deliveries that became due."""
        await self._call(recover_batches)
        waiting = await self._call(list_waiting)
        unwanted = self._find_unwanted(waiting)
        if unwanted:
            await self._reload(time.monotonic())
            unwanted = self._find_unwanted(unwanted)
            if unwanted:
                await self._call(lambda: settle_unwanted(unwanted))
        self._mark_waiting(waiting)

    def _find_unwanted(self, keys: set[UUID]) -> set[UUID]:
        lanes = self._sender.lanes
        return {key for key in keys if key not in lanes or not lanes[key].is_active}

    def _mark_waiting(self, waiting: set[UUID]) -> None:
        for key in waiting:
            lane = self._sender.lanes.get(key)
            if lane is not None:
                lane.is_waiting = True
            else:
                self._is_reload_due = True
        if waiting and settings.WEBHOOK_ENGINES > 1:
            wake_engines()

    async def _reload(self, moment: float) -> None:
        self._is_reload_due, self._reloaded_at = False, moment
        self._sender.update(await self._call(read_endpoints))


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
    gc.collect()
    gc.freeze()  # what the process has loaded stays: no need to walk it again and again
    thresholds = gc.get_threshold()
    gc.set_threshold(100_000, 20, 50)  # what makes no cycles goes without it
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0003)  # the event loop must not wait 5 ms for a thread that reads rows
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(stop or threading.Event(), idle_seconds, make_client))
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


async def _run(stop: threading.Event, idle_seconds: float, make_client: Callable[[], HttpClient]) -> int:
    async with make_client() as client:
        engine = Engine(stop=stop, idle_seconds=idle_seconds, client=client)
        await engine.run()
    return engine.recorded
