"""The web server as production starts it, for benchmarks, and wrk and pgbench beside it."""

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

from bench.cpu import Meter, parent_of, per_operation
from config.dev.places import Places, find_postgres
from config.dev.processes import Shape, web_program

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What wrk saw. Latencies in ms."""

    per_second: float
    p50: float
    p99: float
    refused: int  # answers other than 2xx
    broken: int  # connections that failed or timed out
    cpu: str = ""  # of one request, by kind of process

    def __str__(self) -> str:
        bad = f", {self.refused} refused, {self.broken} broken" if self.refused or self.broken else ""
        return f"{self.per_second:,.0f}/s, p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms{bad}"


@dataclass(frozen=True, kw_only=True)
class Web:
    """A running web server."""

    port: int
    process: "subprocess.Popen[bytes]"
    meter: Meter

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def memory_mb(self) -> list[float]:
        """Resident memory of the server's processes that serve, largest first."""
        if not Path("/proc").exists():
            return []
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                size = re.search(r"VmRSS:\s+(\d+)", (folder / "status").read_text())
            except (OSError, IndexError, ValueError):
                continue
            if parent == self.process.pid and size:
                found.append(int(size[1]) / 1024)
        return sorted(found, reverse=True)


@contextmanager
def running_web(workers: int) -> Iterator[Web]:
    """Granian with that many workers, on a free port, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    shape = Shape(host="127.0.0.1", port=port, web_workers=workers, engines=1)
    gate, hold = os.pipe()
    os.close(hold)  # it may begin at once
    program = web_program(shape, gate)
    environment = {**os.environ, "PORT": str(port), "WEB_WORKERS": str(workers), "LOG_LEVEL": "WARNING"}
    process = subprocess.Popen(program.command, cwd=ROOT, env=environment, pass_fds=(gate,))
    os.close(gate)
    try:
        _await(f"http://127.0.0.1:{port}/healthz", process)
        yield Web(port=port, process=process, meter=Meter({"web": process.pid, **find_stores()}))
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            with urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise SystemExit("The web server did not start.")


def find_wrk() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("wrk is missing: apt-get install wrk (Debian, Ubuntu) or brew install wrk (macOS).")
    return found


_REPORT = """
done = function(summary, latency, requests)
  local errors = summary.errors
  local shape = '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d}'
  io.write(string.format('\\nresult ' .. shape .. '\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""


def find_stores() -> dict[str, int]:
    """The first process of PostgreSQL and of Redis; 0 for one that is not on this machine."""
    import redis
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        postmaster = parent_of(cursor.fetchone()[0])
    return {
        "PostgreSQL": postmaster,
        "Redis": int(redis.Redis.from_url(os.environ["REDIS_URL"]).info("server")["process_id"]),
    }


def drive(web: Web, script: str, *, seconds: float, connections: int = 32) -> Traffic:
    """wrk with a Lua script that defines ``request``; two seconds of warm-up come before and are not counted."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script + _REPORT)
        file.flush()
        command = [find_wrk(), "-t", "2", "-c", str(connections), "-s", file.name, "--timeout", "10s"]
        subprocess.run([*command, "-d", "2s", web.url], capture_output=True, check=True)
        before = web.meter.read()
        done = subprocess.run(
            [*command, "-d", f"{seconds:.0f}s", web.url], capture_output=True, text=True, check=True
        )  # fmt: skip
        after = web.meter.read()
    line = next(line for line in done.stdout.splitlines() if line.startswith("result "))
    found = json.loads(line.removeprefix("result "))
    return Traffic(
        per_second=found["requests"] / found["seconds"], p50=found["p50"], p99=found["p99"],
        refused=found["refused"], broken=found["broken"], cpu=per_operation(before, after, found["requests"]),
    )  # fmt: skip


def find_pgbench() -> Path:
    """Beside the embedded server, or on the path."""
    installed = shutil.which("pgbench")
    if installed:
        return Path(installed)
    with tempfile.TemporaryDirectory(prefix="messages-") as folder:
        places = Places.of(Path(folder))
        try:
            return find_postgres(places.account) / "pgbench"
        finally:
            places.remove()


def drive_database(script: str, *, seconds: float, clients: int = 32) -> float:
    """Transactions a second of pgbench with a prepared script."""
    url = urlsplit(os.environ["DATABASE_URL"])
    host = parse_qs(url.query).get("host", [url.hostname or "127.0.0.1"])[0]
    command = [str(find_pgbench()), "-n", "-M", "prepared", "-j", "2", "-c", str(clients), "-T", f"{seconds:.0f}"]
    command += ["-h", host, "-p", str(url.port or 5432), "-U", url.username or "postgres"]
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(
            [*command, "-f", file.name, url.path.lstrip("/")], capture_output=True, text=True, check=False,
            env={**os.environ, "PGPASSWORD": url.password or ""},
        )  # fmt: skip
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None:
        raise SystemExit(f"pgbench failed: {done.stderr.strip().splitlines()[-1:]}")
    return float(found[1])


def describe_machine() -> dict[str, str]:
    """What a figure depends on: cores, load, versions."""
    from importlib.metadata import version

    import redis
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgres = cursor.fetchone()[0]
    server = redis.Redis.from_url(os.environ["REDIS_URL"]).info("server")["redis_version"]
    names = ("Django", "granian", "psycopg", "redis", "msgspec")
    return {
        "cores": str(os.cpu_count()),
        "load when it began": f"{os.getloadavg()[0]:.1f} (an idle machine has about 0)",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": sys.version.split()[0],
        "PostgreSQL": postgres,
        "Redis": server,
        **{name: version(name) for name in names},
    }
