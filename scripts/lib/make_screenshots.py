"""Pictures for the documentation: starts a copy of the product with the demo, takes pictures of it.

``scripts/screenshots`` writes docs/screenshots/<page>.<theme>.<width>.png, with names of pages only theirs. Needs a
Chromium.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from playwright.sync_api import Page, sync_playwright

from tests.chromium import FLAGS, find_chromium
from tests.live import Product, remove_product_data, wait_until

OUTPUT = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
SIZES = {"1440": (1440, 900), "390": (390, 844)}


def main() -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    django.setup()
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder) / "data", {"DEMO_HISTORY": "true"})
        product.start()
        try:
            await_rest(product)
            take_pictures(product)
        finally:
            product.stop()
            remove_product_data(product)


def await_rest(product: Product) -> None:
    """What the demo's people have just said is still on its way when the product starts."""
    from events.consumers import has_news
    from messaging.services.audio import unprepared_memos
    from transports.simulator.schedule import get_next_due_at
    from webhooks_app.models import EngineBatch

    def is_quiet() -> bool:
        is_underway = get_next_due_at() is not None or has_news("webhooks") or unprepared_memos().exists()
        return not is_underway and not EngineBatch.objects.exists()

    with product.orm():
        wait_until(is_quiet, seconds=60, what="the end of what the demo began")


def take_pictures(product: Product) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for theme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                view: Any = {"width": width, "height": height}
                context = browser.new_context(viewport=view, color_scheme=theme, locale="en-GB")  # type: ignore[arg-type,unused-ignore]
                page = context.new_page()
                sign_in(page, product)
                for name in sys.argv[1:] or PAGES:
                    page.goto(product.base_url + PAGES[name](page, product))
                    page.wait_for_timeout(600)
                    page.screenshot(path=str(OUTPUT / f"{name}.{theme}.{size}.png"))
                context.close()
        browser.close()


def sign_in(page: Page, product: Product) -> None:
    page.goto(product.base_url + "/account/login/")
    page.locator("#id_login").fill(product.demo["email"])
    page.locator("#id_password").fill(product.demo["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/account/login" not in url)


def first_link(path: str, selector: str, query: str = "") -> Callable[[Page, Product], str]:
    """The address behind the first link of a list, with a query."""

    def find(page: Page, product: Product) -> str:
        page.goto(product.base_url + path)
        return (page.locator(selector).first.get_attribute("href") or path) + query

    return find


def at(path: str) -> Callable[[Page, Product], str]:
    return lambda page, product: path


PAGES: dict[str, Callable[[Page, Product], str]] = {
    "overview": at("/?period=30d"),
    "conversation": first_link("/conversations", 'a.m-chat:has-text("0145")'),
    "lines": at("/lines"),
    "line": first_link("/lines", "tbody a.lead-l", "?chart=replies&span=30d"),
    "sandbox-phone": at("/sandbox-phone"),
    "endpoint": first_link("/webhooks", 'tbody a.lead-l:has-text("ops.")', "?span=30d"),
    "deliveries": at("/webhooks/deliveries"),
    "delivery": first_link("/webhooks/deliveries?state=failed", "tbody a.lead-l"),
    "api-keys": at("/api-keys"),
    "requests": at("/logs/requests"),
    "audit-log": at("/settings/audit"),
}


if __name__ == "__main__":
    main()
