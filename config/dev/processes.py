"""The table of processes the product consists of."""

import sys
from dataclasses import dataclass

from config.dev.supervisor import Program

HEADER_TIMEOUT_MS = 10_000
# Requests of one web process at a time. An open event stream is one of them: beyond this no connection is taken on, and
# the server's own choice, half its backlog, left listeners waiting.
MOST_REQUESTS = 4096
WEB_END_SECONDS = 3  # within the grace that the supervisor gives


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What decides the number of processes."""

    host: str
    port: int
    web_workers: int
    engines: int


def list_background_programs(shape: Shape) -> list[Program]:
    programs = [_celery("worker", "messaging", 4)]
    names = ["engine"] if shape.engines == 1 else [f"engine{n}" for n in range(1, shape.engines + 1)]
    # A delivery engine's task holds its thread for long; the others fan out and replay.
    programs += [_celery(name, "webhooks", 3) for name in names]
    return [*programs, Program(name="sweeper", command=[sys.executable, "manage.py", "sweep"])]


def web_program(shape: Shape, gate: int) -> Program:
    """The web server; it begins to listen once the other end of the pipe ``gate`` is closed everywhere."""
    flags = {
        "interface": "asgi",
        "host": shape.host,
        "port": shape.port,
        "workers": shape.web_workers,
        "loop": "uvloop",
        "log-level": "warning",
        "backpressure": MOST_REQUESTS,
        "workers-kill-timeout": WEB_END_SECONDS,
        "http1-header-read-timeout": HEADER_TIMEOUT_MS,
    }
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "config.preloaded_web", str(gate), "--no-ws", "--respawn-failed-workers", *words]
    return Program(name="web", command=[*command, "config.asgi:application"], options={"pass_fds": (gate,)})


def _celery(name: str, queue: str, threads: int) -> Program:
    command = [sys.executable, "-m", "celery", "-A", "config", "-q", "worker", "-Q", queue, "-n", f"{name}@%h"]
    command += ["--pool", "threads", "-c", str(threads), "-l", "WARNING"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    quiet = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges"}
    return Program(name=name, command=command, environment=quiet)
