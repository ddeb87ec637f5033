"""CPU time of processes, from ``/proc``: what a figure per second hides when the machine is shared."""

import os
import resource
from collections.abc import Mapping
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_of(pid: int) -> float:
    """User and system seconds of one process; 0.0 if it cannot be seen."""
    try:
        fields = _stat(pid)
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def cpu_of_tree(parent: int) -> float:
    """Seconds of a process, of its children alive, and of those that have ended."""
    total = 0.0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = _stat(int(entry.name))
            except OSError:
                continue
            if entry.name == str(parent):
                total += sum(int(field) for field in fields[11:15]) / TICK
            elif fields[1] == str(parent):
                total += (int(fields[11]) + int(fields[12])) / TICK
    return total


def parent_of(pid: int) -> int:
    """The parent's id; 0 if the process is not of this machine."""
    try:
        return int(_stat(pid)[1])
    except OSError:
        return 0


def cpu_of_machine() -> float:
    """Busy seconds of all cores together; 0.0 where it cannot be seen. Waiting for a disk is not busy."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return 0.0
    user, nice, system, _idle, _wait, interrupts, soft = (int(field) for field in fields[1:8])
    return (user + nice + system + interrupts + soft) / TICK


def cpu_of_ended() -> float:
    """Seconds of this process's children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Meter:
    """CPU seconds by kind of process. ``roots`` names each kind's first process; its children count with it.

    ``driver`` is what this process started and has ended meanwhile, ``else`` is whatever more the machine did: on an
    idle machine nearly nothing.
    """

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = roots

    def read(self) -> dict[str, float]:
        kinds = {kind: cpu_of_tree(pid) if pid else 0.0 for kind, pid in self._roots.items()}
        kinds["driver"] = cpu_of_ended()
        kinds["else"] = cpu_of_machine() - sum(kinds.values())
        return kinds


def per_operation(before: Mapping[str, float], after: Mapping[str, float], count: int) -> str:
    """``web 1.20 + PostgreSQL 0.40 = 1.60 ms``: milliseconds of CPU of each kind for one operation."""
    costs = {kind: (after[kind] - before[kind]) * 1000 / max(1, count) for kind in after}
    return f"{' + '.join(f'{kind} {cost:.2f}' for kind, cost in costs.items())} = {sum(costs.values()):.2f} ms"
