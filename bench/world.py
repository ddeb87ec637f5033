"""Large data for benchmarks, made inside PostgreSQL: a million rows in seconds.

Every row has a UUIDv7 of the time it claims, so ranges, orders and partitions are as in a grown installation.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import connection

from accounts.models import ApiKey, Membership, Organization, Role, User
from accounts.scopes import SCOPES
from accounts.tokens import hash_token, new_token, visible_prefix
from core.clock import now
from lines.models import Line

LINE_HANDLE = "+15550200001"
UNCOUNTED = 1_000_000_000  # a limit that is counted and never reached
# key_at(milliseconds, number): a UUIDv7 of that time, unique by its number
_KEY_AT = """
CREATE OR REPLACE FUNCTION pg_temp.key_at(ms bigint, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
SELECT (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(n & 4095), 3, '0') || '8' || lpad(to_hex(n), 15, '0'))::uuid $$
"""


@dataclass
class World:
    """One organization with an owner, a key that may do everything and a simulated line."""

    organization: Organization
    owner: User
    key: ApiKey
    token: str
    line: Line
    extra: dict[str, Any] = field(default_factory=dict)


def make_world() -> World:
    """Everything counted, nothing refused: the key has a limit, but a high one."""
    organization = Organization.objects.create(name="Bench", slug="bench")
    owner = User.objects.create_user("owner@bench.example", "correct horse battery", name="Olive Bench")
    EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
    Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
    token = new_token()
    line = Line.objects.create(organization=organization, handle=LINE_HANDLE, label="Bench line")
    key = ApiKey.objects.create(
        organization=organization, token_hash=hash_token(token), prefix=visible_prefix(token), name="bench",
        scopes=list(SCOPES), line_ids=[line.id], requests_per_hour=UNCOUNTED, created_by=owner,
    )  # fmt: skip
    return World(organization, owner, key, token, line)


def run_sql(statement: str, values: dict[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_KEY_AT)
        cursor.execute(statement, values or {})


@contextmanager
def loading(table: str) -> Iterator[None]:
    """For as long as it lasts the table has no indexes but those of its constraints, and no row is checked against
    others: a million rows go in several times faster so. Whoever may not switch the checks off goes without.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index i"
            " WHERE indrelid = %s::regclass"
            " AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
            [table],
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        is_superuser = cursor.fetchone()[0]
        if is_superuser:
            cursor.execute("SET session_replication_role = replica")
        yield
        if is_superuser:
            cursor.execute("RESET session_replication_role")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("RESET maintenance_work_mem")


def analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def milliseconds_ago(seconds: float) -> int:
    return int((now().timestamp() - seconds) * 1000)


def add_chats(world: World, count: int, *, line: Line | None = None, lines: Sequence[Any] = (), base: int = 0) -> None:
    """Chats ``+1556…`` whose contacts have written, of one line or of ``lines`` (keys) in turn; the newest activity
    belongs to the last one."""
    run_sql(
        """
        INSERT INTO messaging_chat (id, key, identifier, guids, service, name, is_group, participants, created_at,
            has_received_inbound, is_started_by_contact, first_inbound_at, last_inbound_at, last_outbound_at,
            last_message_at, last_text, unanswered, unread, failed, has_audio, line_id, organization_id)
        SELECT pg_temp.key_at(%(start)s + n, %(base)s + n), 'd:' || handle, handle, ARRAY['any;-;' || handle],
            'iMessage', '', false, ARRAY[handle], moment, true, true, moment, moment, moment, moment,
            'See you at the station at ' || n, n %% 4, n %% 3, (n %% 50 = 0)::int, false,
            (%(lines)s::uuid[])[1 + n %% cardinality(%(lines)s::uuid[])], %(org)s
        FROM (SELECT n, '+1556' || lpad((%(base)s + n)::text, 7, '0') AS handle,
            to_timestamp((%(start)s + n) / 1000.0) AS moment FROM generate_series(1, %(count)s) AS n) AS made
        """,
        {
            "count": count, "base": base, "lines": list(lines) or [(line or world.line).id],
            "org": world.organization.id, "start": milliseconds_ago(3600) - count,
        },
    )  # fmt: skip


def handle_of(number: int) -> str:
    """The contact of the chat with that number."""
    return f"+1556{number:07d}"


def add_messages(world: World, count: int, *, chat_id: UUID | None = None, days: float = 5.0) -> None:
    """Messages, alternately theirs and ours, evenly over the last days: all in one chat, or spread over all."""
    run_sql(
        """
        WITH chats AS (SELECT row_number() OVER (ORDER BY id) - 1 AS place, id, identifier, line_id
            FROM messaging_chat WHERE organization_id = %(org)s AND (%(chat)s::uuid IS NULL OR id = %(chat)s)),
        total AS (SELECT count(*) AS chats FROM chats)
        INSERT INTO messaging_message (id, organization_id, line_id, chat_id, guid, sender, text, service, is_from_me,
            is_audio_message, sent_at, synced_at, phase, delivered_at, error, history)
        SELECT pg_temp.key_at(ms, n), %(org)s, c.line_id, c.id, 'bench-' || %(start)s || '-' || n,
            CASE WHEN made.n / total.chats %% 2 = 0 THEN %(handle)s ELSE c.identifier END,
            'Table for two at half past seven, confirmed under number ' || n, 'iMessage',
            made.n / total.chats %% 2 = 0, false,
            to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0), 'live', to_timestamp(ms / 1000.0), '', '[]'
        FROM (SELECT n, (%(start)s + n * %(step)s)::bigint AS ms FROM generate_series(1, %(count)s) AS n) AS made
        JOIN total ON true JOIN chats c ON c.place = made.n %% total.chats
        """,
        {
            "count": count, "chat": chat_id, "org": world.organization.id, "handle": world.line.handle,
            "start": milliseconds_ago(days * 86_400), "step": days * 86_400_000 / count,
        },
    )  # fmt: skip
