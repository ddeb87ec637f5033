"""CPU time of processes, from ``/proc``: what a figure per second hides when the machine is shared."""

import os
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
