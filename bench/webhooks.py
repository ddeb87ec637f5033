"""``scripts/bench webhooks``: the delivery engine from stored event to recorded attempt, against a local sink.

Prints the ceilings in the same run: the client without database, the database without client. Uses a database of its
own, ``messages_bench``, beside the configured one.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from bench.cpu import cpu_of, cpu_of_tree, parent_of  # noqa: E402 the path is set above

ENDPOINTS = 50
ONE, TWO = "one engine, 50 endpoints", "two engines, 50 endpoints"
SLOW = "one engine, 2 % of endpoints answer after 2 s, healthy ones"
STEADY, MIXED = "100 events/s, stored to received", "the same, 2 % of endpoints answer after 2 s"
TARGETS = {
    ONE: "≥ 6,000/s",
    f"{ONE}: memory of an engine": "< 250 MB",
    TWO: "≥ 9,000/s",
    SLOW: "≥ 3,000/s",
    f"{STEADY}: p50": "< 30 ms",
    f"{STEADY}: p99": "< 150 ms",
    f"{MIXED}: p95": "≤ twice the p95 above",
}


def use_bench_database() -> None:
    """Creates ``messages_bench`` anew and points this process and its children at it."""
    import psycopg
    from psycopg import sql

    url = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(url.geturl(), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS messages_bench WITH (FORCE)")
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier("messages_bench")))
    os.environ["DATABASE_URL"] = url._replace(path="/messages_bench").geturl()


def set_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    import django

    django.setup()


class Bench:
    def __init__(self, port: int, sink_pid: int) -> None:
        self.port = port
        self.sink_pid = sink_pid
        self.postmaster = 0
        self.results: dict[str, str] = {}

    # --- preparing -----------------------------------------------------------------------------------------------

    def prepare(self, kinds: list[str]) -> None:
        """Empties the tables; one endpoint per kind, each subscribed to a line of its own."""
        from django.db import connection

        from accounts.models import Organization
        from core.ids import uuid7
        from core.secrets import encrypt
        from lines.models import Line
        from webhooks_app.models import Endpoint
        from webhooks_app.signing import new_secret

        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE events_event, webhooks_app_delivery, webhooks_app_attempt")
            cursor.execute("TRUNCATE events_consumercursor, webhooks_app_endpointminute")
        Organization.objects.filter(slug="bench").delete()
        self.organization = Organization.objects.create(name="Bench", slug="bench")
        self.lines = [
            Line.objects.create(organization=self.organization, handle=f"+1555020{n:04}") for n in range(len(kinds))
        ]
        Endpoint.objects.bulk_create(
            Endpoint(
                id=uuid7(), organization=self.organization, url=f"http://127.0.0.1:{self.port}/{kind}/{n}",
                events=["message.received"], line_ids=[line.id], secret=encrypt(new_secret()),
            )
            for n, (kind, line) in enumerate(zip(kinds, self.lines, strict=True))
        )  # fmt: skip

    def store_events(self, count: int) -> None:
        """Stores events as the product does, ``count`` in batches of 1,000, over all lines in turn."""
        import msgspec
        from django.db import transaction

        from events.services import NewEvent, append_events
        from webhooks_app.catalogue import build_example

        for start in range(0, count, 1000):
            data = msgspec.json.encode(build_example("message.received", sent_at=int(time.time() * 1000))).decode()
            with transaction.atomic():
                append_events(
                    NewEvent(
                        organization_id=self.organization.id,
                        line_id=self.lines[n % len(self.lines)].id,
                        type="message.received",
                        data=data,
                    )
                    for n in range(start, min(start + 1000, count))
                )

    def start_engines(self, count: int, *flags: str) -> list["subprocess.Popen[str]"]:
        environment = {**os.environ, "WEBHOOK_ENGINES": str(count)}
        command = [sys.executable, str(ROOT / "bench" / "webhooks.py"), "--engine", *flags]
        engines = [
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(count)
        ]
        for engine in engines:
            assert engine.stdout is not None
            engine.stdout.readline()  # "ready"
        for engine in engines:
            assert engine.stdin is not None
            engine.stdin.write("go\n")
            engine.stdin.flush()
        return engines

    def stop_engines(self, engines: list["subprocess.Popen[str]"]) -> float:
        """Ends engines as a worker does; returns the most memory one had, in MB."""
        most = 0.0
        for engine in engines:
            engine.terminate()
        for engine in engines:
            out, _ = engine.communicate(timeout=40)
            most = max(most, float(out.strip().splitlines()[-1]) if out.strip() else 0.0)
        return most

    def recorded(self, where: str = "TRUE") -> int:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(sum(m.delivered + m.retried + m.failed), 0) FROM webhooks_app_endpointminute m"
                f" JOIN webhooks_app_endpoint e ON e.id = m.endpoint_id WHERE {where}"
            )
            return int(cursor.fetchone()[0])

    def sink_stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats") as answer:
            return json.load(answer)  # type: ignore[no-any-return]

    def wait_for(self, count: int, where: str = "TRUE", seconds: float = 60.0) -> tuple[float, int]:
        """Until that many attempts are recorded; (rate per second between first and last sight, how many)."""
        first_at = first = 0.0
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            seen = self.recorded(where)
            moment = time.perf_counter()
            if seen and not first_at:
                first_at, first = moment, seen
            if seen >= count:
                return (seen - first) / max(moment - first_at, 0.001), seen
            time.sleep(0.05)
        return (seen - first) / max(time.perf_counter() - (first_at or end), 0.001), seen

    # --- measuring -----------------------------------------------------------------------------------------------

    def note(self, name: str, value: Any, unit: str = "") -> None:
        shown = f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
        self.results[name] = f"{shown} {unit}".strip()
        print(f"{name:<58}{shown:>12} {unit}", flush=True)

    def save(self, events: int) -> str:
        from bench.api import save_table
        from bench.product import describe_machine

        table = ["| measured | figure | target on two idle cores |", "|---|---|---|"]
        table += [f"| {name} | {shown} | {TARGETS.get(name, '')} |" for name, shown in self.results.items()]
        return save_table("webhooks", describe_machine() | {"events of each measurement": f"{events:,}"}, table)

    def cpu_seconds(self, engines: list["subprocess.Popen[str]"]) -> tuple[float, float, float]:
        """So far: engines, PostgreSQL, sink."""
        if not self.postmaster:
            from django.db import connection

            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                self.postmaster = parent_of(cursor.fetchone()[0])
        engine = sum(cpu_of(process.pid) for process in engines)
        return engine, cpu_of_tree(self.postmaster) if self.postmaster else 0.0, cpu_of(self.sink_pid)

    def throughput(self, name: str, engines: int, events: int, *flags: str) -> None:
        self.prepare(["fast"] * ENDPOINTS)
        self.store_events(events)
        running = self.start_engines(engines, *flags)
        before = self.cpu_seconds(running)
        rate, seen = self.wait_for(events, seconds=120.0)
        after = self.cpu_seconds(running)
        memory = self.stop_engines(running)
        self.note(name, rate, "/s")
        for part, start, end in zip(("engine", "PostgreSQL", "sink"), before, after, strict=True):
            self.note(f"{name}: CPU of {part} per delivery", (end - start) / max(seen, 1) * 1e6, "µs")
        self.note(f"{name}: memory of an engine", memory, "MB")

    def with_bad_endpoint(self, name: str, kinds: list[str], events: int) -> None:
        self.prepare(kinds)
        self.store_events(events)
        self.sink_stats()
        bad = sum(kind != "fast" for kind in kinds)
        healthy = events * (len(kinds) - bad) // len(kinds)
        running = self.start_engines(1)
        rate, _ = self.wait_for(healthy, "e.url LIKE '%%/fast/%%'".replace("%%", "%"))
        self.stop_engines(running)
        self.note(name, rate, "/s")

    def latency(self, name: str, kinds: list[str], per_second: int, seconds: int) -> None:
        """Events at a steady rate; the engine hears of them as in production, by the hint that the commit sends."""
        import msgspec
        from django.db import transaction

        from events.services import NewEvent, append_events
        from webhooks_app.catalogue import build_example

        self.prepare(kinds)
        running = self.start_engines(1)
        time.sleep(1.5)
        self.sink_stats()
        begin = time.perf_counter()
        for number in range(per_second * seconds):
            due = begin + number / per_second
            time.sleep(max(due - time.perf_counter(), 0))
            data = msgspec.json.encode(build_example("message.received", sent_at=int(time.time() * 1000))).decode()
            with transaction.atomic():
                append_events([
                    NewEvent(organization_id=self.organization.id, line_id=self.lines[number % len(kinds)].id,
                             type="message.received", data=data)
                ])  # fmt: skip
        time.sleep(1.0)
        latencies = sorted(self.sink_stats()["latencies"].get("fast", []))
        self.stop_engines(running)
        if latencies:
            self.note(f"{name}: p50", statistics.median(latencies), "ms")
            self.note(f"{name}: p95", latencies[int(len(latencies) * 0.95)], "ms")
            self.note(f"{name}: p99", latencies[int(len(latencies) * 0.99)], "ms")

    def client_alone(self, seconds: float) -> None:

        import uvloop

        from core.ids import uuid7
        from core.outbound import HttpClient, parse_url
        from webhooks_app.catalogue import build_example
        from webhooks_app.services.attempt import Envelope, begin_attempt
        from webhooks_app.services.jobs import Job, Outcome
        from webhooks_app.signing import Secrets, Signer, new_secret

        data = json.dumps(build_example("message.received"))
        target = parse_url(f"http://127.0.0.1:{self.port}/fast/0", require_https=False)
        envelope = Envelope(target, Signer(Secrets(new_secret())), {})
        key = uuid7()
        job = Job(key.hex, key, key, "message.received", data, 0, 0, "first", None, key, 0.0, "")

        async def run() -> float:
            count = 0
            end = time.perf_counter() + seconds

            ended = asyncio.Event()
            async with HttpClient() as client:

                def go_on(outcome: Outcome) -> None:
                    nonlocal count
                    if ended.is_set():
                        return
                    assert outcome.result.status == 200, outcome.result
                    count += 1
                    if time.perf_counter() < end:
                        begin_attempt(client, job, envelope, go_on)
                    else:
                        ended.set()

                for _ in range(100):
                    begin_attempt(client, job, envelope, go_on)
                await ended.wait()
            return count / seconds

        self.note("ceiling: client without database", uvloop.run(run()), "/s")


def run_engine_process(is_without_client: bool) -> None:
    """A child: one engine until it is told to end; prints the most memory it had."""
    import resource
    import signal
    import threading

    from core.outbound import HttpClient, HttpResult
    from webhooks_app.services.engine import run_engine

    class NoNetwork(HttpClient):
        def send(self, *given: Any) -> None:
            result = HttpResult(status=200, address="127.0.0.1:1", total_ms=0.1)
            asyncio.get_running_loop().call_soon(given[2], result)

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("ready", flush=True)
    sys.stdin.readline()
    run_engine(stop=stop, idle_seconds=60, make_client=NoNetwork if is_without_client else HttpClient)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--only", default="", help="run the measurements whose name holds this text")
    parser.add_argument("--save", action="store_true", help="write bench/results/<date>-webhooks.md")
    parser.add_argument("--engine", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--without-client", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        set_up()
        run_engine_process(options.without_client)
        return
    use_bench_database()
    set_up()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("ensure_partitions")
    sink = subprocess.Popen(
        [sys.executable, str(ROOT / "bench" / "webhook_sink.py")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert sink.stdout is not None
        bench = Bench(int(sink.stdout.readline()), sink.pid)
        measurements: dict[str, Callable[[], object]] = {
            "client": lambda: bench.client_alone(3.0),
            "database": lambda: bench.throughput(
                "ceiling: database without client", 1, options.events, "--without-client"
            ),
            "one": lambda: bench.throughput(ONE, 1, options.events),
            "two": lambda: bench.throughput(TWO, 2, options.events),
            "slow": lambda: bench.with_bad_endpoint(
                SLOW, ["fast"] * 49 + ["slow"], options.events,
            ),
            "never": lambda: bench.with_bad_endpoint(
                "one engine, one endpoint never answers, the others", ["fast"] * 49 + ["never"], options.events
            ),
            "latency": lambda: bench.latency(STEADY, ["fast"] * 50, 100, 8),
            "mixed": lambda: bench.latency(MIXED, ["fast"] * 49 + ["slow"], 100, 8),
        }  # fmt: skip
        for name, measure in measurements.items():
            if options.only in name:
                measure()
    finally:
        sink.terminate()
        sink.wait()
    if options.save:
        print(f"written: {bench.save(options.events)}")


if __name__ == "__main__":
    main()
