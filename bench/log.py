"""``scripts/bench log``: fills the delivery log (1,000,000 rows, ``--rows`` for more) and times every list and chart.

Each list, filter combination and chart, first page and last; the slowest of seven runs and what it took in statements.
The bound is 50 ms at ten million rows. At the end a bulk replay of 100,000 deliveries and its rate.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from bench.database import use_database
from bench.log_fill import DAYS, fill, make_values
from bench.webhooks import set_up

DATABASE = "messages_bench_log"
BOUND_MS = 50.0
RUNS = 7
REPLAYED = 100_000


@dataclass(frozen=True, kw_only=True)
class Row:
    """``slowest`` and ``median`` in ms, of ``RUNS`` after one that is not counted."""

    name: str
    statements: int
    median: float
    slowest: float

    @property
    def mark(self) -> str:
        return "slow" if self.slowest > BOUND_MS else ""


class Report:
    def __init__(self) -> None:
        self.rows: list[Row] = []

    def measure(self, name: str, read: Callable[[], object]) -> None:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as captured:
            read()
        statements = len(captured)
        times = []
        for _ in range(RUNS):
            started = time.perf_counter()
            read()
            times.append((time.perf_counter() - started) * 1000)
        times.sort()
        row = Row(name=name, statements=statements, median=times[RUNS // 2], slowest=times[-1])
        self.rows.append(row)
        print(f"{row.name:<52}{row.statements:>4}{row.median:>9.1f}{row.slowest:>9.1f} ms  {row.mark}", flush=True)


def measure_lists(values: dict[str, Any], report: Report) -> None:
    from webhooks_app.filters import DeliveryFilter
    from webhooks_app.selectors import count_deliveries, list_deliveries

    owner = values["organization"]
    for name, fields in _list_filters(values).items():
        wanted = DeliveryFilter(organization_id=owner, **fields)
        report.measure(f"list: {name}", lambda wanted=wanted: list_deliveries(wanted=wanted))  # type: ignore[misc]
        last = _find_last_page(wanted)
        report.measure(
            f"list, last page: {name}",
            lambda wanted=wanted, last=last: list_deliveries(wanted=wanted, before=last),  # type: ignore[misc]
        )
        report.measure(
            f"count beside the list: {name}",
            lambda wanted=wanted: count_deliveries(wanted=wanted, cap=1000),  # type: ignore[misc]
        )


def _find_last_page(wanted: Any) -> str:
    """A cursor a few rows above the oldest delivery there is."""
    from core.cursors import encode_cursor
    from webhooks_app.models import Delivery

    oldest = Delivery.objects.filter(organization_id=wanted.organization_id).order_by("id").values_list("id", flat=True)
    return encode_cursor(oldest[40].hex)


def _list_filters(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    from core.clock import now
    from webhooks_app.models import Delivery

    endpoint, line = values["endpoints"][7], values["lines"][3]
    newest = Delivery.objects.filter(organization_id=values["organization"]).order_by("-id")[0]
    chat, old = newest.chat_id, now() - timedelta(days=DAYS - 1)
    day = {"since": old, "until": old + timedelta(days=1)}
    return {
        "no filter": {}, "endpoint": {"endpoint_id": endpoint}, "state failed": {"states": ("failed",)},
        "state delivered": {"states": ("delivered",)}, "state that none has": {"states": ("retrying",)},
        "two states": {"states": ("failed", "held")}, "line": {"line_id": line}, "chat": {"chat_id": chat},
        "event": {"events": ("reaction.added",)}, "event that never came": {"events": ("reaction.removed",)},
        "status 2xx": {"status": "2xx"}, "status 4xx": {"status": "4xx"}, "no answer": {"status": "none"},
        "error": {"error": "http_404"}, "error that never was": {"error": "tls_expired"},
        "endpoint and state": {"endpoint_id": endpoint, "states": ("failed",)},
        "endpoint, line, event": {"endpoint_id": endpoint, "line_id": line, "events": ("message.sent",)},
        "line and state": {"line_id": line, "states": ("failed",)},
        "line, state and event": {"line_id": line, "states": ("held",), "events": ("reaction.added",)},
        "chat and state": {"chat_id": chat, "states": ("failed",)},
        "chat and error": {"chat_id": chat, "error": "http_404"},
        "endpoint and error": {"endpoint_id": endpoint, "error": "http_404"},
        "endpoint and error that never was": {"endpoint_id": endpoint, "error": "tls_expired"},
        "one day long ago": day,
        "that day, endpoint and state": {**day, "endpoint_id": endpoint, "states": ("failed",)},
        "that day, line and event": {**day, "line_id": line, "events": ("message.sent",)},
        "delivery id": {"text": newest.public_id}, "event id": {"text": f"evt_{newest.event_id.hex}"},
        "message id": {"text": f"msg_{(newest.object_id or UUID(int=0)).hex}"}, "guid": {"text": "no-such-guid"},
    }  # fmt: skip


def measure_rest(values: dict[str, Any], report: Report) -> None:
    from webhooks_app.health import RANGES, get_endpoint_health, get_organization_health
    from webhooks_app.models import Delivery
    from webhooks_app.selectors import get_delivery

    owner, endpoint = values["organization"], values["endpoints"][7]
    rows = Delivery.objects.filter(organization_id=owner)
    for name, order in (("newest", "-id"), ("oldest", "id")):
        key = rows.order_by(order)[0].id
        report.measure(f"{name} delivery", lambda key=key: get_delivery(organization_id=owner, delivery=key))  # type: ignore[misc]
    for span in RANGES:
        report.measure(
            f"chart: endpoint, {span}",
            lambda span=span: get_endpoint_health(endpoint_id=endpoint, span=span),  # type: ignore[misc]
        )
        report.measure(
            f"chart: organization, {span}",
            lambda span=span: get_organization_health(organization_id=owner, span=span),  # type: ignore[misc]
        )


def measure_replay(values: dict[str, Any]) -> str:
    """How fast deliveries are queued again when nothing else happens: the rate a replay may have, not its own limit."""
    from core.clock import now, to_ms
    from webhooks_app.models import Replay
    from webhooks_app.services.replay_runner import ReplayRun

    replay = Replay.objects.create(
        organization_id=values["organization"], endpoint_id=None, started_by_label="bench", per_second=1e6,
        filter={"query": [("state", "delivered"), ("until", str(to_ms(now())))]},
    )  # fmt: skip
    run = ReplayRun(replay)
    replay.cursor = "d" + run.plan.high.hex  # counting all of them first is not what is measured
    replay.save()
    started = time.perf_counter()
    while run.replay.queued < REPLAYED and run.step(1000):
        pass
    took = time.perf_counter() - started
    Replay.objects.filter(pk=replay.pk).update(state="cancelled")
    return f"{run.replay.queued:,} deliveries queued again in {took:.1f} s: {run.replay.queued / took:,.0f}/s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", action="store_true", help="use what the last run has loaded, if it did")
    parser.add_argument("--save", action="store_true", help="write bench/results/<date>-log.md")
    options = parser.parse_args()
    is_kept = use_database(DATABASE, keep=options.keep)
    set_up()
    from django.core.management import call_command

    from bench.product import describe_machine

    call_command("migrate", verbosity=0)
    facts = describe_machine() | {"deliveries": f"{options.rows:,} over {DAYS} days"}
    values = make_values(options.rows) if is_kept else fill(options.rows)
    report = Report()
    print(f"{'':<52}{'':>4}{'median':>9}{'slowest':>9}")
    measure_lists(values, report)
    measure_rest(values, report)
    slowest = max(report.rows, key=lambda row: row.slowest)
    facts["slowest"] = f"{slowest.name}, {slowest.slowest:.1f} ms; over {BOUND_MS:.0f} ms: {_count_slow(report)}"
    facts["bulk replay"] = measure_replay(values)
    print(f"slowest: {facts['slowest']}\nbulk replay: {facts['bulk replay']}")
    if options.save:
        _save(report, facts)


def _count_slow(report: Report) -> str:
    return f"{sum(1 for row in report.rows if row.mark)} of {len(report.rows)}"


def _save(report: Report, facts: dict[str, str]) -> None:
    from bench.api import save_table

    table = ["| read | statements | median ms | slowest of seven ms | over |", "|---|---|---|---|---|"]
    table += [f"| {r.name} | {r.statements} | {r.median:.1f} | {r.slowest:.1f} | {r.mark} |" for r in report.rows]
    print(f"written: {save_table('log', facts, table)}")


if __name__ == "__main__":
    main()
