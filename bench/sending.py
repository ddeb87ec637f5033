"""``POST /v1/messages`` with everything on, and what PostgreSQL alone does with the same statements."""

import json
from typing import Any

from bench.product import Traffic, Web, drive, drive_database
from bench.world import World, analyze

CHATS = 1000
_REQUEST = """
local n = 0
local head = { ["Authorization"] = "Bearer TOKEN", ["Content-Type"] = "application/json" }
function setup(thread) setup_count = (setup_count or 0) + 1; thread:set("start", setup_count * 500) end
function init(args) n = start end
function request()
  n = n + 1
  local to = string.format("+1556%07d", 1 + n % CHATS)
  return wrk.format("POST", "/v1/messages", head,
    '{"from":"LINE","to":"' .. to .. '","text":"Your table for two is booked, number ' .. n .. '."}')
end
"""
# The select of ``addressing.target_query`` and the insert of ``outbox_insert``; the product makes them one statement.
_CEILING = """
\\set n random(1, CHATS)
SELECT l.id, l.handle, l.is_sandbox, l.service, l.transport,
  l.paused_at IS NULL AND l.health NOT IN ('down', 'unpaired'), l.capabilities, p.status, p.contact_identifier,
  (SELECT o.sandbox_daily_messages FROM accounts_organization o WHERE l.is_sandbox AND o.id = 'ORG'::uuid),
  c.id, c.identifier, coalesce(c.is_group, false), coalesce(c.participants, '{}'),
  coalesce(c.has_received_inbound, false), l.is_strict
FROM lines_line l
LEFT JOIN lines_sandboxpairing p ON l.is_sandbox AND p.organization_id = 'ORG'::uuid AND p.line_id = l.id
LEFT JOIN messaging_chat c ON c.line_id = l.id AND c.organization_id = 'ORG'::uuid
  AND c.key = 'd:+1556' || lpad((:n)::text, 7, '0')
WHERE l.handle = 'HANDLE' AND l.deleted_at IS NULL AND (l.organization_id = 'ORG'::uuid OR l.is_sandbox);
INSERT INTO messaging_outboxitem (id, organization_id, line_id, chat_id, api_key_id, request_id, operation, payload,
  content, status, attempts, max_attempts, error_detail, lane, claimed_by, deadline_at, parts_sent, guid, held_reason,
  part_guids)
VALUES (UUID, 'ORG', 'LINE', 'CHAT', 'KEY', 'req_' || :n, 'send',
  '{"from": "HANDLE", "to": "+15560000001", "text": "Your table for two is booked."}'::jsonb,
  '{"text": "Your table for two is booked."}'::jsonb, 'pending', 0, 3, '', 'lane' || :n, '',
  now() + interval '1 day', 0, '', '', '{}');
"""


def measure_sending(web: Web, world: World, report: Any, *, seconds: float) -> None:
    analyze()
    script = _REQUEST.replace("TOKEN", world.token).replace("LINE", world.line.handle).replace("CHATS", str(CHATS))
    traffic = drive(web, script, seconds=seconds)
    report.note("POST /v1/messages", str(traffic))
    report.note("CPU of one POST /v1/messages", traffic.cpu)
    ceiling = drive_database(_ceiling(world), seconds=min(seconds, 5.0))
    report.note("PostgreSQL, the same rows (pgbench)", f"{ceiling:,.0f}/s")
    report.note("share of PostgreSQL's ceiling", f"{traffic.per_second / ceiling:.0%}")
    _check(traffic)


def _ceiling(world: World) -> str:
    from django.db import connection

    from messaging.models import Chat

    is_18 = connection.cursor().connection.info.server_version >= 180_000
    values = {
        "ORG": str(world.organization.id), "HANDLE": world.line.handle, "LINE": str(world.line.id),
        "CHATS": str(CHATS), "CHAT": str(Chat.objects.filter(line=world.line).values_list("id", flat=True)[0]),
        "KEY": str(world.key.id), "UUID": "uuidv7()" if is_18 else "gen_random_uuid()",
    }  # fmt: skip
    script = _CEILING
    for name in ("CHATS", "ORG", "HANDLE", "LINE", "CHAT", "KEY", "UUID"):
        script = script.replace(name, values[name])
    return script


def _check(traffic: Traffic) -> None:
    """A figure of refused requests would say nothing."""
    if traffic.refused:
        raise SystemExit(f"{traffic.refused} requests were refused: {json.dumps(str(traffic))}")
