"""Hints are few, and none is left behind."""

import itertools
import threading
import time
from typing import Any

import pytest

from core import hints


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    monkeypatch.setattr(hints, "_publish", lambda name: found.append((name, time.monotonic())))
    return found


def test_a_busy_second_costs_tens_of_messages_and_the_last_hint_goes_out(published: list[Any]) -> None:
    last = 0.0
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        hints.send_hint("one.task")
        last = time.monotonic()
        threading.Event().wait(0.001)
    limit = time.monotonic() + 5
    while published[-1][1] < last and time.monotonic() < limit:
        threading.Event().wait(0.01)
    assert published[-1][1] >= last, "a hint after the last message went out as well"
    times = [at for name, at in published if name == "one.task"]
    assert len(times) < 25
    assert min(b - a for a, b in itertools.pairwise(times)) > hints.TASK_SECONDS * 0.9


def test_one_name_keeps_no_other_waiting(published: list[Any]) -> None:
    hints.send_hint("first.task")
    hints.send_hint("first.task")
    hints.send_hint("second.task")
    limit = time.monotonic() + 5
    while not any(name == "second.task" for name, _ in published) and time.monotonic() < limit:
        threading.Event().wait(0.002)
    assert {name for name, _ in published} == {"first.task", "second.task"}
