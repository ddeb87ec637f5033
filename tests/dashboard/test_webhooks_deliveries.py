"""The log of deliveries: filters, paging, what is new, export, one delivery, try now."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, Organization, User
from core.clock import now
from core.ids import CHAT, public_id
from lines.models import Line
from messaging.models import Chat, Message
from tests.dashboard.hooks import make_attempt, make_delivery, make_endpoint
from webhooks_app.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db
LIST = "/webhooks/deliveries"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def admin(client: Client, dana: User) -> Client:
    client.force_login(dana)
    return client


@pytest.fixture
def endpoint(lumen: Organization) -> Endpoint:
    return make_endpoint(lumen)


def shown(response: Any) -> list[str]:
    """Public ids of the rows, in order."""
    return [row.delivery.public_id for row in response.context["rows"]]


def texts(response: Any) -> str:
    return str(response.content.decode())


def test_an_empty_log_says_what_will_be_here(admin: Client) -> None:
    assert "Every event sent to your server will be here" in texts(admin.get(LIST))


def test_each_filter_narrows_and_they_combine(
    admin: Client, lumen: Organization, endpoint: Endpoint, line: Line, chat: Chat
) -> None:
    second = make_endpoint(lumen, "http://127.0.0.1:9472/in")
    other_line = Line.objects.create(organization=lumen, handle="+442071838750")
    failed = make_delivery(endpoint, line, chat_id=chat.pk, age_seconds=60)
    timed_out = make_delivery(second, other_line, last_status=None, last_error="answer_timeout", age_seconds=50)
    fine = make_delivery(
        second, line, event_type="message.sent", state="delivered", last_status=200, last_error="", age_seconds=40
    )
    old = make_delivery(
        endpoint, line, state="held", last_status=None, last_error="", last_attempt_at=None, age_seconds=8000
    )
    everything = [fine, timed_out, failed, old]
    for query, wanted in (
        ("", everything),
        (f"endpoint={endpoint.public_id}", [failed, old]),
        ("state=failed", [timed_out, failed]),
        ("state=failed&state=held", [timed_out, failed, old]),
        ("event=message.sent", [fine]),
        (f"line={other_line.public_id}", [timed_out]),
        (f"chat={public_id(CHAT, chat.pk)}", [failed]),
        ("status=5xx", [failed]),
        ("status=none", [timed_out]),
        ("error=answer_timeout", [timed_out]),
        ("time=1h", [fine, timed_out, failed]),
        (f"q={fine.public_id}", [fine]),
        (f"state=failed&status=5xx&endpoint={endpoint.public_id}&time=1h", [failed]),
        ("state=nonsense&endpoint=wh_1", everything),
    ):
        assert shown(admin.get(f"{LIST}?{query}")) == [one.public_id for one in wanted], query


def test_no_match_says_the_filter_and_offers_to_clear_it(admin: Client, endpoint: Endpoint, line: Line) -> None:
    make_delivery(endpoint, line)
    page = texts(admin.get(f"{LIST}?state=held"))
    assert "No delivery matches" in page
    assert "Clear filters" in page


def test_pages_keep_the_filter_and_lose_nothing(admin: Client, endpoint: Endpoint, line: Line) -> None:
    made = [make_delivery(endpoint, line, age_seconds=10 + n).public_id for n in range(60)]
    first = admin.get(f"{LIST}?state=failed")
    assert shown(first) == made[:50]
    older = first.context["page"].older
    assert f"state=failed&amp;before={older}" in texts(first)
    second = admin.get(f"{LIST}?state=failed&before={older}")
    assert shown(second) == made[50:]
    assert shown(admin.get(f"{LIST}?state=failed&after={second.context['page'].newer}")) == made[:50]
    assert shown(admin.get(f"{LIST}?before=nonsense")) == made[:50]


def test_a_full_list_takes_few_queries_however_many_endpoints(admin: Client, lumen: Organization, line: Line) -> None:
    for number in range(12):
        one = make_endpoint(lumen, f"http://127.0.0.1:9000/{number}")
        for n in range(5):
            make_delivery(one, line, age_seconds=10 + n * 12 + number)
    admin.get(LIST)
    with CaptureQueriesContext(connection) as caught:
        admin.get(LIST)
    own = [query["sql"] for query in caught if not any(t in query["sql"] for t in ("session", "accounts_"))]
    assert len(own) <= 8, own


def test_news_counts_what_came_since_and_brings_shown_rows_up_to_date(
    admin: Client, endpoint: Endpoint, line: Line
) -> None:
    first = make_delivery(endpoint, line, age_seconds=60)
    newest = admin.get(LIST).context["newest"]
    make_delivery(endpoint, line, age_seconds=30)
    make_delivery(endpoint, line, state="delivered", age_seconds=20)
    Delivery.objects.filter(pk=first.pk).update(state="delivered")
    answer = admin.get(f"{LIST}/news?after={newest}&ids={first.public_id},nonsense")
    assert answer.headers["X-New-Count"] == "2"
    assert shown(answer) == [first.public_id]
    assert "Delivered" in texts(answer)
    assert admin.get(f"{LIST}/news?state=failed&after={newest}").headers["X-New-Count"] == "1"
    assert admin.get(f"{LIST}/news?after=nonsense").headers["X-New-Count"] == "0"


def test_rows_of_another_organization_are_never_brought(
    client: Client, charlie: User, endpoint: Endpoint, line: Line
) -> None:
    ours = make_delivery(endpoint, line)
    client.force_login(charlie)
    assert shown(client.get(f"{LIST}/news?ids={ours.public_id}")) == []
    assert shown(client.get(f"{LIST}?q={ours.public_id}")) == []
    assert client.get(f"{LIST}/{ours.public_id}").status_code == 404


def test_the_export_holds_every_row_of_the_filter(admin: Client, endpoint: Endpoint, line: Line) -> None:
    failed = make_delivery(endpoint, line)
    fine = make_delivery(endpoint, line, state="delivered")
    text = b"".join(admin.get(f"{LIST}/export?state=failed").streaming_content).decode()  # type: ignore[attr-defined]
    assert failed.public_id in text
    assert fine.public_id not in text
    assert text.startswith("\ufeffid,created_at,state,event,url")


def test_a_delivery_says_what_happened_what_to_do_and_what_comes_next(
    admin: Client, endpoint: Endpoint, line: Line
) -> None:
    due = now() + timedelta(minutes=4)
    delivery = make_delivery(endpoint, line, state="retrying", attempts=2, tries=2, next_attempt_at=due)
    make_attempt(delivery, 1)
    make_attempt(delivery, 2, status=None, error="answer_timeout", response_body="", total_ms=15003.0)
    page = texts(admin.get(f"{LIST}/{delivery.public_id}"))
    for text in ("did not answer within 15 seconds", "Answer 200 first", "Next try", "Attempt 3 of 8", "203.0.113.24"):
        assert text in page
    first = texts(admin.get(f"{LIST}/{delivery.public_id}?attempt=1"))
    assert "Your server failed while it worked on the request." in first
    assert "Service Unavailable" in first
    assert admin.get(f"{LIST}/{delivery.public_id}?attempt=99").status_code == 200


def test_the_body_is_byte_for_byte_what_was_signed(admin: Client, endpoint: Endpoint, line: Line) -> None:
    delivery = make_delivery(endpoint, line)
    make_attempt(delivery)
    body = admin.get(f"{LIST}/{delivery.public_id}").context["body"]
    assert body.startswith('{"event":"message.received","data":{')
    assert body.endswith(f',"timestamp":1760000000123,"delivery_id":"{delivery.public_id}"}}')
    assert "curl -X POST" in admin.get(f"{LIST}/{delivery.public_id}").context["curl"]


def test_who_may_not_read_messages_does_not_read_them_here(
    client: Client, bob: User, endpoint: Endpoint, line: Line, chat: Chat
) -> None:
    Membership.objects.filter(user=bob).update(can_read_messages=False)
    delivery = make_delivery(endpoint, line, chat_id=chat.pk)
    make_attempt(delivery)
    client.force_login(bob)
    page = texts(client.get(f"{LIST}/{delivery.public_id}"))
    assert "table for two" not in page
    assert "The words of the message are hidden" in page


def test_trying_now_makes_it_due_at_once(admin: Client, endpoint: Endpoint, line: Line) -> None:
    delivery = make_delivery(endpoint, line)
    response = admin.post(f"{LIST}/{delivery.public_id}/replay", headers=HTMX)
    assert response.status_code == 204
    assert "Trying now" in response.headers["HX-Trigger"]
    after = Delivery.objects.get(pk=delivery.pk)
    assert (after.state, after.trigger) == ("pending", "replay")


def test_trying_now_at_an_endpoint_that_is_off_says_why_not(admin: Client, endpoint: Endpoint, line: Line) -> None:
    Endpoint.objects.filter(pk=endpoint.pk).update(is_active=False)
    delivery = make_delivery(endpoint, line, state="held")
    assert "Switch it on to send" in texts(admin.get(f"{LIST}/{delivery.public_id}"))
    response = admin.post(f"{LIST}/{delivery.public_id}/replay", headers=HTMX)
    assert "off" in response.headers["HX-Trigger"]
    assert Delivery.objects.get(pk=delivery.pk).state == "held"


def test_one_delivery_takes_few_queries_however_many_attempts(admin: Client, endpoint: Endpoint, line: Line) -> None:
    delivery = make_delivery(endpoint, line, attempts=30)
    for number in range(1, 31):
        make_attempt(delivery, number)
    admin.get(f"{LIST}/{delivery.public_id}")
    with CaptureQueriesContext(connection) as caught:
        admin.get(f"{LIST}/{delivery.public_id}")
    own = [query["sql"] for query in caught if not any(t in query["sql"] for t in ("session", "accounts_"))]
    assert len(own) <= 9, own


def test_the_log_of_a_deleted_endpoint_is_still_found_by_its_address(
    admin: Client, lumen: Organization, endpoint: Endpoint, line: Line
) -> None:
    other = make_delivery(make_endpoint(lumen, "http://127.0.0.1:9472/in"), line)
    ours = make_delivery(endpoint, line)
    Endpoint.objects.filter(pk=endpoint.pk).update(deleted_at=now(), is_active=False)
    assert shown(admin.get(f"{LIST}?endpoint={endpoint.public_id}")) == [ours.public_id]
    assert set(shown(admin.get(LIST))) == {ours.public_id, other.public_id}


def test_the_trace_leads_from_the_message_to_this_delivery(
    admin: Client, endpoint: Endpoint, line: Line, chat: Chat
) -> None:
    message = Message.objects.create(
        organization_id=endpoint.organization_id, chat=chat, line_id=line.pk, guid="8C5F2A61", sender="+16285550144",
        text="Is there a table?", is_from_me=False, service="iMessage", sent_at=now(), synced_at=now(),
    )  # fmt: skip
    delivery = make_delivery(endpoint, line, chat_id=chat.pk, object_id=message.pk)
    make_attempt(delivery)
    response = admin.get(f"{LIST}/{delivery.public_id}")
    labels = [step.label.split(" ")[0] for step in response.context["steps"]]
    assert labels == ["Received", "Message", "Event", "This"]
    page = texts(response)
    assert f"/messages/{message.public_id}" in page
    assert f"/conversations/{chat.public_id}" in page


def test_beside_a_failure_stands_how_the_endpoint_answered_last(admin: Client, endpoint: Endpoint, line: Line) -> None:
    make_delivery(endpoint, line, state="delivered", last_status=200, last_error="", last_duration_ms=74.0)
    delivery = make_delivery(endpoint, line)
    make_attempt(delivery)
    assert "last accepted a delivery in 74 ms" in texts(admin.get(f"{LIST}/{delivery.public_id}"))


@pytest.mark.parametrize(("age_seconds", "wanted"), [(-20, "probe in"), (5, "probe due")])
def test_a_delivery_whose_time_has_come_waits_for_the_breaker(
    admin: Client, endpoint: Endpoint, line: Line, age_seconds: int, wanted: str
) -> None:
    open_until = now() - timedelta(seconds=age_seconds)
    Endpoint.objects.filter(pk=endpoint.pk).update(consecutive_failures=31, breaker_open_until=open_until)
    due = make_delivery(endpoint, line, state="retrying", attempts=1, next_attempt_at=now() - timedelta(seconds=9))
    later = make_delivery(endpoint, line, state="retrying", attempts=1, next_attempt_at=now() + timedelta(hours=1))
    page = texts(admin.get(f"{LIST}/{due.public_id}"))
    assert wanted in page
    assert "failed 31 times in a row" in page
    assert "Attempt 2 of 8, at about" in texts(admin.get(f"{LIST}/{later.public_id}"))
