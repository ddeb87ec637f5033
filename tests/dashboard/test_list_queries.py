"""Every list: at most eight queries with every part of it shown, and a page of rows, however much there is."""

from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiKey, ApiRequest, Invitation, Membership, Organization, Role, User
from accounts.services.audit import Actor, record_change
from core.clock import now
from core.ids import new_request_id, uuid7
from dashboard import shell_news
from lines.models import Line
from messaging.models import Chat, OutboxItem
from webhooks_app.models import Delivery, Endpoint, Replay

pytestmark = pytest.mark.django_db
MANY = 60
LISTS = {
    "/": "",
    "/?period=30d": "",
    "/api-keys": 'id="key_',
    "/api-keys?q=key&state=active": 'id="key_',
    "/settings/members": "",
    "/settings/invitations": 'id="inv-',
    "/settings/audit": "",
    "/lines": 'id="ln_',
    "/lines?q=Desk": 'id="ln_',
    "/conversations": 'id="row-cht_',
    "/conversations?q=5550": 'id="row-cht_',
    "/conversations?line=all": 'id="row-cht_',
    "/webhooks": 'id="wh_',
    "/webhooks/replays": 'id="rpl_',
    "/webhooks/deliveries": 'id="dlv_',
    "/webhooks/deliveries?state=failed": 'id="dlv_',
    "/webhooks/deliveries?event=reaction.removed": 'id="dlv_',
    "/webhooks/deliveries?status=5xx&time=7d": 'id="dlv_',
    "/webhooks/deliveries?q=a-guid": 'id="dlv_',
    "/webhooks/events": "",
    "/logs/requests": 'id="req_',
    "/logs/requests?status=4xx": 'id="req_',
    "/logs/outbox": 'id="obx_',
    "/logs/outbox?state=failed": 'id="obx_',
}


@pytest.fixture
def grown(lumen: Organization, alice: User) -> Organization:
    """Lumen with more than a page of everything."""
    lines = Line.objects.bulk_create(
        Line(organization=lumen, handle=f"+1555070{n:04}", label=f"Desk {n}") for n in range(MANY)
    )
    people = User.objects.bulk_create(User(email=f"m{n}@lumen.example", password="!") for n in range(MANY))
    Membership.objects.bulk_create(Membership(organization=lumen, user=user, role=Role.MEMBER) for user in people)
    keys = ApiKey.objects.bulk_create(
        ApiKey(organization=lumen, name=f"key {n}", prefix="sk_live_abcd", token_hash=uuid7().bytes * 2,
               line_ids=[lines[n].pk])
        for n in range(MANY)
    )  # fmt: skip
    chats = Chat.objects.bulk_create(
        Chat(organization=lumen, line=line, key=f"d:{n}", identifier=f"+1555080{n:04}", unread=1, last_message_at=now())
        for line in lines[:20] for n in range(6)
    )  # fmt: skip
    Invitation.objects.bulk_create(
        Invitation(organization=lumen, email=f"i{n}@lumen.example", token_hash=uuid7().bytes * 2, expires_at=now(),
                   invited_by=people[n])
        for n in range(MANY)
    )  # fmt: skip
    endpoints = Endpoint.objects.bulk_create(
        Endpoint(organization=lumen, url=f"https://h{n}.example/in", events=["message.received"], secret="x",
                 line_ids=[lines[n].pk])
        for n in range(MANY)
    )  # fmt: skip
    own: dict[str, Any] = {"organization_id": lumen.id}
    for n in range(MANY):
        Delivery.objects.create(
            **own, endpoint_id=endpoints[n].pk, event_id=uuid7(), event_type="message.received", line_id=lines[n].pk,
            state="failed", last_status=502, last_error="http_5xx", last_attempt_at=now(),
        )  # fmt: skip
        OutboxItem.objects.create(
            **own, line_id=lines[0].pk, chat_id=chats[n].pk, operation="send", payload={}, content={}, status="failed",
            lane="one", deadline_at=now(),
        )  # fmt: skip
        ApiRequest.objects.create(
            **own, api_key_id=keys[n].pk, request_id=new_request_id(), method="GET", path="/v1/lines",
            route="/v1/lines", status=404, error_code="not_found", duration_ms=3.1,
        )  # fmt: skip
        Delivery.objects.create(
            **own, endpoint_id=endpoints[n].pk, event_id=uuid7(), event_type="message.received", line_id=lines[n].pk,
            state="delivered", last_status=200, last_attempt_at=now(),
        )  # fmt: skip
        record_change(organization=lumen, actor=Actor(user=alice), action="line.renamed", target_label="Desk")
        Replay.objects.create(organization=lumen, filter={"query": []}, started_by_label="Alice")
    return lumen


@pytest.mark.parametrize("address", LISTS)
def test_a_list_takes_eight_queries_at_most(address: str, grown: Organization, alice: User) -> None:
    client = Client()
    client.force_login(alice, backend=settings.AUTHENTICATION_BACKENDS[0])
    client.get(address)
    shell_news._kept.clear()  # what a process keeps for seconds is asked for again
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)
    assert response.status_code == 200
    assert len(captured) <= 8, "\n".join(query["sql"][:150] for query in captured)
    row = LISTS[address]
    if row and "q=" not in address and "removed" not in address:
        assert 0 < response.content.decode().count(row) <= 60
