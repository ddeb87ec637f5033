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


def test_the_five_minute_tour(page: Any, open_page: Any, product: Product, receiver: Receiver) -> None:
    # 1. Sign up; the organization is created on the way
    sign_up(page, product.base_url, f"tour-{uuid4().hex[:8]}@lumen.example", organization="Tour Co")
    # 2. Overview: base URL, quickstart, sandbox card
    page.goto(product.base_url + "/")
    expect(page.get_by_role("heading", name="Welcome, Maya")).to_be_visible()
    expect(page.locator("header")).to_contain_text(product.base_url)
    card = page.locator("#sandbox-card")
    if card.get_by_role("button", name="Set up the sandbox").count():
        card.get_by_role("button", name="Set up the sandbox").click()
        page.goto(product.base_url + "/")
    code = card.locator(".m-bigcode").inner_text()
    assert re.fullmatch(r"[A-Z2-9]{8}", code)
    expect(card.locator(".m-qr svg")).to_be_visible()
    # 3. An API key, shown once
    token = create_key(page, product)
    page.goto(product.base_url + "/")
    # 4. A virtual phone texts the code; the card turns active by itself
    phone = page.context.new_page()
    phone.goto(product.base_url + "/sandbox-phone")
    phone.get_by_role("button", name="Add a phone").click()
    box = phone.locator("[data-phone-composer] textarea")
    expect(box).to_have_value(code)
    box.press("Enter")
    expect(card).to_contain_text("Paired", timeout=10_000)
    # 6 before 5, so that the first message is heard: a webhook
    hooks = page.context.new_page()
    secret = add_endpoint(hooks, product, receiver.url)
    # 5. The curl line as shown: the bubble appears, the outbox item goes its way, the phone replies
    page.goto(product.base_url + "/?view=start")
    sample = page.locator("#p-curl pre").text_content() or ""
    number = re.search(r'"to": ?"(\+[0-9]+)"', sample)
    assert number is not None, sample
    item = run_curl(sample, token, number[1])
    assert item["status"] == "pending"
    expect(phone.locator("#phone-screen .m-msg:not(.me)")).to_have_count(1)

    def status() -> str:
        return str(product.call("GET", f"/v1/outbox?id={item['id']}", token=token).json()["status"])

    wait_until(lambda: status() == "sent", what="the item to be sent")
    phone.locator("[data-phone-composer] textarea").fill("What time is check-in?")
    phone.locator("[data-phone-composer] textarea").press("Enter")
    # 6. Both events arrive, signed twice; the attempts are listed, and one is sent again
    events = {verify(request, secret)["event"] for request in receiver.await_requests(2)}
    assert events == {"message.sent", "message.received"}
    hooks.goto(product.base_url + "/webhooks/deliveries")
    rows = hooks.locator("tbody tr[id^=dlv_]")
    expect(rows).to_have_count(2)
    rows.first.get_by_role("link").first.click()
    expect(hooks.get_by_role("heading", name="Attempts")).to_be_visible()
    hooks.get_by_role("button", name="Replay").click()
    again = receiver.await_requests(3)[-1]
    assert verify(again, secret)["delivery_id"] in {r.json()["delivery_id"] for r in receiver.requests[:2]}
    # 7. Conversations, live
    chat = wait_until(lambda: Chat.objects.filter(identifier=number[1]).first(), what="the chat")
    page.goto(f"{product.base_url}/conversations/{chat.public_id}")
    expect(page.locator("#latest")).to_contain_text("What time is check-in?")
    phone.locator("[data-phone-composer] textarea").fill("Hello?")
    phone.locator("[data-phone-composer] textarea").press("Enter")
    expect(page.locator("#latest")).to_contain_text("Hello?")
    product.call(
        "POST", "/v1/messages", token=token, content={"from": item_line(sample), "to": number[1], "text": "At 3"}
    )
    expect(page.locator("#latest .m-msg.me").last).to_contain_text("At 3")
    expect(page.locator("#latest .m-msg.me").last).to_contain_text("Read", timeout=15_000)


def item_line(sample: str) -> str:
    found = re.search(r'"from": ?"([^"]+)"', sample)
    assert found is not None, sample
    return found[1]
