"""Lines in a real browser: what a person does there, and axe on every page in both themes and widths."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, Organization, User
from core.clock import now
from lines.limit_math import day_ago
from lines.models import Line, LineHour, SandboxPairing
from lines.services.counting import count_inbound, count_outbound
from messaging.models import Chat
from tests.axe import assert_accessible

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def sign_in(live_server: Any, client: Client) -> Callable[[Any, User], None]:
    """Puts a session into the page's browser."""

    def sign(page: Any, user: User) -> None:
        client.force_login(user)
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
        page.context.add_cookies([cookie])

    return sign


@pytest.fixture
def busy(line: Line, lumen: Organization) -> Line:
    """A line near its limits, with people who do not answer and a month behind it."""
    moment = now()
    for number in range(170):
        count_outbound(line_id=line.id, at=moment, is_reach_out=True)
        count_inbound(
            line_id=line.id, contact=f"c{number}", at=moment, is_new_contact=number % 3 == 0, starts_conversation=True
        )
    for age in range(1, 30):
        day = day_ago(moment) - timedelta(days=age)
        LineHour.objects.create(line=line, hour=day, outbound=age * 7, reach_outs=age * 5, contacts=age * 9)
    for number in range(4):
        handle = f"+1555010030{number}"
        Chat.objects.create(
            organization=lumen,
            line=line,
            key=f"d:{handle}",
            identifier=handle,
            unanswered=5 - number,
            last_text="Checking in on the hotel, did you get our message of yesterday evening?",
            last_outbound_at=moment,
        )
    line.health, line.health_reasons = "degraded", ["deaf"]
    line.save()
    return line


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_every_page_is_accessible(
    open_page: Any, sign_in: Any, live_server: Any, alice: User, busy: Line, size: str, theme: str
) -> None:
    Line.objects.create(organization=busy.organization, handle="+15550100078")
    page = open_page(size=size, theme=theme)
    sign_in(page, alice)
    shots = os.environ.get("SHOTS")
    base = f"/lines/{busy.public_id}"
    for address in ("/lines", base, f"{base}?chart=ratio&span=30d", f"{base}/alerts"):
        page.goto(live_server.url + address)
        if shots:
            name = address.replace(busy.public_id, "x").strip("/").replace("/", "-").replace("?", "-")
            page.screenshot(path=Path(shots) / f"{name}.{theme}.{size}.png", full_page=True)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_a_line_is_added_in_a_dialog_renamed_and_deleted(
    page: Any, sign_in: Any, live_server: Any, alice: User
) -> None:
    sign_in(page, alice)
    page.goto(f"{live_server.url}/lines")
    page.get_by_role("link", name="Add simulated line").first.click()
    page.get_by_label("Number", exact=True).wait_for()
    page.get_by_label("Number", exact=True).fill("nonsense")
    page.get_by_role("button", name="Add line").click()
    page.get_by_text("A line's handle is").wait_for()
    assert_accessible(page)
    page.get_by_label("Label", exact=True).fill("Night desk")
    page.get_by_label("Number", exact=True).fill("")
    page.get_by_role("button", name="Add line").click()
    page.get_by_role("heading", name="Night desk", level=1).wait_for()
    page.get_by_role("switch", name="Strict mode").check()
    page.get_by_text("Strict: sends beyond guidance wait").wait_for()
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("button", name="Resume").wait_for()
    line = Line.objects.get(label="Night desk")
    assert line.is_strict
    assert line.paused_at is not None
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_label("Label").fill("x" * 200)
    page.get_by_label("Warm-up").fill("soon")
    page.get_by_role("button", name="Save line").click()
    page.get_by_text("at most 80 characters").wait_for()
    page.get_by_text("Enter a whole number").wait_for()
    Membership.objects.filter(user=alice).update(role="member")  # somebody takes the right away meanwhile
    page.get_by_role("button", name="Save line").click()
    page.locator("dialog[open]").get_by_role("alert").get_by_text("This needs an admin").wait_for()
    Membership.objects.filter(user=alice).update(role="owner")
    page.get_by_role("link", name="Delete line").click()
    page.get_by_label("Type the line's number").fill(line.handle)
    page.get_by_role("button", name="Delete line").click()
    page.wait_for_url("**/lines")
    assert Line.objects.get().deleted_at is not None


def test_the_sandbox_card_changes_by_itself_when_the_phone_is_paired(
    page: Any, sign_in: Any, live_server: Any, alice: User
) -> None:
    sign_in(page, alice)
    page.goto(f"{live_server.url}/sandbox")
    page.get_by_role("button", name="Set up the sandbox").click()
    page.get_by_text("Waiting for your text").wait_for()
    pairing = SandboxPairing.objects.get()
    assert page.get_by_text(pairing.code).is_visible()
    assert page.locator(".m-qr svg").is_visible()
    assert_accessible(page)
    SandboxPairing.objects.update(
        status="active", contact_identifier="+15550100144", activated_at=now(), code="", code_expires_at=None
    )
    page.get_by_text("Paired", exact=True).first.wait_for()
    assert_accessible(page)
    page.get_by_role("link", name="Reset pairing").click()
    page.get_by_role("button", name="Reset pairing").click()
    page.get_by_text("Waiting for your text").wait_for()
