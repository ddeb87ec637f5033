"""The endpoint pages: list, add, change, switch, secret, test, delete."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, Organization, User
from core.clock import now
from core.secrets import decrypt
from lines.models import Line
from tests.dashboard.hooks import EVENTS, make_delivery, make_endpoint
from webhooks_app.histogram import SIZE, bucket_of
from webhooks_app.models import Delivery, Endpoint, EndpointHour, EndpointMinute

pytestmark = pytest.mark.django_db
NEW = {"url": "http://127.0.0.1:9000/hook", "events": EVENTS, "reach": "all", "headers": "Authorization: Bearer abc"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def admin(client: Client, dana: User) -> Client:
    client.force_login(dana)
    return client


def texts(response: Any) -> str:
    return str(response.content.decode())


def test_an_empty_list_says_what_will_be_here_and_how_to_do_without(admin: Client) -> None:
    page = texts(admin.get("/webhooks"))
    assert "Send events to your server" in page
    assert "messages-dev listen" in page


def test_the_list_shows_state_last_result_and_success(admin: Client, lumen: Organization) -> None:
    endpoint = make_endpoint(lumen, description="Booking agent")
    Endpoint.objects.filter(pk=endpoint.pk).update(
        consecutive_failures=24, last_error="answer_timeout", last_attempt_at=now()
    )
    EndpointHour.objects.create(
        endpoint_id=endpoint.pk, organization_id=lumen.pk, hour=now().replace(minute=0, second=0, microsecond=0),
        delivered=3, failed=1,
    )  # fmt: skip
    page = texts(admin.get("/webhooks"))
    for text in ("127.0.0.1:9471", "/hooks/imessage", "Failing, 24 in a row", "Timed out", "75%", "Booking agent"):
        assert text in page


def test_a_list_of_many_takes_no_more_queries_than_a_short_one(admin: Client, lumen: Organization) -> None:
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            admin.get("/webhooks")
        return len(caught)

    make_endpoint(lumen)
    count()  # the session's first use
    few = count()
    for number in range(9):
        make_endpoint(lumen, f"http://127.0.0.1:9000/{number}")
    assert count() == few <= 8


def test_adding_shows_the_secret_once_and_keeps_the_headers(admin: Client, lumen: Organization) -> None:
    response = admin.post("/webhooks/new", NEW, headers=HTMX)
    endpoint = Endpoint.objects.get(organization=lumen)
    assert decrypt(endpoint.secret) in texts(response)
    assert endpoint.headers == {"Authorization": "Bearer abc"}
    assert decrypt(endpoint.secret) not in texts(admin.get(f"/webhooks/{endpoint.public_id}"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "http://10.0.0.1/hook"}, "OUTBOUND_ALLOWED_NETWORKS"),
        ({"url": "ftp://example.com"}, "must start with https://"),
        ({"url": ""}, "The URL is empty"),
        ({"events": []}, "Choose at least one event"),
        ({"events": ["typing.started"]}, "not one of the available choices"),
        ({"headers": "no colon here"}, "has no colon"),
        ({"headers": "X-Webhook-Signature: a"}, "part of the signature"),
        ({"max_in_flight": "999"}, "At most 200"),
        ({"requests_per_second": "abc"}, "Enter a number"),
        ({"reach": "some"}, "Choose at least one line"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_made(
    admin: Client, lumen: Organization, wrong: dict[str, Any], said: str
) -> None:
    response = admin.post("/webhooks/new", {**NEW, **wrong})
    assert response.status_code == 422
    assert said in texts(response)
    assert not Endpoint.objects.filter(organization=lumen).exists()


def test_a_line_of_another_organization_cannot_be_chosen(admin: Client, other: Organization) -> None:
    theirs = Line.objects.create(organization=other, handle="+15550199999")
    response = admin.post("/webhooks/new", {**NEW, "reach": "some", "line_ids": [str(theirs.pk)]})
    assert response.status_code == 422
    assert not Endpoint.objects.exists()


def test_the_page_says_what_happens_next(admin: Client, lumen: Organization) -> None:
    endpoint = make_endpoint(lumen)
    Endpoint.objects.filter(pk=endpoint.pk).update(
        consecutive_failures=21, failing_since=now() - timedelta(hours=2), breaker_open_until=now()
    )
    page = texts(admin.get(f"/webhooks/{endpoint.public_id}"))
    assert "one delivery at a time is tried every 30 seconds" in page
    assert "switched off if nothing is accepted until then" in page
    assert "Open: one try each 30 s" in page


@pytest.mark.parametrize("span", ["1h", "24h", "7d", "30d", "nonsense"])
def test_health_over_each_span_links_columns_to_their_deliveries(admin: Client, lumen: Organization, span: str) -> None:
    endpoint = make_endpoint(lumen)
    histogram = [0] * SIZE
    histogram[bucket_of(80)] = 4
    facts = {"endpoint_id": endpoint.pk, "organization_id": lumen.pk, "delivered": 3, "retried": 1}
    moment = now().replace(second=0, microsecond=0)
    EndpointMinute.objects.create(minute=moment, histogram=histogram, **facts)
    EndpointHour.objects.create(hour=moment.replace(minute=0), histogram=histogram, **facts)
    page = texts(admin.get(f"/webhooks/{endpoint.public_id}?span={span}"))
    assert "of 4 attempts" in page
    assert "p99" in page
    assert f"/webhooks/deliveries?endpoint={endpoint.public_id}&amp;from=" in page


def test_members_read_but_see_no_values_of_headers_and_no_actions(
    client: Client, bob: User, lumen: Organization
) -> None:
    endpoint = make_endpoint(lumen, headers={"Authorization": "Bearer abc"})
    client.force_login(bob)
    page = texts(client.get(f"/webhooks/{endpoint.public_id}"))
    assert "Authorization" in page
    assert "Bearer abc" not in page
    assert "Send test" not in page
    assert client.post(f"/webhooks/{endpoint.public_id}/secret").status_code == 403


def test_the_switch_moves_and_offers_to_undo(admin: Client, lumen: Organization) -> None:
    endpoint = make_endpoint(lumen)
    off = admin.post(f"/webhooks/{endpoint.public_id}/switch", headers=HTMX)
    assert "undo" in off.headers["HX-Trigger"]
    assert "hx-swap-oob" in texts(off)
    assert not Endpoint.objects.get(pk=endpoint.pk).is_active
    admin.post(f"/webhooks/{endpoint.public_id}/switch?to=on", headers=HTMX)
    assert Endpoint.objects.get(pk=endpoint.pk).is_active


def test_changing_keeps_the_secret_and_is_recorded(admin: Client, lumen: Organization) -> None:
    endpoint = make_endpoint(lumen)
    response = admin.post(f"/webhooks/{endpoint.public_id}/edit", {**NEW, "is_ordered": "on"})
    assert response.status_code == 302
    changed = Endpoint.objects.get(pk=endpoint.pk)
    assert (changed.url, changed.is_ordered, changed.secret) == (NEW["url"], True, endpoint.secret)
    assert AuditEntry.objects.filter(organization=lumen, action="webhook.updated").exists()


def test_looking_at_the_secret_is_recorded_and_asking_alone_is_not(admin: Client, lumen: Organization) -> None:
    endpoint = make_endpoint(lumen)
    revealed = AuditEntry.objects.filter(organization=lumen, action="webhook.secret_revealed")
    assert decrypt(endpoint.secret) not in texts(admin.get(f"/webhooks/{endpoint.public_id}/secret"))
    assert not revealed.exists()
    response = admin.post(f"/webhooks/{endpoint.public_id}/secret")
    assert decrypt(endpoint.secret) in texts(response)
    assert "no-store" in response.headers["Cache-Control"]
    assert revealed.count() == 1


def test_rotating_stages_the_next_secret_and_activating_makes_it_current(admin: Client, lumen: Organization) -> None:
    endpoint = make_endpoint(lumen)
    response = admin.post(f"/webhooks/{endpoint.public_id}/rotate")
    staged = decrypt(Endpoint.objects.get(pk=endpoint.pk).next_secret)
    assert staged in texts(response)
    assert "Use the next secret" in texts(admin.get(f"/webhooks/{endpoint.public_id}"))
    admin.post(f"/webhooks/{endpoint.public_id}/activate")
    assert decrypt(Endpoint.objects.get(pk=endpoint.pk).secret) == staged
    assert "Still signs until" in texts(admin.get(f"/webhooks/{endpoint.public_id}"))


def test_activating_without_a_staged_secret_says_so(admin: Client, lumen: Organization) -> None:
    endpoint = make_endpoint(lumen)
    response = admin.post(f"/webhooks/{endpoint.public_id}/activate")
    assert response.status_code == 422
    assert "No next secret is staged" in texts(response)


def test_deleting_says_what_is_lost_first(admin: Client, lumen: Organization, line: Line) -> None:
    endpoint = make_endpoint(lumen)
    held = make_delivery(endpoint, line, state="held")
    assert "1 delivery" in texts(admin.get(f"/webhooks/{endpoint.public_id}/delete"))
    admin.post(f"/webhooks/{endpoint.public_id}/delete")
    assert Delivery.objects.get(pk=held.pk).state == "cancelled"
    assert admin.get(f"/webhooks/{endpoint.public_id}").status_code == 404
    assert "Deleted" in texts(admin.get(f"/webhooks/deliveries/{held.public_id}"))


@pytest.mark.django_db(transaction=True)
def test_a_test_is_sent_at_once_and_shown_with_what_came_back(
    admin: Client, lumen: Organization, receiver: Any
) -> None:
    receiver.answer_with(503, b'{"error":"busy"}', content_type="application/json")
    endpoint = make_endpoint(lumen, receiver.url)
    response = admin.post(f"/webhooks/{endpoint.public_id}/test", {"event": "message.sent"}, headers=HTMX)
    page = texts(response)
    assert "Not accepted" in page
    assert "503" in page
    assert "busy" in page
    (request,) = receiver.requests
    assert request.json()["event"] == "message.sent"
    assert request.headers["X-Webhook-Delivery-Id"] in page


def test_a_test_of_an_unknown_event_is_refused_in_words(admin: Client, lumen: Organization) -> None:
    endpoint = make_endpoint(lumen)
    response = admin.post(f"/webhooks/{endpoint.public_id}/test", {"event": "ping"}, headers=HTMX)
    assert response.status_code == 422
    assert "A test is one of" in texts(response)


def test_the_catalogue_shows_schema_example_and_who_takes_an_event(admin: Client, lumen: Organization) -> None:
    make_endpoint(lumen)
    assert "message.received" in texts(admin.get("/webhooks/events"))
    page = texts(admin.get("/webhooks/events/message.received"))
    assert "json-schema.org" in page
    assert "127.0.0.1:9471" in page
    assert "127.0.0.1:9471" not in texts(admin.get("/webhooks/events/reaction.added"))
    assert admin.get("/webhooks/events/typing.started").status_code == 404
