"""``scripts/bench chaos``: everything that can die dies under traffic, and afterwards the books must agree.

Events come at a steady rate for receivers that fail, hang and reset. Meanwhile, at random but from a seed: kill -9 of
engines, workers and the sweeper, FLUSHALL and kill -9 of Redis, restarts of PostgreSQL, jumps of a receiver's clock.
At the end every event was accepted by every endpoint that was ever reachable, repetitions have the same delivery id,
and the log's states are what the receivers saw. Exit code 1 if not.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SETTINGS = {
    "WEBHOOK_ENGINES": "2",
    "WEBHOOK_TIMEOUT_SECONDS": "1",
    "WEBHOOK_RETRY_FACTOR": "0.004",
    "REQUESTS_PER_HOUR": "0",
}
ENGINES = ("engine1", "engine2")
CALM_SHARE = 0.15  # of the duration: in the end nothing dies any more and traffic goes on
SETTLE_SECONDS = 150.0


@dataclass
class Report:
    """The counts, and what is wrong with them; nothing is the aim."""

    counts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def expect(self, is_so: bool, problem: str) -> None:
        if not is_so:
            self.problems.append(problem)


class Driver:
    """Stores events at a steady rate, as the product does, and keeps at it while the database is away."""

    def __init__(self, organization_id: Any, line_id: Any, per_second: float) -> None:
        self.organization_id, self.line_id, self.per_second = organization_id, line_id, per_second
        self.refused = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join(30)

    def _run(self) -> None:
        from django.db import DatabaseError, InterfaceError, connection

        begin, number = time.monotonic(), 0
        while not self._end.wait(max(begin + number / self.per_second - time.monotonic(), 0)):
            number += 1
            try:
                self._store(number)
            except (DatabaseError, InterfaceError):
                self.refused += 1
                connection.close()
                self._end.wait(0.1)
        connection.close()

    def _store(self, number: int) -> None:
        import msgspec
        from django.db import transaction

        from events.services import NewEvent, append_events
        from webhooks_app.catalogue import build_example

        data = {**build_example("message.received"), "id": f"msg_{number:032x}"}
        with transaction.atomic():
            append_events(
                [
                    NewEvent(
                        organization_id=self.organization_id,
                        line_id=self.line_id,
                        type="message.received",
                        data=msgspec.json.encode(data).decode(),
                    )
                ]
            )


def run_chaos(*, product: Any, receiver: Any, seconds: float, per_second: float, seed: int) -> Report:
    """Needs Django set up with the product's database and Redis; ``product`` has two engines and short waits."""
    from accounts.services.audit import Actor
    from bench.chaos_receivers import Misbehaving
    from lines.models import Line
    from tests.live import find_free_port
    from webhooks_app.services.endpoints import create_endpoint

    account = product.make_account()
    line = Line.objects.create(organization=account.organization, handle=f"+155501{90_000 + seed % 10_000}")
    receivers = Misbehaving(receiver, seed)
    urls = {name: receiver.url(f"/{name}") for name in receivers.names}
    urls["never-there"] = f"http://127.0.0.1:{find_free_port()}/"
    endpoints = {
        name: create_endpoint(
            organization=account.organization, url=url, events=["message.received"], line_ids=[line.id], actor=Actor()
        )[0]
        for name, url in urls.items()
    }
    driver = Driver(account.organization.id, line.id, per_second)
    driver.start()
    faults = hurt(product, receivers, seconds=seconds, seed=seed)
    receivers.calm()
    time.sleep(seconds * CALM_SHARE)
    driver.stop()
    report = Report({"seed": seed, "seconds": seconds, "faults": faults, "events not stored": driver.refused})
    settle(line.id, {endpoint.id for name, endpoint in endpoints.items() if name != "never-there"}, report)
    compare(line.id, endpoints, receivers, report)
    return report


def hurt(product: Any, receivers: Any, *, seconds: float, seed: int) -> dict[str, int]:
    """One fault after the other until the time is over; returns how often which."""
    chance = random.Random(seed)
    kinds: dict[str, Callable[[], None]] = {
        "kill -9 of an engine": lambda: product.kill_and_await(chance.choice(ENGINES), seconds=60),
        "kill -9 of the worker": lambda: product.kill_and_await("worker", seconds=60),
        "kill -9 of the sweeper": lambda: product.kill_and_await("sweeper", seconds=60),
        "FLUSHALL of Redis": product.flush_redis,
        "kill -9 of Redis": lambda: product.kill_and_await("redis", seconds=60),
        "restart of PostgreSQL": product.restart_postgres,
        "jump of a receiver's clock": receivers.jump_clock,
    }
    done = dict.fromkeys(kinds, 0)
    until = time.monotonic() + seconds * (1 - CALM_SHARE)
    order = list(kinds)
    chance.shuffle(order)  # each kind once, then by chance
    while time.monotonic() < until:
        name = order.pop() if order else chance.choice(list(kinds))
        try:
            kinds[name]()
            done[name] += 1
        except (OSError, ConnectionError):
            order.insert(0, name)  # it was just coming back from the fault before
        time.sleep(chance.uniform(0.5, 2.5))
    return done


def settle(line_id: Any, reachable: set[Any], report: Report) -> None:
    """Until everything that can arrive has, by the log's own word."""
    from django.db import OperationalError, connection

    from webhooks_app.models import Delivery, EngineBatch

    began = time.monotonic()
    while time.monotonic() < began + SETTLE_SECONDS:
        try:
            open_states = Delivery.objects.filter(line_id=line_id, endpoint_id__in=reachable).exclude(state="delivered")
            is_fanned_out = count_events(line_id) == count_fanned_out(line_id) and not EngineBatch.objects.exists()
            if is_fanned_out and not open_states.exists():
                break
        except OperationalError:
            connection.close()
        time.sleep(0.2)
    report.counts["seconds until all had arrived"] = round(time.monotonic() - began, 1)


def count_events(line_id: Any) -> int:
    from events.models import Event

    return Event.objects.filter(line_id=line_id, type="message.received").count()


def count_fanned_out(line_id: Any) -> int:
    from webhooks_app.models import Delivery

    return Delivery.objects.filter(line_id=line_id).values("event_id").distinct().count()


def compare(line_id: Any, endpoints: dict[str, Any], receivers: Any, report: Report) -> None:
    """The log against the receivers' own memory."""
    from webhooks_app.models import Attempt, Delivery

    events = count_events(line_id)
    report.counts["events stored"] = events
    report.expect(events > 0, "no event was stored")
    for name, endpoint in endpoints.items():
        rows = Delivery.objects.filter(endpoint_id=endpoint.id)
        states = {row.public_id: row.state for row in rows}
        delivered = {key for key, state in states.items() if state == "delivered"}
        report.expect(
            len(states) == rows.values("event_id").distinct().count() == events, f"{name}: not owed once each"
        )
        attempts = Attempt.objects.filter(endpoint_id=endpoint.id)
        count = {"deliveries": len(states), "delivered": len(delivered), "attempts recorded": attempts.count()}
        report.counts[name] = count
        if name not in receivers.memory:
            report.expect(not delivered, f"{name}: the log says delivered, and nobody was there")
            continue
        memory = receivers.memory[name]
        repeated = sum(n - 1 for n in memory.accepted.values())
        count |= {"accepted": len(memory.accepted), "accepted again": repeated, "requests": memory.seen.total()}
        report.expect(
            set(memory.accepted) == set(states), f"{name}: {len(states) - len(memory.accepted)} never accepted"
        )
        report.expect(delivered == set(memory.accepted), f"{name}: the log and the receiver disagree")
        twins = sum(len(ids) > 1 for ids in memory.ids_by_subject.values())
        report.expect(twins == 0, f"{name}: {twins} events came with more than one delivery id")
        proven = attempts.filter(status=200).values("delivery_id").distinct().count()
        report.expect(proven == len(delivered), f"{name}: delivered without an attempt that says so")


def set_up(product: Any) -> None:
    """Points this process at the product's database and Redis."""
    from config.dev.embedded import RedisServer

    os.environ |= {"DATABASE_URL": product.database_url, "REDIS_URL": RedisServer(product._places).url}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()


def save(report: Report, machine: dict[str, str]) -> str:
    """One row per endpoint; what they have in common above."""
    from bench.api import save_table

    rows = {name: count for name, count in report.counts.items() if isinstance(count, dict) and name != "faults"}
    facts = {name: str(value) for name, value in report.counts.items() if name not in rows and name != "faults"}
    facts |= {name: f"{count} times" for name, count in report.counts["faults"].items()}
    facts["problems"] = "; ".join(report.problems) or "none"
    columns = ["deliveries", "delivered", "attempts recorded", "requests", "accepted", "accepted again"]
    table = [f"| endpoint | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    table += [
        f"| {name} | {' | '.join(str(row.get(column, '-')) for column in columns)} |" for name, row in rows.items()
    ]
    return save_table("chaos", machine | facts, table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long things die")
    parser.add_argument("--rate", type=float, default=40.0, help="events per second, for seven endpoints each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", action="store_true", help="write bench/results/<date>-chaos.md")
    options = parser.parse_args()
    from tests.live import Product, remove_product_data
    from tests.webhooks_app.receivers import run_receiver

    with tempfile.TemporaryDirectory(prefix="messages-") as folder, run_receiver() as receiver:
        product = Product(Path(folder) / "data", SETTINGS)
        product.start()
        try:
            set_up(product)
            from bench.product import describe_machine

            machine = describe_machine()
            report = run_chaos(
                product=product, receiver=receiver, seconds=options.seconds, per_second=options.rate, seed=options.seed
            )
        finally:
            product.stop()
            remove_product_data(product)
    print(json.dumps({**report.counts, "problems": report.problems}, indent=2))
    if options.save:
        print(f"written: {save(report, machine)}")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
