"""A large organization for the pages: keys, members, lines, chats and messages, counted as the product counts them.

The traffic around them (deliveries, events, requests, sends, audit log) is in ``bench/crowd_traffic.py``.
"""

from uuid import UUID

from bench.crowd_traffic import DAYS, add_traffic, add_up
from bench.world import World, add_chats, add_messages, analyze, make_world, run_sql

MANY = 1000
CHATS = 10_000
BUSY_CHATS = 5_000  # of the line whose page is opened; the others have a handful each


def make_crowd(messages: int) -> World:
    world = make_world()
    world.owner.is_staff = True  # the pages of operators too
    world.owner.save(update_fields=["is_staff"])
    _add_people_and_keys(world)
    _add_lines(world)
    lines = _other_lines(world)
    add_chats(world, BUSY_CHATS)
    add_chats(world, CHATS - BUSY_CHATS, lines=lines, base=BUSY_CHATS)
    add_messages(world, messages * 9 // 10, days=DAYS)
    add_messages(world, messages // 10, days=DAYS - 1, chat_id=_newest_chat(world))
    _count_messages()
    add_traffic(world, messages)
    analyze()
    return load_crowd()


def load_crowd() -> World:
    """The organization of a database that has been filled, with arguments of routes by the name they have there.

    Hours that have passed since are added up, as a running product does.
    """
    add_up()
    from accounts.models import ApiKey, Organization, User
    from lines.models import Line

    organization = Organization.objects.get(slug="bench")
    world = World(
        organization=organization,
        owner=User.objects.get(email="owner@bench.example"),
        key=ApiKey.objects.get(organization=organization, name="bench"),
        token="",
        line=Line.objects.get(organization=organization, label="Bench line"),
    )
    _name_one_of_each(world)
    return world


def _add_people_and_keys(world: World) -> None:
    from accounts.models import ApiKey, Invitation, Membership, Role, User
    from core.clock import now
    from core.ids import uuid7

    people = User.objects.bulk_create(
        User(email=f"member{n}@bench.example", name=f"Member {n}", password="!") for n in range(MANY)
    )
    Membership.objects.bulk_create(
        Membership(organization=world.organization, user=user, role=Role.ADMIN if n % 10 == 0 else Role.MEMBER)
        for n, user in enumerate(people)
    )
    Invitation.objects.bulk_create(
        Invitation(
            organization=world.organization, email=f"soon{n}@bench.example", token_hash=uuid7().bytes * 2,
            invited_by=world.owner, expires_at=now(),
        )
        for n in range(200)
    )  # fmt: skip
    ApiKey.objects.bulk_create(
        ApiKey(
            organization=world.organization, name=f"key {n}", prefix="sk_live_abcd", token_hash=uuid7().bytes * 2,
            scopes=["messages:read"], created_by=world.owner, revoked_at=now() if n % 9 == 0 else None,
            last_used_at=now(), last_used_address="203.0.113.7", last_used_agent="python-httpx/0.28",
        )
        for n in range(MANY)
    )  # fmt: skip


def _add_lines(world: World) -> None:
    from lines.models import Line

    Line.objects.bulk_create(
        Line(organization=world.organization, handle=f"+1555040{n:04}", label=f"Line {n}") for n in range(MANY)
    )
    ids = _other_lines(world)
    world.key.line_ids = [world.line.id, *ids[:2]]
    world.key.save(update_fields=["line_ids"])
    run_sql(
        "UPDATE accounts_apikey SET line_ids = ARRAY[%(one)s, %(two)s]::uuid[] WHERE name LIKE 'key %%5'",
        {"one": ids[3], "two": ids[4]},
    )


def _other_lines(world: World) -> list[UUID]:
    from lines.models import Line

    return list(Line.objects.exclude(id=world.line.id).order_by("id").values_list("id", flat=True))


def _newest_chat(world: World) -> UUID:
    from messaging.models import Chat

    return Chat.objects.filter(line=world.line).order_by("-last_message_at", "-id").values_list("id", flat=True)[0]


def _count_messages() -> None:
    """The roll-ups of lines as counting would have left them, apart from reach-outs and peaks."""
    run_sql(
        """
        INSERT INTO lines_linehour (line_id, hour, inbound, outbound, reach_outs, new_contacts, contacts, minutes,
            peak_minute, failed, held)
        SELECT line_id, date_trunc('hour', sent_at, 'UTC'), count(*) FILTER (WHERE NOT is_from_me),
            count(*) FILTER (WHERE is_from_me), count(*) %% 3, count(*) %% 2, count(DISTINCT chat_id), '{}', 3, 0, 0
        FROM messaging_message GROUP BY 1, 2
        """
    )
    run_sql(
        """
        INSERT INTO lines_linedaycontact (line_id, day, contact)
        SELECT DISTINCT m.line_id, (m.sent_at AT TIME ZONE 'UTC')::date, c.identifier
        FROM messaging_message m JOIN messaging_chat c ON c.id = m.chat_id
        WHERE NOT m.is_from_me AND m.sent_at > now() - interval '2 days'
        """
    )


def _name_one_of_each(world: World) -> None:
    from accounts.models import ApiRequest, Membership
    from core.ids import DELIVERY, MESSAGE, OUTBOX, public_id
    from messaging.models import Chat, Message, OutboxItem
    from webhooks_app.models import Delivery, Endpoint, Replay

    mine = {"organization_id": world.organization.id}
    request = ApiRequest.objects.filter(**mine).order_by("-id")[0]
    world.extra |= {
        "organization_id": world.organization.public_id,
        "key_id": world.key.public_id,
        "member_id": Membership.objects.filter(organization=world.organization).order_by("-id")[0].pk,
        "line_id": world.line.public_id,
        "chat_id": Chat.objects.filter(line=world.line).order_by("-last_message_at", "-id")[0].public_id,
        "webhook_id": Endpoint.objects.filter(**mine).order_by("id")[0].public_id,
        "delivery_id": public_id(DELIVERY, Delivery.objects.filter(**mine).order_by("-id")[0].id),
        "message_id": public_id(MESSAGE, Message.objects.filter(**mine).order_by("-id")[0].id),
        "item_id": public_id(OUTBOX, OutboxItem.objects.filter(**mine).order_by("-id")[0].id),
        "replay_id": Replay.objects.filter(**mine).order_by("-id")[0].public_id,
        "request_id": request.request_id,
        "slug": "webhooks",
    }
    world.extra["traced_id"] = world.extra["message_id"]
