"""The first five minutes on the overview, the logs, the docs and the operator area, in a real browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.models import ApiRequest
from lines.models import SandboxPairing
from messaging.models import OutboxItem
from tests.axe import assert_accessible
from tests.browser.people import Scene, make_scene, sign_in
from tests.live import Account, Product, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def text_from_phone(product: Product, account: Account, text: str, to: str) -> str:
    phone = product.call("POST", "/simulator/v1/phones", token=account.token, content={"name": "Maya"}).json()["handle"]
    path = f"/simulator/v1/phones/{phone.replace('+', '%2B')}/messages"
    assert product.call("POST", path, token=account.token, content={"to": to, "text": text}).status in (200, 201)
    return str(phone)


def test_the_sandbox_card_turns_active_by_itself_and_the_steps_tick(page: Any, product: Product) -> None:
    account = product.make_account()
    sign_in(page, product, account)
    page.goto(product.base_url + "/")
    expect(page.get_by_role("heading", name="Welcome, Alice")).to_be_visible()
    expect(page.get_by_text("2 of 5")).to_be_visible()
    pairing = SandboxPairing.objects.select_related("line").get(organization=account.organization)
    expect(page.get_by_text(pairing.code, exact=True)).to_be_visible()
    phone = text_from_phone(product, account, pairing.code, pairing.line.handle)
    card = page.locator("#sandbox-card")
    expect(card.get_by_text("Paired", exact=True).first).to_be_visible()
    expect(page.get_by_text("3 of 5")).to_be_visible()
    sent = product.call(
        "POST", "/v1/messages", token=account.token, content={"from": pairing.line.handle, "to": phone, "text": "Hello"}
    )
    assert sent.status == 201
    expect(page.get_by_text("4 of 5")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
    expect(page.locator(".m-kpi")).to_have_count(4)


def test_samples_change_by_keyboard(page: Any, product: Product) -> None:
    sign_in(page, product, product.make_account())
    page.goto(product.base_url + "/")
    page.get_by_role("tab", name="curl").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="Python")).to_contain_text("import httpx")
    expect(page.get_by_role("tabpanel", name="Python")).to_contain_text(product.base_url)


@pytest.fixture
def scene(product: Product) -> Scene:
    scene = make_scene(product)
    scene.write(product, "Hello there")
    wait_until(
        lambda: product.call("GET", f"/v1/chats?from={scene.line['id']}", token=scene.account.token).json()["data"]
    )
    return scene


def test_a_request_is_announced_and_leads_to_its_trace(page: Any, product: Product, scene: Scene) -> None:
    sign_in(page, product, scene.account)
    page.goto(product.base_url + "/logs/requests")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    item = scene.send(product, "The ferry leaves at nine")
    page.get_by_role("button", name=re.compile("new$")).click()
    row = page.locator("tr", has_text="POST").filter(has_text="/v1/messages").first
    expect(row).to_be_visible()
    row.locator("a.lead-l").click()
    expect(page.get_by_role("heading", name="Trace")).to_be_visible()
    page.locator("dd").get_by_role("link", name=item["id"]).click()
    page.wait_for_url(f"**/logs/outbox/{item['id']}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Message to")


def test_filters_are_in_the_address_and_a_code_leads_to_its_explanation(
    page: Any, product: Product, scene: Scene
) -> None:
    refused = product.call("POST", "/v1/messages", token=scene.account.token, content={"from": scene.line["handle"]})
    assert refused.status == 400
    request_id = refused.json()["request_id"]
    wait_until(lambda: ApiRequest.objects.filter(request_id=request_id).exists(), what="the log entry")
    sign_in(page, product, scene.account)
    page.goto(product.base_url + "/logs/requests")
    page.get_by_role("button", name="Status").click()
    page.get_by_label("4xx").check()
    page.wait_for_url("**status=4xx*")
    expect(page.locator(f"#{request_id}")).to_be_visible()
    expect(page.locator("tr", has_text="201")).to_have_count(0)
    page.locator(f"#{request_id}").get_by_role("link", name="missing_required_parameter").click()
    page.wait_for_url("**/docs/errors#missing_required_parameter")
    expect(page.get_by_role("heading", name="missing_required_parameter")).to_be_in_viewport()


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_the_pages_are_accessible(open_page: Any, product: Product, scene: Scene, size: str, theme: str) -> None:
    account = scene.account
    item = scene.send(product, "Hello")
    stored = OutboxItem.objects.get(organization_id=account.organization.id)
    wait_until(lambda: ApiRequest.objects.filter(request_id=stored.request_id).exists(), what="the log entry")
    page = open_page(size=size, theme=theme)
    sign_in(page, product, account)
    for path in (
        "/", "/?view=start", "/?period=30d", f"/logs/requests/{stored.request_id}", f"/logs/outbox/{item['id']}",
        "/docs/webhooks", "/docs/outbox",
    ):  # fmt: skip
        page.goto(product.base_url + path)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
