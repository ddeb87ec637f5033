"""The page's stream: hints of its own organization and topics only."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import Organization, User
from core.live import LiveHint, publish_live
from dashboard.live import app

pytestmark = pytest.mark.django_db(transaction=True)


async def listen(cookie: str, topics: str, send_hints: list[LiveHint], wanted: int) -> tuple[int, list[dict[str, Any]]]:
    """Opens the stream, publishes hints once it listens, returns the status and the first hints heard."""
    status = 0
    heard: list[dict[str, Any]] = []
    done, listening = asyncio.Event(), asyncio.Event()

    async def receive() -> MutableMapping[str, Any]:
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            return
        for line in message["body"].decode().splitlines():
            if line.startswith("data: "):
                hint = json.loads(line[6:])
                if hint["type"] == "resync":
                    listening.set()
                else:
                    heard.append(hint)
        if status != 200 or len(heard) >= wanted:
            listening.set()
            done.set()

    scope = {"type": "http", "headers": [(b"cookie", cookie.encode())], "query_string": f"topics={topics}".encode()}
    stream = asyncio.ensure_future(app(scope, receive, send))
    await asyncio.wait_for(listening.wait(), 10)
    await asyncio.to_thread(publish_live, send_hints)
    await asyncio.wait_for(stream, 20)
    return status, heard


def cookie_of(client: Client) -> str:
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def test_a_tab_hears_its_topics_and_nobody_elses(alice: User, lumen: Organization, client: Client) -> None:
    client.force_login(alice)
    hints = [
        LiveHint(organization_id=uuid4(), topics=["chats"], type="message.received", id="msg_foreign"),
        LiveHint(organization_id=lumen.id, topics=["outbox"], type="outbox.updated", id="obx_other_topic"),
        LiveHint(organization_id=lumen.id, topics=["chats"], type="message.received", id="msg_ours"),
    ]
    status, heard = asyncio.run(listen(cookie_of(client), "chats", hints, 1))
    assert status == 200
    assert [h["id"] for h in heard] == ["msg_ours"]


def test_without_a_session_there_is_no_stream() -> None:
    status, heard = asyncio.run(listen("", "chats", [], 1))
    assert (status, heard) == (401, [])
