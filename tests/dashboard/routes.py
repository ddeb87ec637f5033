"""What the access walk needs to know about routes with parameters.

``KWARGS[name] = lambda world: {…}`` gives the arguments of Lumen's own object for the route called ``name``; add a line
for each route that takes any. ``PUBLIC_BODY`` routes answer everybody alike. ``world`` has the fixtures of
tests/conftest.py as attributes (lumen, alice, line, chat, …) and whatever ``make_world`` adds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from accounts.models import ApiKey, ApiRequest, DevMail
from accounts.services.audit import Actor
from core.clock import now
from core.ids import uuid7
from messaging.models import Message, OutboxItem


@dataclass
class World:
    """Lumen with one of everything; ``extra`` is for objects that page authors add."""

    lumen: Any
    alice: Any
    dana: Any
    bob: Any
    other: Any
    charlie: Any
    line: Any
    chat: Any
    key: Any
    invitation: Any
    membership: Any
    extra: dict[str, Any] = field(default_factory=dict)


def a_key(world: World) -> dict[str, Any]:
    return {"key_id": world.key.public_id}


def a_member(world: World) -> dict[str, Any]:
    return {"member_id": world.membership.pk}


def an_invitation(world: World) -> dict[str, Any]:
    return {"invitation_id": world.invitation.pk}


def a_webhook(world: World) -> dict[str, Any]:
    """Lumen's endpoint; made at the first need."""
    from webhooks_app.services.endpoints import create_endpoint

    if "endpoint" not in world.extra:
        world.extra["endpoint"] = create_endpoint(
            organization=world.lumen,
            url="http://127.0.0.1:9471/hook",
            events=["message.received"],
            line_ids=None,
            actor=Actor(user=world.alice),
        )[0]
    return {"webhook_id": world.extra["endpoint"].public_id}


def a_request(world: World) -> dict[str, Any]:
    request_id = "req_0f3a9c1b22de"
    ApiRequest.objects.create(
        organization_id=world.lumen.id, api_key_id=world.key.id, request_id=request_id, method="GET",
        path="/v1/lines", route="/v1/lines", status=200, duration_ms=3.1,
    )  # fmt: skip
    return {"request_id": request_id}


def an_outbox_item(world: World) -> dict[str, Any]:
    item = OutboxItem.objects.create(
        organization_id=world.lumen.id, line_id=world.line.id, chat_id=world.chat.id, operation="send",
        payload={"text": "Hello"}, content={"text": "Hello"}, status="failed", error="not_registered",
        lane="one", deadline_at=now(),
    )  # fmt: skip
    return {"item_id": item.public_id}


def a_line(world: World) -> dict[str, Any]:
    return {"line_id": world.line.public_id}


def an_alert(world: World) -> dict[str, Any]:
    from lines.models import AlertRule

    rule, _ = AlertRule.objects.get_or_create(organization=world.lumen, line=world.line, limit="ratio")
    return {**a_line(world), "rule_id": rule.pk}


def a_removed_alert(world: World) -> dict[str, Any]:
    from lines.models import AlertRule

    rule = AlertRule.objects.create(organization=world.lumen, line=world.line, limit="contacts", is_active=False)
    return {**a_line(world), "rule_id": rule.pk}


def a_line_request(world: World) -> dict[str, Any]:
    from lines.models import LineRequest

    asked, _ = LineRequest.objects.get_or_create(organization=world.lumen, handle="+14155550142", status="open")
    return {"number": asked.pk}


def a_revoked_key(world: World) -> dict[str, Any]:
    """Revoked a moment ago, so that it can be taken back."""
    ApiKey.objects.filter(pk=world.key.pk).update(revoked_at=now(), revoked_reason="revoked")
    return a_key(world)


def a_delivery(world: World) -> dict[str, Any]:
    """A failed delivery to Lumen's endpoint."""
    from webhooks_app.models import Delivery

    if "delivery" not in world.extra:
        a_webhook(world)
        world.extra["delivery"] = Delivery.objects.create(
            organization_id=world.lumen.id,
            endpoint_id=world.extra["endpoint"].id,
            event_id=uuid7(),
            event_type="message.received",
            line_id=world.line.id,
            state="failed",
        )
    return {"delivery_id": world.extra["delivery"].public_id}


def a_replay(world: World) -> dict[str, Any]:
    from webhooks_app.models import Replay

    if "replay" not in world.extra:
        world.extra["replay"] = Replay.objects.create(
            organization=world.lumen, filter={"query": []}, started_by_label="Alice"
        )
    return {"replay_id": world.extra["replay"].public_id}


def an_organization(world: World) -> dict[str, Any]:
    return {"organization_id": world.lumen.public_id}


def a_chat(world: World) -> dict[str, Any]:
    return {"chat_id": world.chat.public_id}


def a_failed_item_of_a_chat(world: World) -> dict[str, Any]:
    return a_chat(world) | an_outbox_item(world)


def a_message(world: World) -> dict[str, Any]:
    message = Message.objects.create(
        organization_id=world.lumen.id, line_id=world.line.id, chat_id=world.chat.id,
        guid=f"guid-{uuid4()}", sender="+15550100144", text="Hello", is_from_me=False, sent_at=now(), synced_at=now(),
    )  # fmt: skip
    return {"message_id": message.public_id}


KWARGS: dict[str, Callable[[World], dict[str, Any]]] = {
    "conversation": a_chat,
    "conversation_older": a_chat,
    "conversation_latest": a_chat,
    "conversation_newer": a_chat,
    "conversation_seen": a_chat,
    "conversation_show_text": a_chat,
    "conversation_send": a_chat,
    "conversation_react": a_chat,
    "conversation_retry": a_failed_item_of_a_chat,
    "conversation_export": a_chat,
    "message_link": a_message,
    "trace": lambda world: {"traced_id": a_message(world)["message_id"]},
    "line": a_line,
    "line_request_withdraw": a_line_request,
    "operator_answer_request": a_line_request,
    "line_edit": a_line,
    "line_pause": a_line,
    "line_strict": a_line,
    "line_alerts": a_line,
    "line_alert_remove": an_alert,
    "line_alert_restore": a_removed_alert,
    "line_delete": a_line,
    "api_key": a_key,
    "api_key_edit": a_key,
    "api_key_roll": a_key,
    "api_key_revoke": a_key,
    "api_key_restore": a_revoked_key,
    "webhook": a_webhook,
    "webhook_edit": a_webhook,
    "webhook_switch": a_webhook,
    "webhook_test": a_webhook,
    "webhook_delete": a_webhook,
    "webhook_secret": a_webhook,
    "webhook_rotate": a_webhook,
    "webhook_activate": a_webhook,
    "webhook_replay": a_webhook,
    "delivery": a_delivery,
    "delivery_replay": a_delivery,
    "replay": a_replay,
    "replay_progress": a_replay,
    "replay_act": a_replay,
    "session_end": lambda world: {"session_id": 1},
    "member": a_member,
    "member_role": a_member,
    "member_text": a_member,
    "member_remove": a_member,
    "invitation_resend": an_invitation,
    "invitation_withdraw": an_invitation,
    "invitation_restore": an_invitation,
    "invitation": lambda world: {"token": "unknown"},
    "log_request": a_request,
    "log_outbox_item": an_outbox_item,
    "log_outbox_row": an_outbox_item,
    "log_outbox_retry": an_outbox_item,
    "operator_organization": an_organization,
    "operator_suspend": an_organization,
    "operator_unsuspend": an_organization,
    "operator_limits": an_organization,
    "operator_impersonate": lambda world: an_organization(world) | {"member_id": world.membership.pk},
    "docs_page": lambda world: {"slug": "quickstart"},
    "mail": lambda world: {"mail_id": DevMail.objects.create(sender="a", recipients="b", subject="c", body="d").pk},
}
