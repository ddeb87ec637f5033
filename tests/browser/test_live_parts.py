"""Pages that stay open while the web server goes away: they reconnect and show what happened meanwhile."""

from typing import Any

import pytest
from playwright.sync_api import expect

from messaging.models import Chat
from tests.browser.hostile import give_session
from tests.browser.people import make_scene
from tests.live import Product, wait_until
from transports.simulator.models import VirtualPhone
from transports.simulator.network import send_from_phone

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def write_without_the_web(phone: str, to: str, text: str) -> None:
    """The contact's message reaches the line while no web server is there to ask."""
    from django.db import transaction

    from messaging.services.simulated import report_events

    with transaction.atomic():
        _, handle, events = send_from_phone(phone=VirtualPhone.objects.get(handle=phone), to=to, text=text)
        report_events(handle, events)


def test_open_pages_survive_a_restart_and_catch_up(page: Any, product: Product) -> None:
    scene = make_scene(product)
    scene.write(product, "Before")
    chat = wait_until(lambda: Chat.objects.filter(organization=scene.account.organization).first(), what="the chat")
    give_session(page, product, scene.account)
    page.goto(f"{product.base_url}/conversations/{chat.public_id}")
    log = page.context.new_page()
    log.goto(f"{product.base_url}/logs/requests")
    state = log.locator("[data-live-state]").first
    expect(state).to_have_text("Live")
    product.kill("web")
    write_without_the_web(scene.phone, scene.line["handle"], "While it was away")
    expect(page.locator("#latest")).to_contain_text("While it was away", timeout=40_000)
    scene.write(product, "Afterwards")
    expect(page.locator("#latest")).to_contain_text("Afterwards", timeout=20_000)
    expect(state).to_have_text("Live", timeout=20_000)
    expect(log.locator("[data-new]")).to_be_visible()
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1
