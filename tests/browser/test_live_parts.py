"""Pages that stay open: they share one stream, leave it while nobody looks, and catch up with what they missed."""

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
    expect(state).to_have_text("Live", timeout=20_000)
    scene.write(product, "Afterwards")
    expect(page.locator("#latest")).to_contain_text("Afterwards", timeout=20_000)
    expect(log.locator("[data-new]")).to_be_visible()
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1


HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
MORE_THAN_A_BROWSER_CONNECTS = 8  # it opens six connections to a server at most


def test_many_tabs_share_one_stream(page: Any, product: Product) -> None:
    scene = make_scene(product)
    scene.write(product, "Before")
    chat = wait_until(lambda: Chat.objects.filter(organization=scene.account.organization).first(), what="the chat")
    give_session(page, product, scene.account)
    tabs = [page, *[page.context.new_page() for _ in range(MORE_THAN_A_BROWSER_CONNECTS - 1)]]
    for tab in tabs[:-1]:
        tab.goto(f"{product.base_url}/logs/requests")
        expect(tab.locator("[data-live-state]").first).to_have_text("Live")
    tabs[-1].goto(f"{product.base_url}/conversations/{chat.public_id}")
    scene.write(product, "To all of you")
    expect(tabs[-1].locator("#latest")).to_contain_text("To all of you")
    for tab in tabs[:-1]:
        expect(tab.locator("[data-new]")).to_be_visible()


def test_a_hidden_tab_leaves_the_stream_and_catches_up_when_it_is_looked_at(page: Any, product: Product) -> None:
    scene = make_scene(product)
    scene.write(product, "Before")
    chat = wait_until(lambda: Chat.objects.filter(organization=scene.account.organization).first(), what="the chat")
    give_session(page, product, scene.account)
    watching = page.context.new_page()
    page.clock.install()
    for tab in (page, watching):
        tab.goto(f"{product.base_url}/conversations/{chat.public_id}")
        expect(tab.locator("#latest")).to_contain_text("Before")
    page.evaluate(HIDE, True)
    page.clock.fast_forward(61_000)
    scene.write(product, "Nobody looks")
    expect(watching.locator("#latest")).to_contain_text("Nobody looks")
    assert "Nobody looks" not in page.locator("#latest").inner_text()
    page.evaluate(HIDE, False)
    page.clock.resume()
    expect(page.locator("#latest")).to_contain_text("Nobody looks")


def test_a_browser_without_shared_workers_has_a_stream_of_its_own(page: Any, product: Product) -> None:
    scene = make_scene(product)
    scene.write(product, "Before")
    chat = wait_until(lambda: Chat.objects.filter(organization=scene.account.organization).first(), what="the chat")
    page.add_init_script("delete window.SharedWorker")
    give_session(page, product, scene.account)
    page.goto(f"{product.base_url}/conversations/{chat.public_id}")
    assert page.evaluate("typeof SharedWorker") == "undefined"
    scene.write(product, "Still heard")
    expect(page.locator("#latest")).to_contain_text("Still heard")


def test_a_laptop_that_slept_opens_its_stream_anew(page: Any, product: Product) -> None:
    """Its connection looks alive and may not be: the gap in the clock tells."""
    scene = make_scene(product)
    scene.write(product, "Before")
    chat = wait_until(lambda: Chat.objects.filter(organization=scene.account.organization).first(), what="the chat")
    page.add_init_script("delete window.SharedWorker")  # the clock below is the page's, not a worker's
    page.clock.install()
    give_session(page, product, scene.account)
    page.goto(f"{product.base_url}/conversations/{chat.public_id}")
    scene.write(product, "Good night")
    expect(page.locator("#latest")).to_contain_text("Good night")
    with page.expect_request(lambda request: "/live?" in request.url):
        page.clock.fast_forward(8 * 3_600_000)
    page.clock.resume()
    scene.write(product, "Good morning")
    expect(page.locator("#latest")).to_contain_text("Good morning")
