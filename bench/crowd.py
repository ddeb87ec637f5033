"""A large organization for the pages: keys, members, lines, chats, messages, deliveries, sends and API requests."""

from datetime import datetime, timedelta

from bench.world import World, add_chats, add_messages, analyze, make_world, run_sql
from core.clock import now

MANY = 1000
CHATS = 10_000


def make_crowd(messages: int) -> World:
    world = make_world()
    _add_people_and_keys(world)
    _add_lines(world)
    add_chats(world, CHATS)
    add_messages(world, messages)
    _add_endpoint(world)
    _add_partitions()
    _add_traffic(world, messages)
    analyze()
    _name_one_of_each(world)
    return world


def _add_people_and_keys(world: World) -> None:
    from accounts.models import ApiKey, Membership, Role, User
    from core.ids import uuid7

    people = User.objects.bulk_create(
        User(email=f"member{n}@bench.example", name=f"Member {n}", password="!") for n in range(MANY)
    )
    Membership.objects.bulk_create(
        Membership(organization=world.organization, user=user, role=Role.MEMBER) for user in people
    )
    ApiKey.objects.bulk_create(
        ApiKey(
            organization=world.organization, name=f"key {n}", prefix="sk_live_abcd", token_hash=uuid7().bytes * 2,
            scopes=["messages:read"], created_by=world.owner,
        )
        for n in range(MANY)
    )  # fmt: skip


def _add_lines(world: World) -> None:
    """Lines that have counted something in every hour of the last day."""
    from lines.models import Line

    Line.objects.bulk_create(
        Line(organization=world.organization, handle=f"+1555040{n:04}", label=f"Line {n}") for n in range(MANY)
    )
    run_sql(
        """
        INSERT INTO lines_linehour (line_id, hour, inbound, outbound, reach_outs, new_contacts, contacts, minutes,
            peak_minute, failed, held)
        SELECT l.id, date_trunc('hour', now()) - h * interval '1 hour', 20, 20, 1, 1, 1, '{}', 3, 0, 0
        FROM lines_line l, generate_series(0, 24) AS h WHERE l.organization_id = %(org)s
        """,
        {"org": world.organization.id},
    )


def _add_endpoint(world: World) -> None:
    from accounts.services.audit import Actor
    from webhooks_app.services.endpoints import create_endpoint

    world.extra["endpoint"], _ = create_endpoint(
        organization=world.organization, url="http://127.0.0.1:9471/hook", events=["message.received"],
        line_ids=None, actor=Actor(user=world.owner),
    )  # fmt: skip


def _add_partitions() -> None:
    from core.partitions import create_current_partitions

    for table in ("events_event", "webhooks_app_delivery", "webhooks_app_attempt", "accounts_apirequest"):
        for days in range(6):
            create_current_partitions(table, today=(now() - timedelta(days=days)).date())


def _add_traffic(world: World, count: int) -> None:
    from messaging.models import Chat

    begin: datetime = now() - timedelta(days=4)
    values = {
        "org": world.organization.id, "line": world.line.id, "key": world.key.id, "count": count,
        "endpoint": world.extra["endpoint"].id, "start": int(begin.timestamp() * 1000),
        "step": 4 * 86_400_000 / count, "chat": Chat.objects.filter(line=world.line).values_list("id", flat=True)[0],
    }  # fmt: skip
    made = "FROM (SELECT n, (%(start)s + n * %(step)s)::bigint AS ms FROM generate_series(1, %(count)s) AS n) AS made"
    run_sql(
        f"""
        INSERT INTO webhooks_app_delivery (id, organization_id, endpoint_id, event_id, event_type, line_id, chat_id,
            state, attempts, tries, last_status, last_duration_ms, last_attempt_at, completed_at)
        SELECT pg_temp.key_at(ms, n), %(org)s, %(endpoint)s, pg_temp.key_at(ms, n + 1), 'message.received', %(line)s,
            %(chat)s, CASE WHEN n %% 50 = 0 THEN 'failed' ELSE 'delivered' END, 1, 1,
            CASE WHEN n %% 50 = 0 THEN 500 ELSE 200 END, 12.5, to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0)
        {made}
        """,
        values,
    )
    run_sql(
        f"""
        INSERT INTO webhooks_app_attempt (id, organization_id, endpoint_id, delivery_id, number, trigger, started_at,
            status, total_ms)
        SELECT pg_temp.key_at(ms, n + 2), %(org)s, %(endpoint)s, pg_temp.key_at(ms, n), 1, 'first',
            to_timestamp(ms / 1000.0), CASE WHEN n %% 50 = 0 THEN 500 ELSE 200 END, 12.5
        {made}
        """,
        values,
    )
    run_sql(
        f"""
        INSERT INTO messaging_outboxitem (id, organization_id, line_id, chat_id, api_key_id, request_id, operation,
            payload, content, status, attempts, max_attempts, error_detail, lane, claimed_by, deadline_at, parts_sent,
            guid, held_reason, created_at)
        SELECT pg_temp.key_at(ms, n), %(org)s, %(line)s, %(chat)s, %(key)s, 'req_' || lpad(to_hex(n), 12, '0'), 'send',
            '{{}}', '{{}}', CASE WHEN n %% 50 = 0 THEN 'failed' ELSE 'sent' END, 1, 3, '', 'lane', '', now(), 1, '', '',
            to_timestamp(ms / 1000.0)
        {made}
        """,
        values,
    )
    run_sql(
        f"""
        INSERT INTO accounts_apirequest (id, request_id, organization_id, api_key_id, method, path, route, status,
            duration_ms)
        SELECT pg_temp.key_at(ms, n), 'req_' || lpad(to_hex(n), 12, '0'), %(org)s, %(key)s, 'POST', '/v1/messages',
            '/v1/messages', CASE WHEN n %% 50 = 0 THEN 400 ELSE 201 END, 4.5
        {made}
        """,
        values,
    )


def _name_one_of_each(world: World) -> None:
    """Arguments of routes, by the name they have there."""
    from accounts.models import ApiRequest, Membership
    from core.ids import DELIVERY, MESSAGE, OUTBOX, public_id
    from messaging.models import Chat, Message, OutboxItem
    from webhooks_app.models import Delivery

    mine = {"organization_id": world.organization.id}
    request = ApiRequest.objects.filter(**mine).order_by("-id")[0]
    world.extra |= {
        "key_id": world.key.public_id,
        "member_id": Membership.objects.filter(organization=world.organization).order_by("-id")[0].pk,
        "line_id": world.line.public_id,
        "chat_id": Chat.objects.filter(line=world.line).order_by("-id")[0].public_id,
        "webhook_id": world.extra["endpoint"].public_id,
        "delivery_id": public_id(DELIVERY, Delivery.objects.filter(**mine).order_by("-id")[0].id),
        "message_id": public_id(MESSAGE, Message.objects.filter(**mine).order_by("-id")[0].id),
        "item_id": public_id(OUTBOX, OutboxItem.objects.filter(**mine).order_by("-id")[0].id),
        "request_id": request.request_id,
    }
    world.extra["traced_id"] = world.extra["message_id"]
