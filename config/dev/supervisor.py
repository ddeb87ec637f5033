"""Runs the product's processes: prefixed logs, restarts with back-off, one orderly end for all.

Every process leads a process group of its own, so that an end reaches its children and a Ctrl-C at the terminal
reaches only the supervisor. Everything happens in the main thread; one thread per process copies its log lines.
"""

import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

FIRST_PAUSE_SECONDS = 0.3
LONGEST_PAUSE_SECONDS = 15.0
STEADY_SECONDS = 30.0  # after running this long a process may crash as if for the first time
GRACE_SECONDS = 4.0  # per group at the end: the processes, then the servers they use
COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class StopRequested(BaseException):
    """A signal arrived while the product was still starting."""


@dataclass(kw_only=True)
class Program:
    """One process to keep running."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)  # for subprocess.Popen
    stop_signal: signal.Signals = signal.SIGTERM
    is_server: bool = False  # servers end last
    noise: tuple[str, ...] = ()  # log lines with one of these are left out
    before_start: Callable[[], None] | None = None


class _Running:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.restart_at: float | None = None
        self.pause_seconds = FIRST_PAUSE_SECONDS


class Supervisor:
    """``start`` programs, then ``watch`` until a signal or ``request_stop``; ``stop`` ends all and is idempotent."""

    def __init__(self, *, pid_folder: Path, out: IO[str] | None = None) -> None:
        self._pid_folder = pid_folder
        self._pid_folder.mkdir(parents=True, exist_ok=True)
        self._out = out or sys.stdout
        self._is_coloured = self._out.isatty() and "NO_COLOR" not in os.environ
        self._running: dict[str, _Running] = {}
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._stop_count = 0
        self._is_watching = False
        self._print_lock = threading.Lock()

    # --- the person at the terminal ---

    def say(self, text: str, name: str = "run") -> None:
        names = list(self._running)
        label = f"{name:<10}|"
        if self._is_coloured:
            colour = COLOURS[names.index(name) % len(COLOURS)] if name in names else 1
            label = f"\x1b[{colour}m{label}\x1b[0m"
        with self._print_lock, suppress(BrokenPipeError):
            print(f"{label} {text}", file=self._out, flush=True)

    def listen_to_signals(self) -> None:
        def on_signal(*_: object) -> None:
            is_first = not self.is_stopping
            self.request_stop()
            if is_first and not self._is_watching:
                raise StopRequested

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, on_signal)

    def request_stop(self) -> None:
        self._stop_count += 1
        self._wake.put(None)
        if self._stop_count > 1:  # impatient: no more grace
            for running in self._running.values():
                _signal_group(running.process, signal.SIGKILL)

    @property
    def is_stopping(self) -> bool:
        return self._stop_count > 0

    # --- processes ---

    def start(self, program: Program) -> subprocess.Popen[bytes]:
        running = self._running.setdefault(program.name, _Running(program))
        return self._spawn(running)

    def _spawn(self, running: _Running) -> subprocess.Popen[bytes]:
        program = running.program
        if program.before_start is not None:
            program.before_start()
        process = subprocess.Popen(
            program.command,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_ending_with_parent(program.stop_signal),
            **program.options,
        )
        running.process, running.started_at, running.restart_at = process, time.monotonic(), None
        self._note_pid(program.name, process.pid)
        threading.Thread(target=self._copy_log, args=(program, process), daemon=True).start()
        threading.Thread(target=self._await_end, args=(process,), daemon=True).start()
        return process

    def _note_pid(self, name: str, pid: int) -> None:
        """In one step: whoever reads the file meanwhile must not find it empty."""
        fresh = self._pid_folder / f".{name}.new"
        fresh.write_text(f"{pid}\n")
        fresh.replace(self._pid_folder / f"{name}.pid")

    def _copy_log(self, program: Program, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip()
                if not any(words in line for words in program.noise):
                    self.say(line, program.name)

    def _await_end(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._wake.put(None)

    def watch(self) -> None:
        """Restarts what crashes until asked to stop."""
        self._is_watching = True
        while not self.is_stopping:
            self.look_after_all()
            due = [running.restart_at for running in self._running.values() if running.restart_at is not None]
            with suppress(queue.Empty):
                self._wake.get(timeout=max(0.01, min(due) - time.monotonic()) if due else None)

    def look_after_all(self) -> None:
        for running in self._running.values():
            self._look_after(running, time.monotonic())

    def _look_after(self, running: _Running, now: float) -> None:
        if running.restart_at is not None:
            if now >= running.restart_at:
                self._restart(running)
            return
        if running.process is None or running.process.poll() is None:
            return
        _signal_group(running.process, signal.SIGKILL)  # children of a process that was killed
        if now - running.started_at > STEADY_SECONDS:
            running.pause_seconds = FIRST_PAUSE_SECONDS
        running.restart_at = now + running.pause_seconds
        name, ending = running.program.name, _describe_end(running.process.returncode)
        self.say(f"{name} {ending}; starting it again in {running.pause_seconds:g} s.")
        running.pause_seconds = min(running.pause_seconds * 2, LONGEST_PAUSE_SECONDS)

    def _restart(self, running: _Running) -> None:
        try:
            self._spawn(running)
        except Exception as error:  # noqa: BLE001 whatever stops one program from starting must not end the others
            self.say(f"{running.program.name} did not start: {error}")
            running.restart_at = time.monotonic() + running.pause_seconds
            running.pause_seconds = min(running.pause_seconds * 2, LONGEST_PAUSE_SECONDS)

    def stop(self) -> None:
        """Ends the processes, then the servers they use. Takes at most twice ``GRACE_SECONDS`` and a moment."""
        self._stop_count = max(self._stop_count, 1)
        for is_server in (False, True):
            group = [r for r in self._running.values() if r.program.is_server is is_server]
            self._end_all(group)
        self._running.clear()

    def _end_all(self, group: list[_Running]) -> None:
        for running in group:
            if running.process is not None and running.process.poll() is None:
                # Only the leader: it ends its children in its own order.
                with suppress(ProcessLookupError):
                    running.process.send_signal(running.program.stop_signal)
        until = time.monotonic() + GRACE_SECONDS
        for running in group:
            if running.process is None:
                continue
            with suppress(subprocess.TimeoutExpired):
                running.process.wait(max(0.01, until - time.monotonic()))
            _signal_group(running.process, signal.SIGKILL)
            running.process.wait()
            (self._pid_folder / f"{running.program.name}.pid").unlink(missing_ok=True)


def _signal_group(process: subprocess.Popen[bytes] | None, number: signal.Signals) -> None:
    if process is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def _describe_end(returncode: int) -> str:
    if returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"ended with exit code {returncode}"


def _ending_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """For the child: on Linux, ask to be ended if the supervisor is killed without a chance to do it."""
    if _libc is None:
        return None
    libc = _libc
    return lambda: libc.prctl(PR_SET_PDEATHSIG, number)
