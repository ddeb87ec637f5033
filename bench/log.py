"""``scripts/bench log``: fills the delivery log (1,000,000 rows, ``--rows`` for more) and times every list and chart.

Uses a database of its own, ``messages_bench``. Prints the slowest of five runs of each; the bound is 50 ms.
"""

# ruff: noqa: E501
import argparse
import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.webhooks import set_up, use_bench_database  # noqa: E402

DAYS = 30
_FILL = """
INSERT INTO webhooks_app_delivery (id, organization_id, endpoint_id, event_id, event_type, line_id, chat_id, object_id,
    state, attempts, tries, last_status, last_error, last_duration_ms, last_attempt_at, completed_at)
SELECT (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8' || substr(md5(n::text), 1, 15))::uuid,
    %(organization)s, (%(endpoints)s::uuid[])[1 + n %% 50],
    md5('e' || n)::uuid, (ARRAY['message.received','message.sent','reaction.added','message.received'])[1 + n %% 4],
    (%(lines)s::uuid[])[1 + n %% 20], md5('c' || n %% 5000)::uuid, md5('o' || n)::uuid,
    CASE WHEN n %% 100 = 0 THEN 'failed' WHEN n %% 331 = 0 THEN 'held' ELSE 'delivered' END, 1, 1,
    CASE WHEN n %% 100 = 0 THEN CASE WHEN n %% 300 = 0 THEN 404 ELSE 502 END ELSE 200 END,
    CASE WHEN n %% 100 = 0 THEN CASE WHEN n %% 300 = 0 THEN 'http_404' ELSE 'http_5xx' END ELSE '' END,
    20, to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0)
FROM (SELECT n, %(start)s::bigint + n::bigint * %(span)s::bigint / %(rows)s AS ms
      FROM generate_series(%(low)s::bigint, %(high)s::bigint) AS n) AS numbers
"""
_MINUTES = """
INSERT INTO webhooks_app_endpoint{name} (endpoint_id, organization_id, {name}, delivered, retried, failed, histogram)
SELECT e, %(organization)s, t, 100, 3, 1, array_fill(4, ARRAY[29])
FROM unnest(%(endpoints)s::uuid[]) AS e, generate_series(now() - interval '{span}', now(), interval '1 {name}') AS t
"""


def fill(rows: int) -> Any:
    """Bulk-loads deliveries over thirty days, and roll-ups."""
    from django.db import connection

    from accounts.models import Organization
    from core.clock import now, to_ms
    from core.ids import uuid7
    from core.partitions import create_current_partitions
    from webhooks_app.models import Endpoint

    organization = Organization.objects.create(name="Bench", slug="bench")
    endpoints = [
        Endpoint.objects.create(organization=organization, url=f"https://93.184.216.34/{n}", events=["message.received"],
                                secret="x").id
        for n in range(50)
    ]  # fmt: skip
    values: dict[str, Any] = {
        "organization": organization.id, "endpoints": endpoints, "lines": [uuid7() for _ in range(20)], "rows": rows,
        "start": to_ms(now() - timedelta(days=DAYS)), "span": DAYS * 86_400_000,
    }  # fmt: skip
    create_current_partitions("webhooks_app_delivery", today=now().date(), days_back=DAYS + 1)
    started = time.perf_counter()
    with connection.cursor() as cursor:
        for low in range(0, rows, 250_000):
            cursor.execute(_FILL, {**values, "low": low, "high": min(low + 250_000, rows) - 1})
        cursor.execute(_MINUTES.format(name="minute", span="25 hours"), values)
        cursor.execute(_MINUTES.format(name="hour", span="31 days"), values)
        cursor.execute("VACUUM ANALYZE webhooks_app_delivery")
    print(f"{rows:,} deliveries loaded in {time.perf_counter() - started:.0f} s", flush=True)
    return values


def measure(values: dict[str, Any]) -> dict[str, float]:
    """The slowest of five runs of each read, in milliseconds."""
    import uuid

    from core.clock import now
    from webhooks_app.filters import DeliveryFilter
    from webhooks_app.health import RANGES, get_endpoint_health, get_organization_health
    from webhooks_app.selectors import count_deliveries, get_delivery, list_deliveries

    owner = values["organization"]
    endpoint, line = values["endpoints"][7], values["lines"][3]
    chat = uuid.UUID("f0" * 16)
    newest = list_deliveries(wanted=DeliveryFilter(organization_id=owner)).rows[0].delivery
    chat = newest.chat_id or chat
    old = now() - timedelta(days=DAYS - 1)
    filters: dict[str, dict[str, Any]] = {
        "no filter": {}, "endpoint": {"endpoint_id": endpoint}, "state failed": {"states": ("failed",)},
        "two states": {"states": ("failed", "held")}, "line": {"line_id": line}, "chat": {"chat_id": chat},
        "event": {"events": ("reaction.added",)}, "event that never came": {"events": ("reaction.removed",)},
        "status 4xx": {"status": "4xx"}, "no answer": {"status": "none"}, "error": {"error": "http_404"},
        "error that never was": {"error": "tls_expired"},
        "endpoint and state": {"endpoint_id": endpoint, "states": ("failed",)},
        "endpoint, line, event": {"endpoint_id": endpoint, "line_id": line, "events": ("message.sent",)},
        "line and state": {"line_id": line, "states": ("failed",)},
        "chat and error": {"chat_id": chat, "error": "http_404"},
        "one day long ago": {"since": old, "until": old + timedelta(days=1)},
        "that day, endpoint and state": {
            "since": old, "until": old + timedelta(days=1), "endpoint_id": endpoint, "states": ("failed",),
        },
        "delivery id": {"text": newest.public_id}, "event id": {"text": f"evt_{newest.event_id.hex}"},
        "message id": {"text": f"msg_{newest.object_id.hex if newest.object_id else ''}"}, "guid": {"text": "no-such-guid"},
    }  # fmt: skip
    last = list_deliveries(wanted=DeliveryFilter(organization_id=owner, until=old)).older
    found: dict[str, float] = {}

    def run(name: str, read: Any) -> None:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            read()
            times.append((time.perf_counter() - started) * 1000)
        found[name] = max(times)
        print(f"{name:<48}{found[name]:>9.1f} ms   (fastest {min(times):.1f})", flush=True)

    for name, fields in filters.items():
        wanted = DeliveryFilter(organization_id=owner, **fields)
        run(f"list: {name}", lambda wanted=wanted: list_deliveries(wanted=wanted))
        if "state" in name or name in ("no filter", "endpoint"):
            run(f"count: {name}", lambda wanted=wanted: count_deliveries(wanted=wanted))
        if name in ("no filter", "endpoint", "state failed") and last:
            run(f"list, far back: {name}", lambda wanted=wanted: list_deliveries(wanted=wanted, before=last))
    run("one delivery", lambda: get_delivery(organization_id=owner, delivery=newest.public_id))
    for span in RANGES:
        run(f"chart: endpoint, {span}", lambda span=span: get_endpoint_health(endpoint_id=endpoint, span=span))
        run(f"chart: organization, {span}", lambda span=span: get_organization_health(organization_id=owner, span=span))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--save", action="store_true", help="write bench/results/log.json")
    options = parser.parse_args()
    use_bench_database()
    set_up()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    found = measure(fill(options.rows))
    name = max(found, key=lambda key: found[key])
    print(f"slowest: {name}, {found[name]:.1f} ms")
    if options.save:
        path = ROOT / "bench" / "results" / "log.json"
        path.write_text(json.dumps({"rows": options.rows, "ms": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
