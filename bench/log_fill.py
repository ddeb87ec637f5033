"""Fills the delivery log for ``scripts/bench log``: thirty days of deliveries of one organization, and roll-ups.

The indexes of the table are made after the rows are in, as they would be by a restore.
"""

import time
from datetime import timedelta
from typing import Any

DAYS = 30
STEP = 500_000
ENDPOINTS, LINES, CHATS = 50, 20, 5000
_FILL = """
INSERT INTO webhooks_app_delivery (id, organization_id, endpoint_id, event_id, event_type, line_id, chat_id, object_id,
    state, attempts, tries, last_status, last_error, last_duration_ms, last_attempt_at, completed_at)
SELECT
    (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8' || substr(md5(n::text), 1, 15))::uuid,
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
_HEALTH = """
INSERT INTO webhooks_app_endpoint{name} (endpoint_id, organization_id, {name}, delivered, retried, failed, histogram)
SELECT e, %(organization)s, t, 100, 3, 1, array_fill(4, ARRAY[29])
FROM unnest(%(endpoints)s::uuid[]) AS e,
    generate_series(date_trunc('{name}', now() - interval '{span}', 'UTC'), now(), interval '1 {name}') AS t
"""
_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = 'webhooks_app_delivery'::regclass AND NOT indisprimary
"""


def fill(rows: int) -> dict[str, Any]:
    """Loads the rows and returns the keys they are under."""
    from django.db import connection

    values = make_values(rows)
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(_INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        for low in range(0, rows, STEP):
            cursor.execute(_FILL, {**values, "low": low, "high": min(low + STEP, rows) - 1})
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for _, definition in indexes:
            cursor.execute(definition.replace(" ON ONLY ", " ON "))  # of the partitions too
        cursor.execute(_HEALTH.format(name="minute", span="25 hours"), values)
        cursor.execute(_HEALTH.format(name="hour", span="31 days"), values)
        cursor.execute("VACUUM ANALYZE")
    from webhooks_app.services.organization_hours import add_up_hours

    add_up_hours()
    print(f"{rows:,} deliveries loaded in {time.perf_counter() - started:.0f} s", flush=True)
    return values


def make_values(rows: int) -> dict[str, Any]:
    """The organization and what its deliveries belong to; found again if it is there already."""
    from accounts.models import Organization
    from core.clock import now, to_ms
    from core.partitions import create_current_partitions
    from lines.models import Line
    from webhooks_app.models import Endpoint

    organization, _ = Organization.objects.get_or_create(name="Bench", slug="bench")
    if not Endpoint.objects.filter(organization=organization).exists():
        Endpoint.objects.bulk_create(
            Endpoint(
                organization=organization, url=f"https://93.184.216.34/{n}", events=["message.received"], secret="x"
            )
            for n in range(ENDPOINTS)
        )
        Line.objects.bulk_create(Line(organization=organization, handle=f"+1555060{n:04}") for n in range(LINES))
    mine = {"organization": organization}
    create_current_partitions("webhooks_app_delivery", today=now().date(), days_back=DAYS + 1)
    return {
        "organization": organization.id, "rows": rows, "span": DAYS * 86_400_000,
        "endpoints": list(Endpoint.objects.filter(**mine).order_by("id").values_list("id", flat=True)),
        "lines": list(Line.objects.filter(**mine).order_by("id").values_list("id", flat=True)),
        "start": to_ms(now() - timedelta(days=DAYS)),
    }  # fmt: skip
