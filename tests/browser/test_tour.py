"""The README's five-minute tour, as a newcomer walks it, on the real product."""

import hashlib
import hmac
import json
import re
import subprocess
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import expect
from standardwebhooks.webhooks import Webhook

from messaging.models import Chat
from tests.browser.test_accounts import sign_up
from tests.live import Product, Received, Receiver, wait_until
from webhooks_app.models import Delivery, Endpoint

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


def run_curl(sample: str, token: str, to: str) -> dict[str, Any]:
    """Runs the overview's curl line as shown, with the key in the environment."""
    assert "$MESSAGES_API_KEY" in sample
    assert to in sample, sample
    done = subprocess.run(
        ["bash", "-c", sample],
        env={"MESSAGES_API_KEY": token, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def header(request: Received, name: str) -> str:
    return next(value for key, value in request.headers.items() if key.lower() == name)


def verify(request: Received, secret: str) -> dict[str, Any]:
    """By the contract's own signature and by the public Standard Webhooks library."""
    stamp = header(request, "x-webhook-timestamp")
    signed = hmac.new(secret.encode(), stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert header(request, "x-webhook-signature") == signed
    headers = {k.lower(): v for k, v in request.headers.items()}
    Webhook(secret).verify(request.body, headers)
    body: dict[str, Any] = request.json()
    assert body["delivery_id"] == header(request, "x-webhook-delivery-id")
    return body


def create_key(page: Any, product: Product) -> str:
    page.goto(f"{product.base_url}/api-keys")
    page.get_by_role("link", name="Create key").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("tour")
    dialog.get_by_role("button", name="Full").click()
    dialog.get_by_role("button", name="Create key").click()
    token = dialog.locator("[data-token]").inner_text()
    assert re.fullmatch(r"sk_live_[0-9A-Za-z]{38}", token)
    dialog.get_by_label("I have stored it safely").check()
    dialog.get_by_role("link", name="Done").click()
    return str(token)


def add_endpoint(page: Any, product: Product, url: str) -> str:
    page.goto(f"{product.base_url}/webhooks/new")
    page.get_by_label("URL").fill(url)
    for event in ("message.received", "message.sent"):
        page.get_by_role("checkbox", name=re.compile(rf"^{re.escape(event)}")).check()
    page.get_by_role("button", name="Add endpoint").click()
    secret = page.locator("[data-secret]").inner_text()
    page.get_by_label("I have stored it safely").check()
    page.get_by_role("link", name="Done").click()
    return str(secret)


def in_sample(sample: str, name: str) -> str:
    """A value of the request that the curl line makes."""
    found = re.search(rf'"{name}": ?"([^"]+)"', sample)
    assert found is not None, sample
    return found[1]


class Tour:
    """What the visitor holds in hand from one step to the next: tabs, key, secret, numbers."""

    def __init__(self, page: Any, product: Product, receiver: Receiver) -> None:
        self.page, self.product, self.receiver = page, product, receiver
        self.phone = self.hooks = page  # tabs of their own from the steps on that open them
        self.code = self.token = self.secret = self.sample = ""

    def sign_up(self) -> None:
        sign_up(self.page, self.product.base_url, f"tour-{uuid4().hex[:8]}@lumen.example", organization="Tour Co")

    def read_the_overview(self) -> None:
        self.page.goto(self.product.base_url + "/")
        expect(self.page.get_by_role("heading", name="Welcome, Maya")).to_be_visible()
        expect(self.page.locator("header")).to_contain_text(self.product.base_url)
        if self.card.get_by_role("button", name="Set up the sandbox").count():
            self.card.get_by_role("button", name="Set up the sandbox").click()
            self.page.goto(self.product.base_url + "/")
        self.code = self.card.locator(".m-bigcode").inner_text()
        assert re.fullmatch(r"[A-Z2-9]{8}", self.code)
        expect(self.card.locator(".m-qr svg")).to_be_visible()

    @property
    def card(self) -> Any:
        return self.page.locator("#sandbox-card")

    def create_an_api_key(self) -> None:
        self.token = create_key(self.page, self.product)

    def activate_the_sandbox_by_a_phone(self) -> None:
        """The card turns active by itself."""
        self.page.goto(self.product.base_url + "/")
        self.phone = self.page.context.new_page()
        self.phone.goto(self.product.base_url + "/sandbox-phone")
        self.phone.get_by_role("button", name="Add a phone").click()
        box = self.phone.locator("[data-phone-composer] textarea")
        expect(box).to_have_value(self.code)
        box.press("Enter")
        expect(self.card).to_contain_text("Paired", timeout=10_000)

    def add_a_webhook(self) -> None:
        self.hooks = self.page.context.new_page()
        self.secret = add_endpoint(self.hooks, self.product, self.receiver.url)

    def send_with_the_curl_line_shown(self) -> None:
        """The bubble appears on the phone, and the outbox item goes its way."""
        self.page.goto(self.product.base_url + "/?view=start")
        self.sample = self.page.locator("#p-curl pre").text_content() or ""
        item = run_curl(self.sample, self.token, self.number)
        assert item["status"] == "pending"
        expect(self.phone.locator("#phone-screen .m-msg:not(.me)")).to_have_count(1)
        path = f"/v1/outbox?id={item['id']}"
        wait_until(
            lambda: self.product.call("GET", path, token=self.token).json()["status"] == "sent",
            what="the item to be sent",
        )

    @property
    def number(self) -> str:
        """The paired phone's."""
        return in_sample(self.sample, "to")

    def reply_from_the_phone(self, text: str) -> None:
        self.phone.locator("[data-phone-composer] textarea").fill(text)
        self.phone.locator("[data-phone-composer] textarea").press("Enter")

    def see_both_events_delivered_and_send_one_again(self) -> None:
        events = {verify(request, self.secret)["event"] for request in self.receiver.await_requests(2)}
        assert events == {"message.sent", "message.received"}
        endpoint = Endpoint.objects.filter(url=self.receiver.url).latest("id")
        wait_until(lambda: Delivery.objects.filter(endpoint_id=endpoint.id).count() == 2, what="both deliveries' rows")
        self.hooks.goto(self.product.base_url + "/webhooks/deliveries")
        rows = self.hooks.locator("tbody tr[id^=dlv_]")
        expect(rows).to_have_count(2)
        rows.first.get_by_role("link").first.click()
        expect(self.hooks.get_by_role("heading", name="Attempts")).to_be_visible()
        self.hooks.get_by_role("button", name="Replay").click()
        again = self.receiver.await_requests(3)[-1]
        known = {request.json()["delivery_id"] for request in self.receiver.requests[:2]}
        assert verify(again, self.secret)["delivery_id"] in known

    def watch_the_conversation_live(self) -> None:
        chat = wait_until(lambda: Chat.objects.filter(identifier=self.number).first(), what="the chat")
        self.page.goto(f"{self.product.base_url}/conversations/{chat.public_id}")
        latest = self.page.locator("#latest")
        expect(latest).to_contain_text("What time is check-in?")
        self.reply_from_the_phone("Hello?")
        expect(latest).to_contain_text("Hello?")
        body = {"from": in_sample(self.sample, "from"), "to": self.number, "text": "At 3"}
        assert self.product.call("POST", "/v1/messages", token=self.token, content=body).status == 201
        expect(latest.locator(".m-msg.me").last).to_contain_text("At 3")
        expect(latest.locator(".m-msg.me").last).to_contain_text("Read", timeout=15_000)


def test_the_five_minute_tour(page: Any, product: Product, receiver: Receiver) -> None:
    tour = Tour(page, product, receiver)
    tour.sign_up()
    tour.read_the_overview()
    tour.create_an_api_key()
    tour.activate_the_sandbox_by_a_phone()
    tour.add_a_webhook()  # before the first message, so that it is heard
    tour.send_with_the_curl_line_shown()
    tour.reply_from_the_phone("What time is check-in?")
    tour.see_both_events_delivered_and_send_one_again()
    tour.watch_the_conversation_live()
    assert len(receiver.requests) >= 3
