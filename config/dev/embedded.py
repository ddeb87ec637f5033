"""PostgreSQL and Redis from Python wheels, for a machine with nothing installed.

Both listen on Unix sockets in private folders only. Each class knows how its server is prepared, started, asked
whether it is ready and stopped; the supervisor runs them in the foreground, tests start and stop them here.
"""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import redis

from config.dev.places import Places, find_postgres, find_redis

DATABASE = "messages"
START_SECONDS = 30.0
STOP_SECONDS = 6.0
# A small machine: little shared memory, no JIT (its warm-up costs more than our short statements).
POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    "log_min_messages": "fatal",  # an ERROR reaches the process that caused it
    "log_line_prefix": "",
    "logging_collector": "off",
}
SCRATCH_OPTIONS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class ServerFailed(Exception):
    """An embedded server did not start; the message is one sentence for the person at the terminal."""


class Server:
    """One embedded server of a data folder."""

    name: str
    stop_signal: signal.Signals
    noise: tuple[str, ...] = ()

    def __init__(self, places: Places, *, scratch: bool = False) -> None:
        """``scratch`` trades durability for speed: for data that dies with its test."""
        self.places = places
        self.scratch = scratch
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    def prepare(self) -> None:
        """Makes what the first start needs and ends what an earlier, killed start left running."""
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def popen_options(self) -> dict[str, Any]:
        return {}

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        self.prepare()
        self._process = subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self.popen_options(),
        )
        self.wait_until_ready(self._process)

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if process.poll() is not None:
                raise ServerFailed(f"The embedded {self.name} server ended at once (exit code {process.returncode}).")
            if time.monotonic() > until:
                raise ServerFailed(f"The embedded {self.name} server did not answer within {START_SECONDS:.0f} s.")
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


class PostgresServer(Server):
    name = "postgres"
    noise = ("the database system is starting up",)  # our own asking whether it is ready
    stop_signal = signal.SIGINT  # "fast": rolls back what is open and ends

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/{DATABASE}?host={quote(str(self.places.postgres_socket))}"

    def prepare(self) -> None:
        self._programs = find_postgres(self.places.account)
        self._end_leftover()
        if (self.places.postgres_data / "PG_VERSION").exists():
            return
        command = [str(self._programs / "initdb"), "-D", str(self.places.postgres_data), "-U", "postgres"]
        command += ["--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", *(["--no-sync"] if self.scratch else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self.popen_options())
        if done.returncode != 0 and "locale" in done.stderr:
            command[command.index("--locale=C.UTF-8")] = "--locale=C"
            done = subprocess.run(command, capture_output=True, text=True, check=False, **self.popen_options())
        if done.returncode != 0:
            reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given"
            raise ServerFailed(f"The embedded postgres server's data could not be made: {reason}")

    def command(self) -> list[str]:
        options = POSTGRES_OPTIONS | (SCRATCH_OPTIONS if self.scratch else {})
        options["unix_socket_directories"] = str(self.places.postgres_socket)
        flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.places.postgres_data), *flags]

    def popen_options(self) -> dict[str, Any]:
        account = self.places.account
        options: dict[str, Any] = {"cwd": "/"}
        if account is not None:
            options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
        return options

    def is_ready(self) -> bool:
        server = f"host={self.places.postgres_socket} user=postgres dbname=postgres connect_timeout=2"
        try:
            with psycopg.connect(server, autocommit=True) as connection:
                found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                if found is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True

    def _end_leftover(self) -> None:
        """A start that was killed (-9) leaves its server running; nobody else may own this data folder by now."""
        pid_file = self.places.postgres_data / "postmaster.pid"
        if pid_file.exists():
            end_by_pid_file(pid_file, signal.SIGINT, "postgres")


class RedisServer(Server):
    name = "redis"
    stop_signal = signal.SIGTERM
    noise = (
        "oO0OoO0OoO0Oo",
        " Redis version=",
        "Configuration loaded",
        "Server initialized",
        "Memory overcommit",
        "signal-handler",
        "User requested shutdown",
        "ready to exit",
    )

    @property
    def url(self) -> str:
        return f"unix://{self.places.redis_socket}?db=0"

    def prepare(self) -> None:
        if self._pid_file.exists():
            end_by_pid_file(self._pid_file, signal.SIGTERM, "redis-server")

    @property
    def _pid_file(self) -> Path:
        return self.places.redis_data / "redis.pid"

    def command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.places.redis_socket),
            "unixsocketperm": "700",
            "dir": str(self.places.redis_data),
            "pidfile": str(self._pid_file),
            "save": "",
            "appendonly": "no" if self.scratch else "yes",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
            "daemonize": "no",
        }
        return [str(find_redis()), *(word for name, value in settings.items() for word in (f"--{name}", value))]

    def is_ready(self) -> bool:
        try:
            with redis.Redis(unix_socket_path=str(self.places.redis_socket)) as client:
                return bool(client.ping())
        except (redis.RedisError, OSError):
            return False


def end_by_pid_file(pid_file: Path, end: signal.Signals, program: str) -> None:
    """Ends the process a pid file names, if it still is that program, and waits for it."""
    words = pid_file.read_text().split()
    if not words or not words[0].isdigit() or not _runs(int(words[0]), program):
        return
    os.kill(int(words[0]), end)
    until = time.monotonic() + STOP_SECONDS
    while _runs(int(words[0]), program):
        if time.monotonic() > until:
            raise ServerFailed(f"An earlier {program} (process {words[0]}) does not end.")
        time.sleep(0.05)


def _runs(pid: int, program: str) -> bool:
    status, command = Path(f"/proc/{pid}/stat"), Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/stat").exists():  # Linux, where ps may be missing
        try:
            return status.read_text().rsplit(")", 1)[1].split()[0] != "Z" and program in command.read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
    done = subprocess.run(["ps", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return program in done.stdout and not done.stdout.startswith("Z")
