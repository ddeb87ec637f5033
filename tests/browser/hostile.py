"""An organization whose every word is hostile: markup in each field that people, keys and contacts can fill."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from accounts.models import ApiKey, ApiRequest, DevMail, Invitation, Membership, Organization, Role, User
from accounts.services.audit import Actor, record_change
from core.clock import now
from lines.models import AlertRule, Line
from messaging.models import Attachment, Chat, Message, OutboxItem, Reaction
from tests.dashboard.hooks import make_attempt, make_delivery
from tests.dashboard.routes import World, a_webhook
from tests.live import Account, Product
from transports.simulator.network import create_phone
from webhooks_app.models import Endpoint

HOSTILE = "<script data-xss>xss=1</script>'\"><img data-xss src=x onerror=xss=1>"
TEXTS = (
    HOSTILE,
    "javascript:xss=1",
    "http://x/'onmouseover='xss=1",
    "</textarea></title><svg data-xss onload=xss=1>",
    "{{ 7|add:7 }} ${7*7} <b data-xss>bold</b>",
    "https://x.example/" + "long" * 40,
)


def make_hostile_world(product: Product) -> World:
    """One of everything that the pages of the registry need, owned by an operator; straight in the tables."""
    account = product.make_account(name=HOSTILE, last_used_at=now(), last_used_agent=HOSTILE)
    owner, lumen = account.user, account.organization
    User.objects.filter(pk=owner.pk).update(name=HOSTILE, is_staff=True)
    Organization.objects.filter(pk=lumen.pk).update(name=HOSTILE)
    owner.refresh_from_db()
    lumen.refresh_from_db()
    number = uuid4().int % 10_000
    line = Line.objects.create(organization=lumen, handle=f"+1555012{number:04d}", label=HOSTILE, paused_by=HOSTILE)
    bob = User.objects.create_user(f"bob{number}@lumen.example", name=HOSTILE)
    membership = Membership.objects.create(organization=lumen, user=bob, role=Role.MEMBER)
    invitation = Invitation.objects.create(
        organization=lumen,
        email=f"eve{number}@x.example",
        token_hash=uuid4().bytes * 2,
        expires_at=now() + timedelta(days=7),
        invited_by=owner,
    )
    create_phone(owner_id=lumen.id, name=HOSTILE)
    world = World(
        lumen=lumen,
        alice=owner,
        dana=owner,
        bob=bob,
        other=lumen,
        charlie=owner,
        line=line,
        chat=_make_talk(lumen, line, number),
        key=ApiKey.objects.get(pk=account.key.pk),
        invitation=invitation,
        membership=membership,
    )
    _make_hooks(world)
    _make_logs(world)
    return world


def _make_talk(lumen: Any, line: Line, number: int) -> Chat:
    handle = f"+1555013{number:04d}"
    chat = Chat.objects.create(
        organization=lumen, line=line, key=f"d:{handle}", identifier=handle, name=HOSTILE, participants=[handle],
        guids=[f"any;-;{handle}"], has_received_inbound=True, last_text=HOSTILE, last_message_at=now(), unread=2,
    )  # fmt: skip
    for position, text in enumerate(TEXTS):
        message = Message.objects.create(
            organization_id=lumen.id, line_id=line.id, chat=chat, guid=f"{number}-{position}", sender=handle, text=text,
            is_from_me=bool(position % 2), sent_at=now(), synced_at=now(), service="iMessage", edited_at=now(),
            history=[{"text": HOSTILE, "at": 1}], reply_to_guid=f"{number}-0",
        )  # fmt: skip
    Attachment.objects.create(message=message, filename=HOSTILE, mime_type="text/html", transcription=HOSTILE, size=3)
    Reaction.objects.create(
        message=message, event_key=f"k{number}", type="custom", sender=HOSTILE, is_from_me=False, added=True,
        sent_at=now(), synced_at=now(), emoji="<b>",
    )  # fmt: skip
    return chat


def _make_hooks(world: World) -> None:
    webhook = a_webhook(world)
    endpoint = world.extra["endpoint"]
    fields = {"description": HOSTILE, "url": f"http://127.0.0.1:9/{HOSTILE}", "headers": {"X-Hostile": HOSTILE}}
    Endpoint.objects.filter(pk=endpoint.pk).update(**fields)
    endpoint.refresh_from_db()
    assert webhook
    delivery = make_delivery(endpoint, world.line, chat_id=world.chat.pk)
    make_attempt(delivery, response_body=HOSTILE, response_headers={"X-Hostile": HOSTILE})
    world.extra["delivery"] = delivery
    AlertRule.objects.create(
        organization=world.lumen, line=world.line, limit="*", url=f"http://x.example/{HOSTILE}", emails=["a@x.example"]
    )


def _make_logs(world: World) -> None:
    ApiRequest.objects.create(
        organization_id=world.lumen.id, api_key_id=world.key.id, request_id=f"req_{uuid4().hex[:12]}", method="GET",
        path=f"/v1/chats?from={HOSTILE}", route="/v1/chats", status=400, duration_ms=3, user_agent=HOSTILE,
        error_code="invalid_parameter_value",
    )  # fmt: skip
    OutboxItem.objects.create(
        organization_id=world.lumen.id, line_id=world.line.id, chat_id=world.chat.id, operation="send",
        payload={"text": HOSTILE}, content={"text": HOSTILE}, status="failed", error="not_registered",
        lane="x", deadline_at=now(),
    )  # fmt: skip
    record_change(
        organization=world.lumen, actor=Actor(label=HOSTILE, user_agent=HOSTILE), action="line.updated",
        target_label=HOSTILE, before={"label": HOSTILE}, after={"label": HOSTILE},
    )  # fmt: skip
    DevMail.objects.create(sender=HOSTILE, recipients="a@x.example", subject=HOSTILE, body=HOSTILE)


def make_session(user: User) -> str:
    """The cookie of somebody who has signed in, password just given."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session["account_authentication_methods"] = [{"method": "password", "at": now().timestamp()}]
    session.create()
    return str(session.session_key)


def give_session(page: Any, product: Product, account: Account) -> None:
    """Signs in without the sign-in page, for tests that are about something else."""
    cookie = {"name": "sessionid", "value": make_session(account.user), "url": product.base_url}
    page.context.add_cookies([cookie])
