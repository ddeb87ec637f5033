"""Pictures for the documentation: starts a copy of the product with the demo, lives in it, takes pictures.

``scripts/screenshots`` writes docs/screenshots/<page>.<theme>.<width>.png. Needs a Chromium.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import django
from playwright.sync_api import Page, sync_playwright

from config.dev.embedded import DATABASE
from config.dev.places import Places
from tests.chromium import FLAGS, find_chromium
from tests.live import Product, remove_product_data, wait_until

OUTPUT = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
SIZES = {"1440": (1440, 900), "390": (390, 844)}
TALK = (
    "Do you have a crib?",
    "We land at 6:40.",
    "Is breakfast included?",
    "Thank you!",
    "One more bag, is that fine?",
)


def main() -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder) / "data")
        product.start()
        try:
            server = serve_customer()
            live_a_little(product, server.server_port)
            remember_a_month(product)
            take_pictures(product)
            server.shutdown()
        finally:
            product.stop()
            remove_product_data(product)


def serve_customer() -> ThreadingHTTPServer:
    """A customer's server that answers, but for one path that has trouble."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            time.sleep(0.03)
            status = 503 if "imessage" in self.path else 200
            body = b'{"error":"upstream is away"}' if status == 503 else b'{"ok":true}'
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def live_a_little(product: Product, port: int) -> None:
    """Endpoints, contacts, messages both ways, a failure or two: what a day looks like."""
    demo = product.demo
    token, line = demo["api_key"], demo["line"]["handle"]
    events = ["message.received", "message.sent", "reaction.added", "reaction.removed"]

    def call(method: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = product.call(method, path, token=token, content=content)
        assert answer.status < 300, (path, answer.body)
        found: dict[str, Any] = json.loads(answer.body)
        return found

    for path in ("hooks/crm", "hooks/imessage"):
        url = f"http://127.0.0.1:{port}/{path}"
        call("POST", "/v1/webhooks", {"from": line, "url": url, "events": events})
    call("POST", "/simulator/v1/lines", {"label": "Bookings"})
    contacts = [demo["contact"]]
    for name in ("Jonas Lind", "Priya Raman", "Elena Rossi", "Tom Becker"):
        contacts.append(call("POST", "/simulator/v1/phones", {"name": name})["handle"])
    for number, text in enumerate(TALK):
        for contact in contacts:
            phone = contact.replace("+", "%2B")
            call("POST", f"/simulator/v1/phones/{phone}/messages", {"to": line, "text": text})
        wait_until(lambda: len(call("GET", f"/v1/chats?from={line.replace('+', '%2B')}")["data"]) >= len(contacts))
        for contact in contacts[: 1 + number]:
            call("POST", "/v1/messages", {"from": line, "to": contact, "text": f"Answer {number + 1}: of course."})
    time.sleep(4)  # until everything has been delivered and read


def remember_a_month(product: Product) -> None:
    """What happened before today, written into the product's own database."""
    socket = quote(str(Places.of(product.data_dir).postgres_socket))
    os.environ["DATABASE_URL"] = f"postgresql://postgres@/{DATABASE}?host={socket}"
    django.setup()
    write_history = import_module("scripts.lib.picture_history").write_history
    write_history()


def take_pictures(product: Product) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for theme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                view: Any = {"width": width, "height": height}
                context = browser.new_context(viewport=view, color_scheme=theme, locale="en-GB")  # type: ignore[arg-type,unused-ignore]
                page = context.new_page()
                sign_in(page, product)
                for name, find in PAGES.items():
                    page.goto(product.base_url + find(page, product))
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


def first_link(path: str, selector: str) -> Callable[[Page, Product], str]:
    """The address behind the first link of a list."""

    def find(page: Page, product: Product) -> str:
        page.goto(product.base_url + path)
        return page.locator(selector).first.get_attribute("href") or path

    return find


def at(path: str) -> Callable[[Page, Product], str]:
    return lambda page, product: path


PAGES: dict[str, Callable[[Page, Product], str]] = {
    "overview": at("/"),
    "conversation": first_link("/conversations", "a.m-chat"),
    "lines": at("/lines"),
    "line": first_link("/lines", "tbody a.lead-l"),
    "sandbox-phone": at("/sandbox-phone"),
    "endpoint": first_link("/webhooks", "tbody a.lead-l"),
    "deliveries": at("/webhooks/deliveries"),
    "delivery": first_link("/webhooks/deliveries", "tbody a.lead-l"),
    "api-keys": at("/api-keys"),
    "requests": at("/logs/requests"),
    "audit-log": at("/settings/audit"),
}


if __name__ == "__main__":
    main()
