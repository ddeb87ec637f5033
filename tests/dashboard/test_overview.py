"""The overview: first steps that tick themselves, then numbers that lead to their lists; and what the shell tells."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiKey, ApiRequest, Organization, User
from accounts.services.audit import Actor
from core.clock import now
from core.ids import new_request_id, uuid7, uuid7_floor
from dashboard.attention import list_causes
from dashboard.overview_numbers import compare, describe_line
from dashboard.periods import make_period
from dashboard.shell_news import CAP, read_shell_news
from lines.models import Line, LineHour, SandboxUsage
from lines.services.sandbox import open_sandbox, redeem_code
from messaging.models import Chat, OutboxItem
from webhooks_app.histogram import SIZE
from webhooks_app.models import Delivery, Endpoint, EndpointHour


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def text(response: Any) -> str:
    return str(response.content.decode())


@pytest.fixture
def endpoint(lumen: Organization) -> Endpoint:
    return Endpoint.objects.create(
        organization=lumen, url="https://crm.lumen.example/in", events=["message.received"], secret="x"
    )


@pytest.fixture
def send(lumen: Organization, line: Line, chat: Chat) -> Callable[..., OutboxItem]:
    def make(**fields: Any) -> OutboxItem:
        defaults: dict[str, Any] = {
            "organization_id": lumen.id, "line_id": line.id, "chat_id": chat.id, "operation": "send",
            "payload": {}, "lane": "one", "deadline_at": now(),
        }  # fmt: skip
        return OutboxItem.objects.create(**{**defaults, **fields})

    return make


def deliver(endpoint: Endpoint, line: Line, **fields: Any) -> Delivery:
    defaults: dict[str, Any] = {
        "organization_id": endpoint.organization_id, "endpoint_id": endpoint.id, "event_id": uuid7(),
        "event_type": "message.received", "line_id": line.id, "state": "delivered", "attempts": 1,
    }  # fmt: skip
    return Delivery.objects.create(**{**defaults, **fields})


# --- first steps -----------------------------------------------------------------------------------------------------


def test_a_new_organization_is_shown_a_code_and_samples(alice: User, lumen: Organization) -> None:
    page = text(sign_in(alice).get("/"))
    assert "Welcome, Alice" in page
    assert lumen.sandbox.code in page
    assert f"{settings.BASE_URL}/v1/messages" in page
    assert settings.SANDBOX_LINE_HANDLE in page
    assert "sk_live_" not in page


def test_samples_carry_the_paired_phone(alice: User, lumen: Organization) -> None:
    state = open_sandbox(organization=lumen, actor=Actor(user=alice))
    redeem_code(line=lumen.sandbox.line, sender="+15550100155", text=state.activation_code)
    page = text(sign_in(alice).get("/"))
    assert page.count("+15550100155") >= 4


def test_steps_tick_themselves(
    alice: User,
    lumen: Organization,
    line: Line,
    make_key: Callable[..., tuple[ApiKey, str]],
    send: Callable[..., OutboxItem],
    endpoint: Endpoint,
) -> None:
    client = sign_in(alice)

    def done() -> int:
        return int(client.get("/overview/steps").context["done"])

    assert done() == 2
    make_key(lumen)
    assert done() == 3
    send()
    assert done() == 4
    deliver(endpoint, line)
    assert done() == 5
    cache.clear()


def test_the_numbers_come_once_something_was_sent(alice: User, line: Line, send: Callable[..., OutboxItem]) -> None:
    client = sign_in(alice)
    assert "Welcome" in text(client.get("/"))
    send()
    assert "Needs attention" in text(client.get("/"))
    assert "Welcome" in text(client.get("/?view=start"))


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_numbers_are_those_of_the_period(
    alice: User, line: Line, endpoint: Endpoint, send: Callable[..., OutboxItem]
) -> None:
    send()
    hour = now().replace(minute=0, second=0, microsecond=0)
    for age, count in ((0, 40), (24, 20), (24 * 3, 500)):
        start = hour - timedelta(hours=age)
        LineHour.objects.create(line=line, hour=start, inbound=count, outbound=count // 2, minutes=[0] * 60)
        EndpointHour.objects.create(
            endpoint_id=endpoint.id, organization_id=endpoint.organization_id, hour=start, delivered=count,
            failed=count // 4 if age == 0 else 0, histogram=[0] * 12 + [count] + [0] * (SIZE - 13),
        )  # fmt: skip
    client = sign_in(alice)
    received, sent, success, latency = client.get("/").context["tiles"]
    assert (received.value, sent.value) == ("40", "20")
    assert received.text == "100% more than yesterday"
    assert (success.value, success.is_bad, success.text) == ("80", True, "20.0 points down")
    assert latency.unit == "ms"
    week = client.get("/?period=7d").context["tiles"]
    assert week[0].value == "560"
    assert client.get("/?period=nonsense").context["period"].name == "today"


def test_columns_lead_to_their_deliveries(
    alice: User, line: Line, endpoint: Endpoint, send: Callable[..., OutboxItem]
) -> None:
    send()
    hour = now().replace(minute=0, second=0, microsecond=0)
    EndpointHour.objects.create(
        endpoint_id=endpoint.id, organization_id=endpoint.organization_id, hour=hour, delivered=7, histogram=[0] * SIZE
    )
    start, end = (quote(f"{moment:%Y-%m-%dT%H:%MZ}") for moment in (hour, hour + timedelta(hours=1)))
    link = f"/webhooks/deliveries?from={start}&to={end}"
    client = sign_in(alice)
    assert link.replace("&", "&amp;") in text(client.get("/"))
    bar = client.get(link).context["bar"]
    assert (bar.since, bar.until) == (hour, hour + timedelta(hours=1))


def test_messages_out_lead_to_what_was_sent(alice: User, line: Line, send: Callable[..., OutboxItem]) -> None:
    one = send(status="sent")
    LineHour.objects.create(line=line, hour=now().replace(minute=0, second=0, microsecond=0), outbound=3, inbound=2)
    client = sign_in(alice)
    page = text(client.get("/"))
    assert "Messages over the last 24 hours: 3 out, 2 in" in page
    addresses = {unescape(found) for found in re.findall(r'href="(/logs/outbox[^"]+)"', page)}
    assert len(addresses) >= 24
    shown = [address for address in addresses if f'id="{one.public_id}"' in text(client.get(address))]
    assert len(shown) >= 2  # its hour, and the whole time


def test_the_sandbox_stays_in_sight_until_all_is_done(
    alice: User, lumen: Organization, line: Line, send: Callable[..., OutboxItem]
) -> None:
    send()
    client = sign_in(alice)
    assert 'id="sandbox-card"' in text(client.get("/"))
    state = open_sandbox(organization=lumen, actor=Actor(user=alice))
    redeem_code(line=lumen.sandbox.line, sender="+15550100155", text=state.activation_code)
    assert 'id="sandbox-card"' not in text(client.get("/"))


def test_lines_that_cannot_send_come_first(alice: User, lumen: Organization, line: Line, send: Any) -> None:
    send()
    for name, health in (("Calm", "ok"), ("Weak", "degraded"), ("Gone", "down")):
        Line.objects.create(organization=lumen, handle=f"+15550100{ord(name[0]):03}", label=name, health=health)
    card = text(sign_in(alice).get("/")).partition('id="lh"')[2].partition("</section>")[0]
    assert card.index("Gone") < card.index("Weak") < card.index("Calm")


@pytest.mark.parametrize(
    ("count", "before", "words"),
    [
        (108, 100, "8% more than yesterday"),
        (50, 100, "50% less than yesterday"),
        (100, 100, "As many as yesterday"),
        (5, 0, "None yesterday"),
        (0, 0, "None yesterday either"),
    ],
)
def test_comparisons_are_words(count: int, before: int, words: str) -> None:
    assert compare(count, before, "yesterday") == words


@pytest.mark.parametrize(
    ("values", "words"),
    [([1, 1, 1, 5], "Rising"), ([5, 5, 5, 1], "Falling"), ([3, 3, 3, 3], "Steady"), ([0, 0], "Nothing in this period")],
)
def test_a_line_without_axes_says_what_it_tells(values: list[float], words: str) -> None:
    assert describe_line(values) == words


def test_today_begins_at_the_viewers_midnight() -> None:
    at = datetime(2026, 11, 12, 16, 41, tzinfo=UTC)
    assert make_period("today", zone="Asia/Tokyo", at=at).start == datetime(2026, 11, 12, 15, tzinfo=UTC)
    assert make_period("today", zone="", at=at).start == datetime(2026, 11, 12, tzinfo=UTC)
    assert make_period("today", zone="No/Where", at=at).before_start == datetime(2026, 11, 11, tzinfo=UTC)
    assert len(make_period("7d", zone="", at=at).starts) == 28
    assert len(make_period("30d", zone="", at=at).starts) == 30


# --- needs attention -------------------------------------------------------------------------------------------------


def test_causes_are_grouped_and_lead_to_their_lists(
    lumen: Organization,
    line: Line,
    endpoint: Endpoint,
    send: Callable[..., OutboxItem],
    make_key: Callable[..., tuple[ApiKey, str]],
) -> None:
    key = make_key(lumen, name="prod-agent")[0]
    for _ in range(3):
        deliver(endpoint, line, state="failed", attempts=8, last_error="http_5xx", last_status=503)
    deliver(endpoint, line, state="retrying", last_error="answer_timeout")
    deliver(endpoint, line)
    send(status="failed", error="not_registered")
    for _ in range(2):
        ApiRequest.objects.create(
            request_id=new_request_id(), organization_id=lumen.id, api_key_id=key.id, method="POST",
            path="/v1/messages", route="/v1/messages", status=403, error_code="contact_has_not_messaged", duration_ms=1,
        )  # fmt: skip
    causes = list_causes(organization_id=lumen.id, since=now() - timedelta(hours=1))
    assert [(cause.word, cause.times) for cause in causes] == [
        ("Refused", 2),
        ("Not sent", 1),
        ("Retrying", 1),
        ("Failed", 3),
    ]
    assert causes[0].href == f"/logs/requests?key={key.public_id}&error=contact_has_not_messaged"
    assert causes[1].href == f"/logs/outbox?state=failed&line={line.public_id}&error=not_registered"
    assert causes[3].href == f"/webhooks/deliveries?state=failed&endpoint={endpoint.public_id}&error=http_5xx"
    assert causes[3].reason == "8 attempts. Error in your server, last answer 503"


def test_causes_of_others_and_of_long_ago_are_not_shown(
    lumen: Organization, other: Organization, line: Line, endpoint: Endpoint, send: Callable[..., OutboxItem]
) -> None:
    send(status="failed", organization_id=other.id)
    old = UUID(int=uuid7_floor(now() - timedelta(days=2)).int + 1)
    deliver(endpoint, line, id=old, state="failed")
    assert list_causes(organization_id=lumen.id, since=now() - timedelta(hours=1)) == []


@pytest.mark.parametrize("period", ["today", "7d", "30d"])
def test_the_overview_asks_the_same_of_the_database_whatever_there_is(
    alice: User, lumen: Organization, line: Line, endpoint: Endpoint, send: Callable[..., OutboxItem], period: str
) -> None:
    client = sign_in(alice)
    counts = []
    for round_ in range(2):
        for index in range(10):
            send(status="failed", error=f"imessage_error_{index}")
            deliver(endpoint, line, state="failed", last_error=f"http_{index}")
        Line.objects.create(organization=lumen, handle=f"+1555020000{round_}")
        client.get("/")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/?period={period}")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12, counts  # four of them are who asks, and where


# --- what the shell tells --------------------------------------------------------------------------------------------


def test_counts_are_those_of_the_organization_and_capped(
    lumen: Organization, other: Organization, line: Line, chat: Chat, endpoint: Endpoint
) -> None:
    Chat.objects.filter(pk=chat.pk).update(unread=4)
    for _ in range(CAP + 5):
        deliver(endpoint, line, state="retrying")
    news = read_shell_news(lumen)
    assert (news.unread, news.failing) == (1, CAP)
    assert (read_shell_news(other).unread, read_shell_news(other).failing) == (0, 0)


def test_a_limit_is_near_however_the_day_was_spread(lumen: Organization, line: Line) -> None:
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    hours = [LineHour(line=line, hour=today + timedelta(hours=n), reach_outs=6, minutes=[]) for n in range(24)]
    LineHour.objects.bulk_create(hours)
    assert read_shell_news(lumen).banner is None  # 144
    LineHour.objects.filter(hour__lt=today + timedelta(hours=16)).update(reach_outs=7)
    assert "160 of 200 reach-outs" in read_shell_news(lumen).banner.text  # type: ignore[union-attr]


def test_the_banner_tells_the_worst_thing_only(lumen: Organization, line: Line, endpoint: Endpoint) -> None:
    assert read_shell_news(lumen).banner is None
    SandboxUsage.objects.create(organization=lumen, day=now().date(), used=45)
    assert "5 of 50 sandbox messages are left" in read_shell_news(lumen).banner.text  # type: ignore[union-attr]
    LineHour.objects.create(
        line=line, hour=now().replace(minute=0, second=0, microsecond=0), reach_outs=164, minutes=[0] * 60
    )
    assert "164 of 200 reach-outs" in read_shell_news(lumen).banner.text  # type: ignore[union-attr]
    Endpoint.objects.update(is_active=False, disabled_reason="gone_410", disabled_at=now())
    assert "crm.lumen.example/in was switched off" in read_shell_news(lumen).banner.text  # type: ignore[union-attr]
    Line.objects.update(health="down")
    banner = read_shell_news(lumen).banner
    assert banner is not None
    assert (banner.text, banner.tone) == ("Concierge US is down. What you send waits until it is back.", "bad")
    assert banner.href == f"/lines/{line.public_id}"


def test_a_line_paused_by_a_person_is_no_alarm(lumen: Organization, line: Line) -> None:
    Line.objects.update(health="down", paused_at=now())
    assert read_shell_news(lumen).banner is None


def test_the_shell_asks_at_most_one_query_more(alice: User) -> None:
    client = sign_in(alice)
    client.get("/palette")
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            client.get("/settings")
        counts.append(len(queries))
    assert counts[0] - counts[1] in (0, 1)
