"""Nothing moves while a page settles: no late image, font or script pushes what somebody reads or is about to press."""

from collections.abc import Callable
from typing import Any

import pytest

from messaging.models import Chat
from tests.browser.hostile import give_session
from tests.browser.people import make_scene
from tests.live import Product, wait_until

pytestmark = [pytest.mark.browser]
MOST_SHIFT = 0.02  # a tenth is what counts as good on the web
PAGES = (
    "/", "/?view=start", "/conversations", "/lines", "/webhooks/deliveries", "/api-keys", "/api-keys/new",
    "/logs/requests", "/settings/audit",
)  # fmt: skip
WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) {
    const what = shift.sources.map((source) => source.node?.outerHTML?.slice(0, 80) ?? "").join(" ");
    if (!shift.hadRecentInput) window.shifts.push({value: shift.value, what});
  }
}).observe({type: "layout-shift", buffered: true});
"""


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_no_page_shifts_as_it_settles(open_page: Callable[..., Any], product: Product, size: str) -> None:
    scene = make_scene(product)
    scene.write(product, "Is the 8:15 ferry still ok?")
    chats = Chat.objects.filter(organization=scene.account.organization)
    chat = wait_until(chats.first, what="the chat")
    scene.send(product, "It is, at pier four.")
    page = open_page(size=size)
    give_session(page, product, scene.account)
    page.add_init_script(WATCH)
    for address in (*PAGES, f"/conversations/{chat.public_id}", f"/lines/{scene.line['id']}"):
        page.goto(product.base_url + address, wait_until="load")
        page.evaluate("document.fonts.ready.then(() => true)")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
        shifts = page.evaluate("window.shifts")
        assert sum(shift["value"] for shift in shifts) <= MOST_SHIFT, (address, shifts)
