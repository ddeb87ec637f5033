"""The traffic of a large organization: events, deliveries with attempts, sends, API requests, audit log, roll-ups."""

from datetime import datetime, timedelta
from typing import Any

from bench.world import World, run_sql
from core.clock import now

DAYS = 30
ENDPOINTS = 50
AUDIT_ENTRIES = 100_000
PARTITIONED = ("events_event", "webhooks_app_delivery", "webhooks_app_attempt", "accounts_apirequest")
_MADE = "(SELECT n, (%(start)s + n * %(step)s)::bigint AS ms FROM generate_series(1, %(count)s) AS n) AS made"
_EVENTS = f"""
INSERT INTO events_event (id, organization_id, line_id, chat_id, type, object_id, data, occurred_at)
SELECT pg_temp.key_at(ms, n), %(org)s, m.line_id, m.chat_id, 'message.received', m.id,
    json_build_object('id', m.id, 'text', m.text, 'from', m.sender, 'sent_at', ms)::text, to_timestamp(ms / 1000.0)
FROM {_MADE} JOIN (SELECT row_number() OVER (ORDER BY id) AS place, * FROM messaging_message) m ON m.place = n
"""
_DELIVERIES = """
INSERT INTO webhooks_app_delivery (id, organization_id, endpoint_id, event_id, event_type, line_id, chat_id, object_id,
    state, attempts, tries, last_status, last_error, last_duration_ms, last_attempt_at, completed_at, next_attempt_at)
SELECT pg_temp.key_at(ms + 1, n), %(org)s, (%(endpoints)s::uuid[])[1 + n %% %(many)s], id, type, line_id, chat_id,
    object_id, CASE WHEN n %% 50 = 0 THEN 'failed' WHEN n %% 331 = 0 THEN 'held' WHEN n > %(count)s - 40 THEN 'retrying'
        ELSE 'delivered' END,
    1, 1, CASE WHEN n %% 50 = 0 THEN CASE WHEN n %% 150 = 0 THEN 404 ELSE 502 END ELSE 200 END,
    CASE WHEN n %% 50 = 0 THEN CASE WHEN n %% 150 = 0 THEN 'http_404' ELSE 'http_5xx' END ELSE '' END,
    12.5, occurred_at, occurred_at, CASE WHEN n > %(count)s - 40 THEN now() + interval '1 hour' END
FROM (SELECT *, row_number() OVER (ORDER BY id) AS n, (extract(epoch FROM occurred_at) * 1000)::bigint AS ms
      FROM events_event) AS e
"""
_ATTEMPTS = """
INSERT INTO webhooks_app_attempt (id, organization_id, endpoint_id, delivery_id, number, trigger, started_at, address,
    status, error, request_headers, response_headers, response_body, total_ms)
SELECT pg_temp.key_at((extract(epoch FROM last_attempt_at) * 1000)::bigint + 2, row_number() OVER ()), organization_id,
    endpoint_id, id, 1, 'first', last_attempt_at, '93.184.216.34:443', last_status, last_error,
    '{"Content-Type": "application/json", "User-Agent": "Messages.dev"}', '{"Server": "nginx"}', 'ok', 12.5
FROM webhooks_app_delivery
"""
_SENDS = f"""
INSERT INTO messaging_outboxitem (id, organization_id, line_id, chat_id, api_key_id, request_id, operation,
    payload, content, status, attempts, max_attempts, error, error_detail, lane, claimed_by, deadline_at, parts_sent,
    guid, held_reason, created_at, not_before, part_guids, completed_at)
SELECT pg_temp.key_at(ms, n), %(org)s, c.line_id, c.id, (%(keys)s::uuid[])[1 + n %% cardinality(%(keys)s::uuid[])],
    'req_' || lpad(to_hex(n), 12, '0'), 'send', '{{"text": "Hello"}}', '{{"text": "Hello"}}',
    CASE WHEN n %% 50 = 0 THEN 'failed' ELSE 'sent' END, 1, 3, CASE WHEN n %% 50 = 0 THEN 'engine_error' END, '',
    'lane', '', to_timestamp(ms / 1000.0), 1, '', '', to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0), '{{}}',
    to_timestamp(ms / 1000.0)
FROM {_MADE} JOIN (SELECT row_number() OVER (ORDER BY id) - 1 AS place, id, line_id FROM messaging_chat) c
    ON c.place = n %% %(chats)s
"""
_REQUESTS = f"""
INSERT INTO accounts_apirequest (id, request_id, organization_id, api_key_id, method, path, route, status, error_code,
    duration_ms, address, user_agent, request_body, response_body)
SELECT pg_temp.key_at(ms, n), 'req_' || lpad(to_hex(n), 12, '0'), %(org)s,
    (%(keys)s::uuid[])[1 + n %% cardinality(%(keys)s::uuid[])],
    CASE WHEN n %% 4 = 0 THEN 'GET' ELSE 'POST' END, (ARRAY['/v1/messages', '/v1/chats', '/v1/typing'])[1 + n %% 3],
    (ARRAY['/v1/messages', '/v1/chats', '/v1/typing'])[1 + n %% 3],
    CASE WHEN n %% 50 = 0 THEN 422 WHEN n %% 997 = 0 THEN 500 ELSE 201 END,
    CASE WHEN n %% 50 = 0 THEN 'invalid_parameter_value' WHEN n %% 997 = 0 THEN 'internal_error' ELSE '' END,
    4.5, '203.0.113.7', 'python-httpx/0.28', '{{"to": "+15560000001", "text": "Hello"}}', '{{"id": "obx_1"}}'
FROM {_MADE}
"""
_AUDIT = f"""
INSERT INTO accounts_auditentry (id, organization_id, actor_id, actor_label, action, target_id, target_label, before,
    after, address, user_agent, created_at)
SELECT pg_temp.key_at(ms, n), %(org)s, (%(people)s::bigint[])[1 + n %% cardinality(%(people)s::bigint[])],
    'Member ' || n %% 1000,
    (ARRAY['api_key.created', 'api_key.updated', 'api_key.revoked', 'line.renamed', 'webhook.tested'])[1 + n %% 5],
    'key_' || md5((n %% 1000)::text), 'key ' || n %% 1000, '{{"name": "old"}}', '{{"name": "new"}}', '203.0.113.7',
    'Mozilla/5.0', to_timestamp(ms / 1000.0)
FROM {_MADE}
"""
_KEY_HOURS = """
INSERT INTO accounts_apikeyhour (api_key_id, hour, requests, errors, sends)
SELECT api_key_id, date_trunc('hour', uuid_extract_timestamp(id), 'UTC'), count(*),
    count(*) FILTER (WHERE status >= 400), count(*) FILTER (WHERE method = 'POST')
FROM accounts_apirequest GROUP BY 1, 2
"""
_HEALTH = """
INSERT INTO webhooks_app_endpoint{name} (endpoint_id, organization_id, {name}, delivered, retried, failed, histogram)
SELECT e, %(org)s, t, 100, 3, 1, array_fill(4, ARRAY[29])
FROM unnest(%(endpoints)s::uuid[]) AS e,
    generate_series(date_trunc('{name}', now() - interval '{span}', 'UTC'), now(), interval '1 {name}') AS t
"""


def add_traffic(world: World, count: int) -> None:
    """``count`` deliveries and API requests, half as many sends, all over the last month."""
    values = _values(world, count)
    _add_partitions()
    for statement in (_EVENTS, _DELIVERIES, _ATTEMPTS, _REQUESTS, _KEY_HOURS):
        run_sql(statement, values)
    run_sql(_SENDS, {**values, "count": count // 2, "step": values["step"] * 2})
    run_sql(_AUDIT, {**values, "count": AUDIT_ENTRIES, "step": DAYS * 86_400_000 / AUDIT_ENTRIES})
    run_sql(_HEALTH.format(name="minute", span="25 hours"), values)
    run_sql(_HEALTH.format(name="hour", span="31 days"), values)
    add_up()


def _values(world: World, count: int) -> dict[str, Any]:
    from accounts.models import ApiKey, Membership
    from messaging.models import Chat
    from webhooks_app.models import Endpoint, Replay

    mine = {"organization": world.organization}
    endpoints = Endpoint.objects.bulk_create(
        Endpoint(**mine, url=f"https://hooks{n}.bench.example/in", events=["message.received"], secret="x")
        for n in range(ENDPOINTS)
    )
    Replay.objects.bulk_create(
        Replay(**mine, filter={"query": []}, state="done", total=50, queued=50, delivered=50, started_by_label="Olive")
        for _ in range(200)
    )
    begin: datetime = now() - timedelta(days=DAYS)
    return {
        "org": world.organization.id, "count": count, "endpoints": [row.id for row in endpoints], "many": ENDPOINTS,
        "keys": list(ApiKey.objects.filter(**mine).order_by("id").values_list("id", flat=True)),
        "people": list(Membership.objects.filter(**mine).values_list("user_id", flat=True)),
        "chats": Chat.objects.filter(**mine).count(), "start": int(begin.timestamp() * 1000),
        "step": DAYS * 86_400_000 / count,
    }  # fmt: skip


def _add_partitions() -> None:
    from core.partitions import create_current_partitions

    for table in PARTITIONED:
        create_current_partitions(table, today=now().date(), days_back=DAYS + 1)


def add_up() -> None:
    """What the sweeps of a running installation have done."""
    from lines.services.organization_hours import MONTH, add_up_hours
    from webhooks_app.services import organization_hours

    add_up_hours(length=MONTH)
    organization_hours.add_up_hours()
