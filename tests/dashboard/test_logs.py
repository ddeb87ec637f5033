"""The log pages: what they show, to whom, how they filter and page, and how much they ask of the database."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.api_requests import list_routes
from accounts.models import ApiKey, ApiRequest, Membership, Organization, User
from core import bounded_pages
from core.clock import now
from core.ids import new_request_id, uuid7_floor
from lines.models import Line
from messaging.models import Chat, OutboxItem


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def log(organization: Organization, **fields: Any) -> ApiRequest:
    defaults: dict[str, Any] = {
        "request_id": new_request_id(), "method": "POST", "path": "/v1/messages", "route": "/v1/messages",
        "status": 201, "duration_ms": 8.0,
    }  # fmt: skip
    return ApiRequest.objects.create(organization_id=organization.id, **{**defaults, **fields})


@pytest.fixture
def item(lumen: Organization, line: Line, chat: Chat) -> Callable[..., OutboxItem]:
    def make(**fields: Any) -> OutboxItem:
        defaults: dict[str, Any] = {
            "organization_id": lumen.id, "line_id": line.id, "chat_id": chat.id, "operation": "send",
            "payload": {"text": "The ferry leaves at nine"}, "content": {"text": "The ferry leaves at nine"},
            "lane": "one", "deadline_at": now() + timedelta(hours=24),
        }  # fmt: skip
        return OutboxItem.objects.create(**{**defaults, **fields})

    return make


def text(response: Any) -> str:
    return str(response.content.decode())


def test_the_routes_that_were_used_can_be_filtered_by(lumen: Organization, other: Organization) -> None:
    for route in ("/v1/messages", "/v1/lines", "/v1/messages"):
        log(lumen, route=route)
    log(other, route="/v1/chats")
    assert list_routes(organization=lumen) == ["/v1/lines", "/v1/messages"]


def test_logs_lead_to_the_requests(alice: User) -> None:
    assert sign_in(alice).get("/logs").headers["Location"] == "/logs/requests"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"one", "two", "three"}),
        ("?status=4xx", {"two", "three"}),
        ("?error=contact_has_not_messaged", {"two"}),
        ("?error=contact_has_not_messaged&method=GET", set()),
        ("?method=GET", {"three"}),
        ("?route=/v1/lines", {"three"}),
        ("?route=/v1/lines&status=2xx", set()),
        ("?error=made_up", {"one", "two", "three"}),
        ("?time=1h", {"one", "two"}),
    ],
)
def test_requests_are_filtered(alice: User, lumen: Organization, query: str, expected: set[str]) -> None:
    found = {
        "one": log(lumen),
        "two": log(lumen, status=403, error_code="contact_has_not_messaged"),
        "three": log(
            lumen, id=UUID(int=uuid7_floor(now() - timedelta(hours=3)).int + 1), method="GET", path="/v1/lines",
            route="/v1/lines", status=401, error_code="invalid_api_key",
        ),
    }  # fmt: skip
    page = text(sign_in(alice).get(f"/logs/requests{query}"))
    assert {name for name, row in found.items() if f'id="{row.request_id}"' in page} == expected


def test_requests_are_found_by_key_and_by_id(
    alice: User, lumen: Organization, make_key: Callable[..., tuple[ApiKey, str]], item: Callable[..., OutboxItem]
) -> None:
    key = make_key(lumen)[0]
    of_key, other = log(lumen, api_key_id=key.id), log(lumen)
    sent = item(request_id=of_key.request_id)
    client = sign_in(alice)
    for query in (f"key={key.public_id}", f"q={of_key.request_id}", f"q={sent.public_id}"):
        page = text(client.get(f"/logs/requests?{query}"))
        assert of_key.request_id in page
        assert f'id="{other.request_id}"' not in page


def test_nobody_sees_the_requests_of_another_organization(charlie: User, lumen: Organization) -> None:
    row = log(lumen)
    client = sign_in(charlie)
    assert row.request_id not in text(client.get("/logs/requests"))
    assert f'id="{row.request_id}"' not in text(client.get(f"/logs/requests?q={row.request_id}"))
    assert client.get(f"/logs/requests/{row.request_id}").status_code == 404


def test_nobody_sees_the_outbox_of_another_organization(charlie: User, item: Callable[..., OutboxItem]) -> None:
    one = item(request_id="req_0f3a9c1b22de")
    client = sign_in(charlie)
    for query in ("", f"?q={one.public_id}", "?q=req_0f3a9c1b22de"):
        assert f'id="{one.public_id}"' not in text(client.get(f"/logs/outbox{query}"))
    assert client.get(f"/logs/outbox/{one.public_id}").status_code == 404


def test_a_request_shows_what_it_created(alice: User, lumen: Organization, item: Callable[..., OutboxItem]) -> None:
    row = log(lumen, request_body='{"to": "<b>x</b>"}', response_body='{"id": 1', user_agent="curl/8")
    sent = item(request_id=row.request_id)
    page = text(sign_in(alice).get(f"/logs/requests/{row.request_id}"))
    assert f"/logs/outbox/{sent.public_id}" in page
    assert "<b>x</b>" not in page
    assert "curl/8" in page


def test_a_refused_request_links_to_its_explanation(alice: User, lumen: Organization) -> None:
    row = log(lumen, status=403, error_code="contact_has_not_messaged")
    client = sign_in(alice)
    for path in ("/logs/requests", f"/logs/requests/{row.request_id}"):
        assert "/docs/errors#contact_has_not_messaged" in text(client.get(path))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"sent", "failed", "held", "read"}),
        ("?state=failed", {"failed"}),
        ("?state=held", {"held"}),
        ("?state=pending", {"read"}),
        ("?state=sent&state=failed", {"sent", "failed"}),
        ("?error=not_registered", {"failed"}),
        ("?operation=read", {"read"}),
        ("?operation=read&state=failed", set()),
        ("?state=nonsense", {"sent", "failed", "held", "read"}),
    ],
)
def test_the_outbox_is_filtered(alice: User, item: Callable[..., OutboxItem], query: str, expected: set[str]) -> None:
    found = {
        "sent": item(status="sent"),
        "failed": item(status="failed", error="not_registered"),
        "held": item(held_reason="reach_outs"),
        "read": item(operation="read"),
    }
    page = text(sign_in(alice).get(f"/logs/outbox{query}"))
    assert {name for name, row in found.items() if f'id="{row.public_id}"' in page} == expected


def test_the_outbox_is_searched_by_any_id(alice: User, item: Callable[..., OutboxItem], line: Line, chat: Chat) -> None:
    one = item(request_id="req_0f3a9c1b22de")
    client = sign_in(alice)
    for query in (one.public_id, "req_0f3a9c1b22de", chat.public_id, line.public_id):
        assert f'id="{one.public_id}"' in text(client.get(f"/logs/outbox?q={query}"))
    assert f'id="{one.public_id}"' not in text(client.get("/logs/outbox?q=req_000000000000"))


def test_a_row_on_its_way_asks_for_itself_until_it_has_arrived(alice: User, item: Callable[..., OutboxItem]) -> None:
    one = item(status="claimed")
    client = sign_in(alice)
    assert f'data-live-on="outbox:{one.public_id}"' in text(client.get("/logs/outbox"))
    OutboxItem.objects.update(status="sent")
    row = text(client.get(f"/logs/outbox/{one.public_id}/row"))
    assert row.startswith(f'<tr id="{one.public_id}">')
    assert "Sent" in row
    assert "data-live-on" not in row


@pytest.mark.parametrize("query", ["%2B15550100144", "+1 555 010 0144", "1 (555) 010-0144", "15550100144"])
def test_the_outbox_is_searched_by_number(alice: User, item: Callable[..., OutboxItem], query: str) -> None:
    one = item()
    client = sign_in(alice)
    assert f'id="{one.public_id}"' in text(client.get(f"/logs/outbox?q={query}"))
    assert "No outbox item matches" in text(client.get("/logs/outbox?q=%2B15550100999"))


def test_the_outbox_is_filtered_by_key(
    alice: User, item: Callable[..., OutboxItem], make_key: Any, lumen: Organization
) -> None:
    key, _ = make_key(lumen)
    mine, other = item(api_key_id=key.pk), item()
    page = text(sign_in(alice).get(f"/logs/outbox?key={key.public_id}"))
    assert f'id="{mine.public_id}"' in page
    assert f'id="{other.public_id}"' not in page


def test_a_held_item_says_why_until_when_and_where_it_is_explained(
    alice: User, item: Callable[..., OutboxItem]
) -> None:
    one = item(held_reason="ratio", resumes_at=now() + timedelta(hours=1))
    client = sign_in(alice)
    for path in ("/logs/outbox", f"/logs/outbox/{one.public_id}"):
        page = text(client.get(path))
        assert "/docs/limits#ratio" in page
        assert "data-when" in page
    assert "sends far more than it hears" in page
    assert 'id="ratio"' in text(client.get("/docs/limits"))


def test_the_logs_are_exported_as_they_are_filtered(
    alice: User, charlie: User, lumen: Organization, item: Callable[..., OutboxItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pages.PAGE_SIZE", 2)
    for number in range(5):
        log(lumen, status=403, error_code="contact_has_not_messaged", user_agent=f"=cmd{number}")
        item(status="failed", error="expired")
    log(lumen)
    item(status="sent")
    client = sign_in(alice)
    for path, columns in (("requests/export?status=4xx", "request_id"), ("outbox/export?state=failed", "id")):
        answer = client.get(f"/logs/{path}")
        rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
        assert len({row[columns] for row in rows}) == len(rows) == 5
        assert "attachment" in answer.headers["Content-Disposition"]
        assert "The ferry" not in answer.getvalue().decode()
        assert len(sign_in(charlie).get(f"/logs/{path}").getvalue().splitlines()) == 1
    rows = list(csv.DictReader(io.StringIO(client.get("/logs/requests/export").getvalue().decode("utf-8-sig"))))
    assert rows[-1]["user_agent"] == "'=cmd0"
    assert 'href="/logs/outbox/export?state=failed"' in text(client.get("/logs/outbox?state=failed"))


def test_text_is_hidden_from_those_who_may_not_read_it(bob: User, item: Callable[..., OutboxItem]) -> None:
    one = item()
    client = sign_in(bob)
    assert "The ferry leaves" not in text(client.get(f"/logs/outbox/{one.public_id}"))
    Membership.objects.filter(user=bob).update(can_read_messages=True)
    assert "The ferry leaves" in text(client.get(f"/logs/outbox/{one.public_id}"))


def test_text_in_a_logged_body_is_hidden_too(bob: User, lumen: Organization) -> None:
    row = log(
        lumen, request_body='{"text": "The ferry \\"leaves\\"", "to": "+1555"', response_body='{"transcription":"Fe'
    )
    page = text(sign_in(bob).get(f"/logs/requests/{row.request_id}"))
    assert "ferry" not in page
    assert "+1555" in page
    assert "Fe<" not in page


def test_an_admin_sends_a_failed_message_again(dana: User, bob: User, item: Callable[..., OutboxItem]) -> None:
    one = item(status="failed", error="not_registered")
    assert sign_in(bob).post(f"/logs/outbox/{one.public_id}/retry").status_code == 403
    answer = sign_in(dana).post(f"/logs/outbox/{one.public_id}/retry")
    again = OutboxItem.objects.exclude(pk=one.pk).get()
    assert answer.headers["Location"] == f"/logs/outbox/{again.public_id}"
    assert (again.user_id, again.status) == (dana.pk, "pending")


def test_something_sent_is_not_sent_again(dana: User, item: Callable[..., OutboxItem]) -> None:
    one = item(status="sent")
    sign_in(dana).post(f"/logs/outbox/{one.public_id}/retry")
    assert OutboxItem.objects.count() == 1


def test_pages_follow_each_other_without_gap(alice: User, lumen: Organization) -> None:
    rows = [log(lumen) for _ in range(60)]
    client = sign_in(alice)
    first = client.get("/logs/requests")
    second = client.get("/logs/requests", {"before": first.context["page"].older})
    shown = [row.id for row in (*first.context["page"].rows, *second.context["page"].rows)]
    assert shown == [row.id for row in reversed(rows)]
    back = client.get("/logs/requests", {"after": second.context["page"].newer})
    assert [row.id for row in back.context["page"].rows] == shown[:50]


def test_a_rare_match_is_searched_for_in_bounded_steps(
    alice: User, lumen: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_pages, "SCAN_ROWS", 10)
    wanted = log(lumen, method="DELETE")
    for _ in range(25):
        log(lumen)
    client, query, seen = sign_in(alice), {"method": "DELETE"}, []
    for _ in range(3):
        page = client.get("/logs/requests", query).context["page"]
        seen += page.rows
        if page.older is None:
            break
        query["before"] = page.older
    assert [row.id for row in seen] == [wanted.id]
    assert page.searched_to is None


@pytest.mark.parametrize("path", ["/logs/requests", "/logs/outbox"])
@pytest.mark.parametrize("cursor", ["x", "WyJhIl0", "WyIwIiwiMSJd", "%00"])
def test_a_wrong_cursor_shows_the_first_page(alice: User, path: str, cursor: str) -> None:
    client = sign_in(alice)
    for name in ("before", "after"):
        assert client.get(f"{path}?{name}={cursor}&method=GET&operation=send").status_code == 200


@pytest.mark.parametrize("path", ["/logs/requests?method=POST&status=2xx", "/logs/outbox?operation=send"])
def test_a_list_asks_the_same_of_the_database_whatever_its_length(
    alice: User, lumen: Organization, item: Callable[..., OutboxItem], path: str
) -> None:
    client = sign_in(alice)
    client.get(path)
    counts = []
    for _ in range(2):
        for _ in range(20):
            log(lumen)
            item()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(path)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 10, counts  # four of them are who asks, and where
