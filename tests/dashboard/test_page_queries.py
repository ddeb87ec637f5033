"""Pages about one thing: a fixed number of queries with every part of them shown."""

from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from accounts.models import ApiRequest, User
from accounts.services.audit import Actor, record_change
from core.ids import MESSAGE, public_id
from dashboard import shell_news
from messaging.models import Attachment, Message, OutboxItem, Reaction, TypingIndicator
from messaging.viewer.bubbles import cursor_of
from tests.dashboard.hooks import make_attempt, make_delivery
from tests.dashboard.routes import World, a_webhook
from tests.dashboard.test_access import world
from webhooks_app.models import Delivery

__all__ = ["world"]
MOST = {
    "/conversations/{chat}": 12,
    "/conversations/{chat}?line=all": 11,
    "/conversations/{chat}?message={message}": 15,
    "/conversations/{chat}/older?before={place}": 8,
    "/conversations/{chat}/latest?start={place}": 8,
    "/trace/{message}": 8,
    "/webhooks/deliveries/{delivery}": 10,
    "/operator": 8,
}


def add_message(world: World, number: int, **fields: Any) -> Message:
    """A message with a file and a tapback, that answers an earlier one."""
    message = Message.objects.create(
        organization_id=world.lumen.id, line_id=world.line.id, chat_id=world.chat.id, guid=f"guid-{number}",
        sender="+15550100144", text="Hello", is_from_me=bool(number % 2), sent_at=now(), synced_at=now(),
        reply_to_guid=f"guid-{number - 1}", **fields,
    )  # fmt: skip
    Attachment.objects.create(message=message, filename="a.png", mime_type="image/png", size=3)
    Reaction.objects.create(
        message=message, event_key=f"k{number}", type="love", sender="+15550100144", is_from_me=False, added=True,
        sent_at=now(), synced_at=now(),
    )  # fmt: skip
    return message


@pytest.fixture
def places(world: World) -> dict[str, str]:
    """A conversation with something of everything, and a message of ours that went all the way."""
    User.objects.filter(pk=world.alice.pk).update(is_staff=True)
    own: dict[str, Any] = {"organization_id": world.lumen.id}
    request = ApiRequest.objects.create(
        **own, api_key_id=world.key.id, request_id="req_0f3a9c1b22de", method="POST", path="/v1/messages",
        route="/v1/messages", status=201, duration_ms=3.1,
    )  # fmt: skip
    items = [
        OutboxItem.objects.create(
            **own, line_id=world.line.id, chat_id=world.chat.id, operation="send", payload={}, content={"text": "Hi"},
            status=status, lane="one", deadline_at=now(), request_id=request.request_id, api_key_id=world.key.id,
        )
        for status in ("failed", "done")
    ]  # fmt: skip
    messages = [add_message(world, number) for number in range(70)]
    sent = messages[-1]
    Message.objects.filter(pk=sent.pk).update(outbox_id=items[1].pk)
    TypingIndicator.objects.create(chat=world.chat, handle="+15550100144", is_typing=True, updated_at=now())
    record_change(
        organization=world.lumen, actor=Actor(user=world.alice, label="Alice Okafor"), action="conversation.opened",
        target_id=world.chat.public_id,
    )  # fmt: skip
    world.chat.last_message_at = now()
    world.chat.save()
    a_webhook(world)
    deliveries = [make_delivery(world.extra["endpoint"], world.line, chat_id=world.chat.pk) for _ in range(3)]
    Delivery.objects.update(event_type="message.sent", object_id=sent.pk, event_id=uuid4(), state="failed")
    make_attempt(deliveries[0])
    return {
        "chat": world.chat.public_id,
        "message": public_id(MESSAGE, sent.pk),
        "place": cursor_of(messages[60]),
        "delivery": deliveries[0].public_id,
    }


@pytest.mark.parametrize("address", MOST)
def test_a_page_takes_no_more_queries_than_it_has_parts(address: str, places: dict[str, str], world: World) -> None:
    client = Client()
    client.force_login(world.alice, backend=settings.AUTHENTICATION_BACKENDS[0])
    path = address.format(**places)
    headers = {"HX-Request": "true"} if address.startswith("/trace") else {}
    client.get(path, headers=headers)
    shell_news._kept.clear()  # what a process keeps for seconds is asked for again
    with CaptureQueriesContext(connection) as captured:
        response = client.get(path, headers=headers)
    assert response.status_code == 200
    assert len(captured) <= MOST[address], "\n".join(query["sql"][:150] for query in captured)


def test_what_a_conversation_shows_is_all_there(places: dict[str, str], world: World) -> None:
    client = Client()
    client.force_login(world.alice, backend=settings.AUTHENTICATION_BACKENDS[0])
    text = client.get(f"/conversations/{places['chat']}").content.decode()
    assert "is typing" in text
    assert "Opened by Alice" in text
    assert "❤️" in text
    assert "Key" in client.get(f"/trace/{places['message']}").content.decode()
