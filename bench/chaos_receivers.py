"""Receivers that misbehave on purpose, each in its own way, and remember what they accepted."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate

from tests.webhooks_app.receivers import OK, Receiver, Request, answer_of

TOLERANCE_SECONDS = 300
HANG_SECONDS = 30.0
Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[bytes | None]]


@dataclass
class Memory:
    """What one receiver saw: requests by delivery id, those it answered with 200, and the ids by subject."""

    seen: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    ids_by_subject: dict[str, set[str]] = field(default_factory=dict)


class Misbehaving:
    """``names`` are the receivers; ``calm`` ends the misbehaviour, and who was away is there."""

    def __init__(self, receiver: Receiver, seed: int) -> None:
        self.chance = random.Random(seed)
        self.is_calm = False
        self.clock_offset = 0.0
        self.memory: dict[str, Memory] = {}
        ways = {
            "steady": self._steady,
            "failing": self._failing,
            "hanging": self._hanging,
            "resetting": self._resetting,
            "wrong-clock": self._wrong_clock,
            "away-at-first": self._away,
        }
        for name, way in ways.items():
            self.memory[name] = Memory()
            receiver.answers[f"/{name}"] = self._remember(name, way)
        self.names = list(ways)

    def jump_clock(self) -> None:
        """The receiver's clock is suddenly hours off, or right again."""
        self.clock_offset = self.chance.choice([0.0, 7200.0, -7200.0, 86_400.0 * 400, 30.0])

    def calm(self) -> None:
        self.is_calm, self.clock_offset = True, 0.0

    def _remember(self, name: str, way: Answer) -> Answer:
        memory = self.memory[name]

        async def answer(request: Request, writer: asyncio.StreamWriter) -> bytes | None:
            body = request.json
            memory.seen[body["delivery_id"]] += 1
            memory.ids_by_subject.setdefault(body["data"]["id"], set()).add(body["delivery_id"])
            given = OK if self.is_calm else await way(request, writer)
            if given is OK:
                memory.accepted[body["delivery_id"]] += 1
            return given

        return answer

    async def _steady(self, _: Request, __: asyncio.StreamWriter) -> bytes | None:
        return OK

    async def _failing(self, _: Request, __: asyncio.StreamWriter) -> bytes | None:
        return answer_of(self.chance.choice([500, 502, 404])) if self.chance.random() < 0.3 else OK

    async def _hanging(self, _: Request, __: asyncio.StreamWriter) -> bytes | None:
        if self.chance.random() < 0.1:
            await asyncio.sleep(HANG_SECONDS)
            return None
        return OK

    async def _resetting(self, request: Request, writer: asyncio.StreamWriter) -> bytes | None:
        """Half of its resets come after it has done its work: then it gets the same delivery again."""
        draw = self.chance.random()
        if draw >= 0.2:
            return OK
        if draw < 0.1:
            self.memory["resetting"].accepted[request.json["delivery_id"]] += 1
        writer.transport.abort()
        return None

    async def _wrong_clock(self, request: Request, _: asyncio.StreamWriter) -> bytes | None:
        """Refuses what its own clock calls too old, and names the time to come back by that clock."""
        clock = time.time() + self.clock_offset
        if abs(clock - request.json["timestamp"] / 1000) <= TOLERANCE_SECONDS:
            return OK
        return answer_of(
            503, f"Date: {formatdate(clock, usegmt=True)}", f"Retry-After: {formatdate(clock + 2, usegmt=True)}"
        )

    async def _away(self, _: Request, __: asyncio.StreamWriter) -> bytes | None:
        return None
