"""Runs the tests beside servers of their own: the whole suite as two halves side by side, each with its own servers.

Usage: python -m config.dev.suite [PYTEST ARGUMENT …]. One half needs the stores only, the other a running product or a
browser (the marker ``live``); neither notices the other. With an argument that is no option, or with DATABASE_URL or
REDIS_URL set, it is one run of what is asked for.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from io import BufferedReader
from typing import cast

HALVES = ("not live", "live")
COUNT = re.compile(r"(\d+) (failed|passed|skipped|error)s?\b")
NOTHING_COLLECTED = 5


class Half:
    """A run of pytest; what it prints is kept until ``release``, and copied from then on."""

    def __init__(self, command: Sequence[str]) -> None:
        self._pieces: list[str] = []
        self._is_released = False
        self._lock = threading.Lock()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._output = cast(BufferedReader, self._process.stdout)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._output:
            for chunk in iter(lambda: self._output.read1(65536), b""):
                with self._lock:
                    self._pieces.append(chunk.decode(errors="replace"))
                    if self._is_released:
                        _write(self._pieces[-1])

    def release(self) -> None:
        with self._lock:
            self._is_released = True
            _write("".join(self._pieces))

    def wait(self) -> int:
        code = self._process.wait()
        self._reader.join(5)
        return code

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def counts(self) -> Counter[str]:
        """Of the summary in the last line: passed, failed, …"""
        last = "".join(self._pieces).rstrip().rsplit("\n", 1)[-1]
        return Counter({word: int(number) for number, word in COUNT.findall(last)})


def main() -> int:
    arguments = sys.argv[1:]
    command = [sys.executable, "-m", "config.dev.scratch", sys.executable, "-m", "pytest", *arguments]
    is_whole = all(argument.startswith("-") for argument in arguments)
    if not is_whole or os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL"):
        os.execv(sys.executable, command)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    colours = ["--color=yes"] if sys.stdout.isatty() and "NO_COLOR" not in os.environ else []
    return run_halves([[*command, *colours, "-m", mark] for mark in HALVES])


def run_halves(commands: Sequence[Sequence[str]]) -> int:
    """Runs them at once, prints one after the other and a line of their sum; returns the worst exit code."""
    started = time.monotonic()
    halves = [Half(command) for command in commands]
    codes = []
    try:
        for half in halves:
            half.release()
            codes.append(half.wait())
    finally:
        for half in halves:
            half.end()
        for half in halves:
            half.wait()
    total = sum((half.counts() for half in halves), Counter[str]())
    order = ("failed", "error", "passed", "skipped")
    words = ", ".join(f"{total[word]} {word}" for word in order if total[word])
    _write(f"{words or 'nothing ran'} in {time.monotonic() - started:.0f} s\n")
    return max(0 if code == NOTHING_COLLECTED else abs(code) for code in codes)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
