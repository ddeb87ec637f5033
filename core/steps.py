"""Work written once and run two ways: in a thread that waits, or in the event loop that does not.

A function on the hot path is a generator: it yields what it has to wait for and goes on with the answer, or with the
error, that comes back. ``run_steps`` answers each step in the calling thread; ``core.loop_stores`` does it in the event
loop, where a request costs neither a thread nor a fight for the interpreter lock. Before anything else that may block,
the ORM above all, such a function yields ``IN_THREAD``: the rest of it then runs in a thread.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from core.prepared import prepared_cursor
from core.redis_script import ThreadScript

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement. The answer is its first row or None; all rows if ``is_many``. ``is_grouped``: it may share its
    transaction with others of the kind, and takes no lock that another of them waits for."""

    text: str
    values: Mapping[str, Any]
    is_many: bool = False
    is_grouped: bool = False

    def run(self) -> Any:
        with prepared_cursor() as cursor:
            cursor.execute(self.text, dict(self.values))
            if self.is_many:
                return cursor.fetchall()
            return cursor.fetchone() if cursor.description else None


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """One Redis script. The answer is the script's; errors are ``redis.RedisError``."""

    script: ThreadScript
    keys: Sequence[str]
    args: Sequence[str | int]

    def run(self) -> Any:
        return self.script(keys=self.keys, args=self.args)


@dataclass(frozen=True, slots=True)
class InThread:
    """From here on the work may block."""

    def run(self) -> None:
        """In a thread there is nothing to do."""


IN_THREAD = InThread()
Step = Statement | ScriptCall | InThread
Steps = Generator[Step, Any, T]


def run_steps(steps: Steps[T], step: Step | None = None) -> T:
    """Runs steps to their end in this thread, from the start or from a ``step`` that was already asked for."""
    try:
        if step is None:
            step = next(steps)
        while True:
            try:
                answer = step.run()
            except Exception as error:  # noqa: BLE001 it belongs to whoever asked, as if the step had been a call
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result
