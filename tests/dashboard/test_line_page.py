"""The page of one line: its charts, and that each number leads to the list behind it."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import Organization, User
from core.clock import now
from dashboard.line_charts import CHARTS, choose_chart, choose_span, first_hour, make_line_chart
from events.services import NewEvent, append_events
from events.types import LINE_CHANGED
from lines.health_history import list_health_changes, spread_over_hours
from lines.models import AlertRule, AlertSent, Line, Node
from lines.services.counting import count_inbound, count_outbound
from lines.services.limits import get_meters, list_hours
from messaging.models import Chat
from tests.dashboard.test_lines import queue, text_of

NOON = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


@pytest.fixture
def owner(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def addresses(page: str, start: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'(?:data-)?href="([^"]+)"', page) if found.startswith(start)]


def draw(line: Line, name: str, span: str, at: datetime = NOON) -> str:
    hours = list_hours(line=line, since=first_hour(span, at))
    meter = choose_chart(get_meters(line=line, at=at), name)
    return str(make_line_chart(line, meter, choose_span(meter, span), hours, at).chart)


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("span", ["today", "24h", "30d"])
def test_every_limit_has_a_chart_of_the_day_and_of_the_month(owner: Client, line: Line, name: str, span: str) -> None:
    count_outbound(line_id=line.id, at=now(), is_reach_out=True)
    page = text_of(owner, f"/lines/{line.public_id}?chart={name}&span={span}")
    assert CHARTS[name].title in page
    assert 'role="img"' in page


def test_words_that_name_no_chart_show_the_meter_nearest_its_limit(owner: Client, line: Line) -> None:
    for _ in range(30):
        count_outbound(line_id=line.id, at=now(), is_reach_out=True)
    assert ">Reach-outs</h2>" in text_of(owner, f"/lines/{line.public_id}?chart=%00&span='")


def test_hours_count_their_own_and_a_ratio_the_day_before_each(line: Line) -> None:
    for hours_ago in (0, 3, 30):
        count_outbound(line_id=line.id, at=NOON - timedelta(hours=hours_ago), is_reach_out=True)
    for _ in range(2):
        count_outbound(line_id=line.id, at=NOON - timedelta(hours=30), is_reach_out=True)
    assert "at most 1 in an hour" in draw(line, "reach_outs", "24h")
    assert "at most 3 of 200" in draw(line, "reach_outs", "30d")
    ratio = draw(line, "ratio", "24h")  # 13:00 yesterday looks back on the three of 06:00
    assert re.search(r"<td>[^\n]*13:00</a></td><td class=\"end num\">3</td>", ratio)
    assert re.search(r"<td>[^\n]*12:00</a></td><td class=\"end num\">2</td>", ratio)


def test_a_forecast_says_when_and_how_to_stay_below(line: Line) -> None:
    for hour in (10, 11, 12):
        for _ in range(50):
            count_outbound(line_id=line.id, at=NOON.replace(hour=hour), is_reach_out=True)
    meter = choose_chart(get_meters(line=line, at=NOON), "")
    chart = make_line_chart(line, meter, "today", list_hours(line=line, since=first_hour("today", NOON)), NOON)
    assert "At this pace the limit is reached at 13:20 UTC, in 50 min" in chart.text
    assert "Slowing to 4 an hour keeps the line below it" in chart.text


def test_each_meter_says_when_it_starts_again(owner: Client, line: Line) -> None:
    page = text_of(owner, f"/lines/{line.public_id}")
    assert len(re.findall(r"Resets in \d+ (?:h|min|s)", page)) == 3
    assert page.count(">Last 24 h</span>") >= 2
    assert "Until an answer" in page


def test_failures_and_senders_lead_to_what_they_count(
    owner: Client, line: Line, chat: Chat, make_key: Any, lumen: Organization
) -> None:
    key, _ = make_key(lumen)
    queue(line, chat, status="failed", error="delivery_unknown", api_key_id=key.pk)
    queue(line, chat, status="failed", error="imessage_error_99", api_key_id=key.pk)
    queue(line, chat, status="sent", api_key_id=key.pk)
    page = text_of(owner, f"/lines/{line.public_id}")
    assert "Apple&#x27;s error 99" in page
    found = {}
    for address in addresses(page, "/logs/outbox?"):
        query = parse_qs(urlsplit(address).query)
        found[(query.get("error") or query.get("state") or query.get("key") or [""])[0]] = address
    rows = {name: text_of(owner, found[name]).count('<tr id="obx_') for name in found if name}
    assert rows == {"delivery_unknown": 1, "failed": 2, key.public_id: 3}
    assert 'href="/docs/outbox#delivery_unknown"' in page


def test_health_tells_what_helps_and_which_machine(owner: Client, line: Line, lumen: Organization) -> None:
    line.node = Node.objects.create(organization=lumen, name="mac-mini-02", transport="simulator", last_seen_at=now())
    line.health, line.health_reasons = "down", ["deregistered", "something_new"]
    line.save()
    page = text_of(owner, f"/lines/{line.public_id}")
    assert "Sign the Mac in to iMessage again" in page
    assert "Something new" in page
    assert "mac-mini-02" in page


def test_a_strict_line_links_what_it_holds_and_a_fresh_one_tells_its_day(owner: Client, line: Line, chat: Chat) -> None:
    line.is_strict, line.warmup_days, line.warmup_started_at = True, 14, now() - timedelta(days=3)
    line.save()
    queue(line, chat, held_reason="ratio", resumes_at=now(), not_before=now() + timedelta(hours=1))
    page = text_of(owner, f"/lines/{line.public_id}")
    assert "1 held now" in page
    (address,) = [found for found in addresses(page, "/logs/outbox?") if "state=held" in found]
    assert text_of(owner, address).count('<tr id="obx_') == 1
    assert "Warming up: day 4 of 14, limits at 16%" in page
    assert "Warming up" in text_of(owner, "/lines")


def test_the_table_is_filtered_by_health(owner: Client, line: Line, lumen: Organization) -> None:
    Line.objects.create(organization=lumen, handle="+15550107777", label="Night desk", health="down")
    Line.objects.create(organization=lumen, handle="+15550107778", label="Old desk", health="down", paused_at=now())
    down, paused = (
        text_of(owner, f"/lines?{query}").partition('id="list"')[2]
        for query in ("health=down", "health=paused&health=ok")
    )
    assert "Night desk" in down
    assert "Old desk" not in down
    assert "Old desk" in paused
    assert "Concierge US" in paused
    assert "Night desk" not in paused


def test_reasons_stand_in_the_table_as_text(owner: Client, line: Line) -> None:
    line.health, line.health_reasons = "degraded", ["mute", "<b>x</b>"]
    line.save()
    page = text_of(owner, "/lines")
    assert "Sends are not confirmed" in page
    assert "&lt;span" not in page
    assert "<b>x</b>" not in page


def test_the_line_page_takes_few_queries(
    owner: Client, line: Line, chat: Chat, django_assert_max_num_queries: Any
) -> None:
    count_inbound(line_id=line.id, contact="x", at=now(), is_new_contact=True, starts_conversation=True)
    queue(line, chat, status="sent")
    owner.get(f"/lines/{line.public_id}")
    with django_assert_max_num_queries(10):
        owner.get(f"/lines/{line.public_id}?span=30d")


def test_alerts_tell_when_they_went_out_and_what_was_not_delivered(owner: Client, line: Line) -> None:
    quiet, told, lost = (
        AlertRule.objects.create(organization=line.organization, line=line, limit=limit)
        for limit in ("ratio", "contacts", "reach_outs")
    )
    AlertSent.objects.create(rule=told, line=line, limit="contacts", window="2026-03-10", used=800)
    AlertSent.objects.create(rule=lost, line=line, limit="reach_outs", window="x", used=1, error="answered 500")
    page = text_of(owner, f"/lines/{line.public_id}/alerts")
    rows = {
        rule.limit: page.partition(f'id="alert-{rule.pk}"')[2].partition("</li>")[0] for rule in (quiet, told, lost)
    }
    assert "Not needed yet" in rows["ratio"]
    assert "Told last" in rows["contacts"]
    assert "answered 500" in rows["reach_outs"]


def report(line: Line, at: datetime, state: str) -> None:
    """What a line tells of itself, as it stands in the log."""
    assert line.organization_id is not None
    append_events(
        [
            NewEvent(
                organization_id=line.organization_id,
                line_id=line.id,
                type=LINE_CHANGED,
                object_id=line.id,
                data=json.dumps({"id": line.public_id, "state": state}),
                occurred_at=at,
            )
        ]
    )


def test_health_over_a_day_shows_the_worst_of_each_hour(owner: Client, line: Line, other: Organization) -> None:
    at = now()
    assert "m-hstrip" not in text_of(owner, f"/lines/{line.public_id}")
    hour = at.replace(minute=0, second=0, microsecond=0)
    for hours, minutes, state in ((5, 0, "ok"), (3, 10, "down"), (3, 20, "down"), (2, 30, "ok"), (0, 0, "degraded")):
        report(line, hour - timedelta(hours=hours) + timedelta(minutes=minutes), state)
    changes = list_health_changes(line=line, at=at)
    assert [change.state for change in changes] == ["degraded", "ok", "down", "ok"]
    states = [state for _, state in spread_over_hours(changes, at)]
    assert states == [""] * 18 + ["ok", "ok", "down", "down", "ok", "degraded"]
    page = text_of(owner, f"/lines/{line.public_id}")
    assert "Health, 24 hours: trouble in 3 of them" in page
    assert 'data-live-on="line:' in page


def test_it_is_told_when_the_line_last_heard_and_spoke(
    owner: Client, client: Client, line: Line, chat: Chat, alice: User
) -> None:
    Chat.objects.filter(pk=chat.pk).update(
        last_message_at=now(), last_inbound_at=now() - timedelta(hours=2), last_outbound_at=now() - timedelta(minutes=5)
    )
    page = text_of(owner, f"/lines/{line.public_id}")
    assert re.search(r"Last inbound <time[^>]*>2 h ago</time>", page)
    assert re.search(r"Last send <time[^>]*>5 min ago</time>", page)
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    row = text_of(owner, "/operator/lines").partition(f'id="{line.public_id}"')[2].partition("</tr>")[0]
    assert "2 h ago" in row
    assert "5 min ago" in row
