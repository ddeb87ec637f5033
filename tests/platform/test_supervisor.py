"""The supervisor on small programs: restarts, ends, and leaves nothing behind."""

import io
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from config.dev.supervisor import Program, Supervisor
from tests.live import wait_until

SLEEPER = "import time; print('awake', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]).wait()"


class Watched:
    """A supervisor that watches in a thread, with what it printed."""

    def __init__(self, folder: Path) -> None:
        self.out = io.StringIO()
        self.folder = folder
        self.supervisor = Supervisor(pid_folder=folder, out=self.out)
        self.thread = threading.Thread(target=self.supervisor.watch, daemon=True)

    def run(self, **programs: str) -> None:
        for name, code in programs.items():
            self.supervisor.start(Program(name=name, command=[sys.executable, "-c", code]))
        self.thread.start()

    def pid(self, name: str) -> int:
        return int((self.folder / f"{name}.pid").read_text())

    def end(self) -> None:
        self.supervisor.request_stop()
        self.thread.join(5)
        self.supervisor.stop()


@pytest.fixture
def watched(tmp_path: Path):
    watched = Watched(tmp_path)
    yield watched
    watched.end()


def has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_log_lines_carry_the_name_of_their_process(watched: Watched) -> None:
    watched.run(first=SLEEPER)
    wait_until(lambda: "awake" in watched.out.getvalue())
    assert watched.out.getvalue() == "first     | awake\n"


def test_a_killed_process_is_started_again_and_it_says_so(watched: Watched) -> None:
    watched.run(first=SLEEPER)
    before = watched.pid("first")
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: watched.pid("first") != before)
    assert "first was ended by SIGKILL; starting it again in 0.3 s." in watched.out.getvalue()


def test_a_process_that_keeps_crashing_is_started_ever_more_slowly(watched: Watched) -> None:
    watched.run(broken="raise SystemExit(3)")
    wait_until(lambda: "again in 0.6 s" in watched.out.getvalue())
    assert "broken ended with exit code 3; starting it again in 0.3 s." in watched.out.getvalue()


def test_the_end_reaches_children_of_processes_too(watched: Watched) -> None:
    watched.run(parent=PARENT)
    wait_until(lambda: "awake" in watched.out.getvalue())
    group = watched.pid("parent")
    watched.end()
    wait_until(lambda: not has_members(group), what="the end of the whole group")
    assert not (watched.folder / "parent.pid").exists()


def test_a_process_that_ignores_the_end_is_killed(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.dev.supervisor.GRACE_SECONDS", 0.5)
    watched.run(stubborn=STUBBORN)
    wait_until(lambda: "awake" in watched.out.getvalue())
    pid = watched.pid("stubborn")
    watched.end()
    assert not is_alive(pid)
    assert not (watched.folder / "stubborn.pid").exists()
