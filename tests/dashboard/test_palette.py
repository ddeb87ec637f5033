"""What the palette finds: the organization's own object behind any id first, and nothing of others."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve

from accounts.models import ApiKey, ApiRequest, Organization, User
from core.clock import now
from core.ids import uuid7
from dashboard.views.palette import RELATED, find_object
from lines.models import Line
from messaging.models import Chat, Message, OutboxItem
from webhooks_app.models import Delivery, Endpoint, Replay


@pytest.fixture
def ids(lumen: Organization, line: Line, chat: Chat, make_key: Callable[..., tuple[ApiKey, str]]) -> dict[str, str]:
    """One of everything, by prefix."""
    item = OutboxItem.objects.create(
        organization_id=lumen.id, line_id=line.id, chat_id=chat.id, operation="send", payload={}, lane="one",
        deadline_at=now(),
    )  # fmt: skip
    message = Message.objects.create(
        organization_id=lumen.id, line_id=line.id, chat=chat, guid="G1", sender="+15550100144", text="Hello",
        sent_at=now(), synced_at=now(), is_from_me=False,
    )  # fmt: skip
    endpoint = Endpoint.objects.create(organization=lumen, url="https://crm.lumen.example/in", events=[], secret="x")
    delivery = Delivery.objects.create(
        organization_id=lumen.id, endpoint_id=endpoint.id, event_id=uuid7(), event_type="message.sent", line_id=line.id
    )
    replay = Replay.objects.create(organization=lumen, filter={}, started_by_label="Alice")
    ApiRequest.objects.create(
        request_id="req_0f3a9c1b22de", organization_id=lumen.id, method="GET", path="/v1/lines", route="/v1/lines",
        status=200, duration_ms=1,
    )  # fmt: skip
    rows: list[Any] = [line, chat, item, message, endpoint, delivery, replay, make_key(lumen)[0]]
    shown = [row.public_id for row in rows]
    return {text.partition("_")[0]: text for text in [*shown, "req_0f3a9c1b22de"]}


def test_every_id_leads_to_a_page_that_exists(ids: dict[str, str], lumen: Organization, alice: User) -> None:
    assert set(ids) == {"ln", "cht", "obx", "msg", "wh", "dlv", "rpl", "key", "req"}
    client = Client()
    client.force_login(alice, backend=settings.AUTHENTICATION_BACKENDS[0])
    for text in ids.values():
        option = find_object(lumen, text.upper())[0][1][0]
        assert option.text == text
        assert option.note
        assert client.get(option.href).status_code in (200, 302), option.href


def test_what_belongs_to_it_leads_to_a_page_too(ids: dict[str, str], lumen: Organization) -> None:
    for prefix, text in ids.items():
        groups = find_object(lumen, text)
        assert len(groups) == (2 if prefix in RELATED else 1)
        for option in groups[-1][1]:
            assert resolve(option.href.partition("?")[0])


def test_nothing_of_other_organizations_is_found(ids: dict[str, str], other: Organization) -> None:
    assert [text for text in ids.values() if find_object(other, text)] == []


@pytest.mark.parametrize("text", ["", "msg_", "msg_12", "xyz_" + "0" * 32, "msg_" + "g" * 32, "req_' or 1=1", "\x00"])
def test_what_is_no_id_finds_no_object(lumen: Organization, text: str) -> None:
    assert find_object(lumen, text) == []
