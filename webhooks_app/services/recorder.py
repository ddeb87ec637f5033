"""What an engine still has to write down, and the loop that writes it: every 500 outcomes or 100 ms."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, connections

from webhooks_app.services.jobs import Batch, Job, Outcome
from webhooks_app.services.live import announce_outcomes
from webhooks_app.services.record import record_outcomes

logger = logging.getLogger(__name__)
FLUSH_SIZE = 500
FLUSH_MOST = 3000  # what has gathered while the last was written goes in one: each statement waits for its turn
FLUSH_SECONDS = 0.1
PAUSE_MOST = 1.0  # seconds between tries without a database; the last of them when the engine ends
KEEP_SECONDS = 0.5  # a delivery that is not through by then gets its row, so that it can be seen


@dataclass(slots=True)
class _Flush:
    outcomes: list[Outcome]
    kept: list[Job]
    returned: list[Job]
    closed: list[UUID]


class Recorder:
    """State of one event loop; the writing itself happens in a thread with a connection of its own."""

    def __init__(self, *, tell: Callable[[Sequence[Outcome]], None]) -> None:
        self._tell = tell
        self._outcomes: list[Outcome] = []
        self._returned: list[Job] = []
        self._batches: dict[UUID, Batch] = {}
        self._writing = 0
        self._is_due = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine-record")
        self.recorded = 0

    @property
    def backlog(self) -> int:
        """Outcomes that are not written down yet."""
        return len(self._outcomes) + self._writing

    @property
    def is_empty(self) -> bool:
        return not (self._outcomes or self._writing or self._returned or self._batches)

    def take(self, batch: Batch) -> None:
        """Sees to it that every delivery of the batch gets its row."""
        self._batches[batch.id] = batch

    def add(self, outcome: Outcome, *, is_urgent: bool = False) -> None:
        batch = outcome.job.batch
        if batch is not None:
            batch.unsent.discard(outcome.job)
        self._outcomes.append(outcome)
        if is_urgent or len(self._outcomes) >= FLUSH_SIZE:
            self._is_due.set()

    def give_back(self, jobs: Sequence[Job], *, is_held: bool = False) -> None:
        """Claimed, and not to be sent by this engine: anybody may have them once this is written, nobody if held."""
        for job in jobs:
            job.is_held = is_held
            if job.batch is not None:
                job.batch.unsent.discard(job)
        self._returned += jobs

    def lose(self, job: Job) -> None:
        """Its claim is too near its end: somebody takes it when the lease is over."""
        if job.batch is not None:
            job.batch.is_lost = True
            self._batches.pop(job.batch.id, None)

    async def run(self, is_over: Callable[[], bool]) -> None:
        """Writes until ``is_over`` and nothing is left."""
        pause = 0.1
        while True:
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._is_due.wait()
            except TimeoutError:
                pass
            self._is_due.clear()
            flush = self._next_flush()
            if flush is None:
                if is_over():
                    return
                continue
            self._writing = len(flush.outcomes)
            try:
                await self.call(lambda flush=flush: _write(flush))  # type: ignore[misc]
                pause = 0.1
            except DatabaseError as error:
                logger.warning("%d outcomes wait for the database: %s", len(flush.outcomes), str(error).strip())
                self._outcomes = flush.outcomes + self._outcomes
                self._returned = flush.returned + self._returned
                await self.call(connections.close_all)
                if is_over() and pause >= PAUSE_MOST:
                    return  # what is lost with the process here comes back when its leases end
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE_MOST)
                continue
            finally:
                self._writing = 0
            self._settle(flush)
            self.recorded += len(flush.outcomes)
            announce_outcomes(flush.outcomes)
            self._tell(flush.outcomes)
            if len(self._outcomes) >= FLUSH_SIZE:
                self._is_due.set()

    async def call(self, function: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def close(self) -> None:
        await self.call(connections.close_all)
        self._thread.shutdown()

    def _next_flush(self) -> _Flush | None:
        outcomes, self._outcomes = self._outcomes[:FLUSH_MOST], self._outcomes[FLUSH_MOST:]
        returned, self._returned = self._returned, []
        kept = self._find_kept()
        if not (outcomes or returned or kept):
            return None
        written = Counter(
            job.batch.id for job in (*(o.job for o in outcomes), *kept, *returned) if job.batch is not None
        )
        closed = [key for key, count in written.items() if key in self._batches and self._batches[key].open == count]
        return _Flush(outcomes, kept, returned, closed)

    def _find_kept(self) -> list[Job]:
        limit = time.monotonic() - KEEP_SECONDS
        kept: list[Job] = []
        for batch in self._batches.values():
            if batch.taken_at > limit:
                break  # they stand in the order in which they were taken
            kept += batch.unsent
        return kept

    def _settle(self, flush: _Flush) -> None:
        """They have their rows now."""
        for job in (*(o.job for o in flush.outcomes), *flush.kept, *flush.returned):
            if job.batch is not None:
                job.batch.open -= 1
                job.batch.unsent.discard(job)
                job.batch = None
        for key in flush.closed:
            self._batches.pop(key, None)


def _write(flush: _Flush) -> None:
    record_outcomes(flush.outcomes, kept=flush.kept, returned=flush.returned, closed=flush.closed)
