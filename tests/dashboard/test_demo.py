"""The demo: made once, its numbers equal to a recount, its pages open."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.test import Client, override_settings

from accounts.models import ApiKey, ApiKeyHour, ApiRequest, AuditEntry, Membership, User
from core.clock import now
from core.ids import DELIVERY, public_id
from dashboard.demo_data import EMAIL, SLUG, Demo, make_demo
from dashboard.views.accounts_pages.audit import ACTIONS
from events.models import ConsumerCursor, Event
from lines.models import Line, LineHour
from lines.services.limits import get_meters
from messaging.models import Attachment, Chat, Message, OutboxItem
from webhooks_app.histogram import SIZE, bucket_of
from webhooks_app.models import Attempt, Delivery, Endpoint, EndpointHour, OrganizationHour


@pytest.fixture(scope="module")
def demo(django_db_setup: None, django_db_blocker: Any) -> Iterator[Demo]:
    """Made once for all tests of this module, which only read, and taken back after them."""
    hashers = override_settings(PASSWORD_HASHERS=["tests.passwords.FastPasswords"])
    with hashers, django_db_blocker.unblock(), transaction.atomic():
        yield make_demo()
        transaction.set_rollback(True)


@pytest.fixture
def client(demo: Demo) -> Client:
    client = Client()
    client.force_login(User.objects.get(email=EMAIL), backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def count_rows() -> dict[str, int]:
    return {model._meta.label: model.objects.count() for model in apps.get_models()}  # type: ignore[attr-defined,unused-ignore]


def test_a_second_run_adds_nothing(demo: Demo) -> None:
    before = count_rows()
    again = make_demo()
    assert again.as_json() == demo.as_json()
    assert count_rows() == before


def test_it_is_large_enough_to_be_looked_at(demo: Demo) -> None:
    month = Message.objects.filter(sent_at__lt=now() - timedelta(hours=24))
    assert month.count() > 500
    assert month.earliest("sent_at").sent_at > now() - timedelta(days=30)
    assert Chat.objects.filter(organization=demo.organization).count() > 25
    states = Counter(Delivery.objects.values_list("state", flat=True))
    assert states["failed"] >= 3
    assert states["held"] >= 3
    assert states["delivered"] / (states["delivered"] + states["failed"]) > 0.97
    assert Attempt.objects.filter(status=503).count() > 30
    assert ApiRequest.objects.filter(status__gte=400).values("error_code").distinct().count() >= 3
    assert Membership.objects.filter(organization=demo.organization).count() == 3
    assert ApiKey.objects.exclude(revoked_at=None).count() == 1
    assert set(AuditEntry.objects.values_list("action", flat=True)) <= set(ACTIONS)


def recount_line(line: Line) -> dict[datetime, dict[str, Any]]:
    """The roll-up of each hour from the messages, in the order in which they were written."""
    hours: dict[datetime, dict[str, Any]] = defaultdict(
        lambda: (
            dict.fromkeys(("inbound", "outbound", "reach_outs", "new_contacts", "contacts", "failed"), 0)
            | {"minutes": [0] * 60}
        )
    )
    last_in: dict[Any, datetime] = {}
    first_is_theirs: dict[Any, bool] = {}
    seen: set[tuple[Any, str]] = set()
    for message in Message.objects.filter(line_id=line.id).order_by("id"):
        hour, chat, at = hours[hour_of(message.sent_at)], message.chat_id, message.sent_at
        first_is_theirs.setdefault(chat, not message.is_from_me)
        if message.is_from_me:
            hour["outbound"] += 1
            hour["reach_outs"] += chat not in last_in or last_in[chat] < at - timedelta(hours=24)
            hour["minutes"][at.minute] += 1
            continue
        hour["inbound"] += 1
        hour["new_contacts"] += chat not in last_in
        if first_is_theirs[chat] and (at.date(), message.sender) not in seen:
            hour["contacts"] += 1
            seen.add((at.date(), message.sender))
        last_in[chat] = max(at, last_in.get(chat, at))
    for item in OutboxItem.objects.filter(line_id=line.id, status="failed"):
        assert item.completed_at is not None
        hours[hour_of(item.completed_at)]["failed"] += 1
    return hours


def test_what_lines_counted_equals_a_recount(demo: Demo) -> None:
    for line in Line.objects.filter(organization=demo.organization):
        wanted = recount_line(line)
        found = {
            row.hour: {name: getattr(row, name) for name in ("inbound", "outbound", "reach_outs", "new_contacts")}
            | {"contacts": row.contacts, "failed": row.failed, "minutes": row.minutes or [0] * 60}
            for row in LineHour.objects.filter(line=line)
        }
        assert found == wanted
        assert all(row.peak_minute == max(row.minutes, default=0) for row in LineHour.objects.filter(line=line))
    assert sum(row.failed for row in LineHour.objects.all()) >= 2


def test_meters_tell_of_today_alone(demo: Demo) -> None:
    """The month ends before the day that meters look at."""
    today = Message.objects.filter(line_id=demo.line.id, is_from_me=True, sent_at__gt=now() - timedelta(hours=24))
    assert {meter.name: meter.used for meter in get_meters(line=demo.line)}["replies"] == today.count()


def test_chats_show_their_last_message(demo: Demo) -> None:
    for chat in Chat.objects.filter(organization=demo.organization, line__is_sandbox=False):
        messages = list(chat.messages.order_by("sent_at", "id"))
        streak = 0
        for message in messages:
            streak = streak + 1 if message.is_from_me else 0
        assert (chat.last_message_id, chat.last_message_at) == (messages[-1].id, messages[-1].sent_at)
        assert chat.unanswered == streak


def test_roll_ups_of_endpoints_equal_a_recount(demo: Demo) -> None:
    final = {row.id: (row.state, row.attempts) for row in Delivery.objects.filter(organization_id=demo.organization.id)}
    wanted: dict[Any, list[Any]] = defaultdict(lambda: [0, 0, 0, [0] * SIZE])
    for attempt in Attempt.objects.filter(organization_id=demo.organization.id):
        row = wanted[attempt.endpoint_id, hour_of(attempt.started_at)]
        state, attempts = final[attempt.delivery_id]
        place = 0 if attempt.status == 200 else 2 if state == "failed" and attempt.number == attempts else 1
        row[place] += 1
        row[3][bucket_of(attempt.total_ms)] += 1
    hours = list(EndpointHour.objects.filter(organization_id=demo.organization.id))
    assert {(h.endpoint_id, h.hour): [h.delivered, h.retried, h.failed, h.histogram] for h in hours} == wanted
    sums = OrganizationHour.objects.filter(organization_id=demo.organization.id)
    assert sum(row.delivered for row in sums) == sum(hour.delivered for hour in hours)


def test_use_of_keys_equals_a_recount(demo: Demo) -> None:
    wanted: Counter[Any] = Counter()
    for request in ApiRequest.objects.all():
        wanted[request.api_key_id, hour_of(request.at)] += 1
    found = {(row.api_key_id, row.hour): row.requests for row in ApiKeyHour.objects.all()}
    assert found == wanted
    sends = OutboxItem.objects.exclude(api_key_id=None)
    assert sum(row.sends for row in ApiKeyHour.objects.all()) == sends.count()
    assert set(sends.values_list("request_id", flat=True)) <= set(
        ApiRequest.objects.values_list("request_id", flat=True)
    )


def test_the_past_is_told_to_nobody_again(demo: Demo) -> None:
    """Events of the month stand before the place at which the engines begin to read."""
    month = Event.objects.filter(id__in=Delivery.objects.values("event_id"))
    assert month.count() > 500
    assert month.extra(where=["xid = '1'"]).count() == month.count()  # type: ignore[misc,unused-ignore]
    assert all(cursor.xid >= 1 for cursor in ConsumerCursor.objects.all())
    assert ConsumerCursor.objects.count() == len(settings.EVENT_CONSUMERS)


def test_today_shows_what_the_viewer_can(demo: Demo) -> None:
    mine = Message.objects.filter(organization_id=demo.organization.id)
    assert mine.exclude(edited_at=None).exists()
    assert mine.exclude(unsent_at=None).exists()
    assert mine.filter(reply_to_guid__isnull=False, is_from_me=True).exists()
    assert mine.filter(service="SMS", is_from_me=True).exists()
    assert Attachment.objects.get(message__is_audio_message=True).transcription.startswith("He was not")
    kinds = set(Attachment.objects.values_list("mime_type", flat=True))
    assert {"image/png", "text/vcard", "application/pdf"} <= kinds
    assert Chat.objects.filter(unread=2).count() == 1
    assert Chat.objects.get(is_group=True).messages.values("sender").distinct().count() == 4
    assert OutboxItem.objects.get(error="not_registered").status == "failed"


def test_pages_open_with_it(demo: Demo, client: Client) -> None:
    failed = Delivery.objects.filter(state="failed").order_by("-id")[0]
    talks = Chat.objects.filter(organization=demo.organization).order_by("-last_message_at")[:7]
    sent = OutboxItem.objects.exclude(api_key_id=None).order_by("id")[0]
    pages = ["/", "/?period=7d", "/?period=30d", "/conversations", "/lines", f"/lines/{demo.line.public_id}"]
    pages += [f"/conversations/{chat.public_id}" for chat in talks]
    pages += ["/webhooks", "/webhooks/deliveries", f"/webhooks/deliveries/{public_id(DELIVERY, failed.id)}"]
    pages += [f"/webhooks/{endpoint.public_id}" for endpoint in Endpoint.objects.all()]
    pages += ["/logs/requests", "/logs/outbox", f"/logs/outbox/{sent.public_id}", "/settings/audit"]
    pages += ["/api-keys", *(f"/api-keys/{key.public_id}" for key in ApiKey.objects.all()), "/settings/members"]
    assert {page: client.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


def test_its_endpoint_answers() -> None:
    answer = Client(enforce_csrf_checks=True).post("/dev/hook", b"{}", content_type="application/json")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})


def test_without_history_it_is_one_short_talk(db: None) -> None:
    with override_settings(DEMO_HISTORY=False):
        found = make_demo()
    assert found.organization.slug == SLUG
    assert Chat.objects.filter(line__is_sandbox=False).count() == 1
    assert not Endpoint.objects.exists()
    assert Line.objects.filter(organization=found.organization).count() == 1
