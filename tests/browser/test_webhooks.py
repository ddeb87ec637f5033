"""Webhooks in a real browser: from an empty page to a replay, on the real product with a real receiver."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.axe import assert_accessible
from tests.browser.people import Scene, make_scene, sign_in
from tests.live import Product, Receiver, wait_until
from webhooks_app.models import Delivery, Endpoint, Replay

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
LOOKS = [("desktop", "dark"), ("phone", "light")]


@pytest.fixture
def scene(product: Product) -> Scene:
    return make_scene(product)


def add_endpoint(page: Any, product: Product, scene: Scene, receiver: Receiver) -> Endpoint:
    """Through the dialog, as a person does."""
    page.goto(product.base_url + "/webhooks")
    page.get_by_role("link", name="Add endpoint").first.click()
    dialog = page.locator("#dialog")
    dialog.get_by_label("URL").fill(receiver.url)
    dialog.get_by_role("button", name="Add endpoint").click()
    expect(dialog.get_by_role("heading")).to_have_text("Put this secret on your server")
    done = dialog.get_by_role("link", name="Done")
    expect(done).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    dialog.get_by_label("I have stored it safely").check()
    done.click()
    page.wait_for_url("**/webhooks/wh_*")
    return Endpoint.objects.get(organization=scene.account.organization)


def deliveries_of(scene: Scene) -> Any:
    return Delivery.objects.filter(organization_id=scene.account.organization.id).order_by("-id")


def test_an_endpoint_is_added_tested_and_switched(
    page: Any, product: Product, scene: Scene, receiver: Receiver
) -> None:
    sign_in(page, product, scene.account)
    page.goto(product.base_url + "/webhooks")
    expect(page.get_by_role("heading", name="Send events to your server")).to_be_visible()
    page.get_by_role("link", name="Add endpoint").click()
    dialog = page.locator("#dialog")
    dialog.get_by_label("URL").fill("http://10.0.0.1/hook")
    dialog.get_by_role("button", name="Add endpoint").click()
    expect(dialog.get_by_label("URL")).to_be_focused()
    expect(dialog).to_contain_text("OUTBOUND_ALLOWED_NETWORKS")
    page.goto(product.base_url + "/webhooks")
    add_endpoint(page, product, scene, receiver)
    page.get_by_role("combobox", name="Event").select_option("message.sent")
    page.get_by_role("button", name="Send test").click()
    expect(page.locator("#test-result")).to_contain_text("Accepted")
    assert receiver.requests[-1].json()["event"] == "message.sent"
    switch = page.get_by_role("switch")
    switch.click()
    expect(page.locator(".m-toast")).to_contain_text("is off")
    expect(switch).not_to_be_checked()
    page.get_by_role("button", name="Undo").click()
    expect(switch).to_be_checked()


def test_new_deliveries_wait_to_be_let_in(page: Any, product: Product, scene: Scene, receiver: Receiver) -> None:
    sign_in(page, product, scene.account)
    add_endpoint(page, product, scene, receiver)
    scene.write(product, "Is the 8:15 ferry still ok?")
    wait_until(lambda: deliveries_of(scene).exists(), what="the delivery's row")  # written with its first outcome
    page.goto(product.base_url + "/webhooks/deliveries")
    rows = page.locator("#list tbody tr")
    expect(rows).to_have_count(1)
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    scene.write(product, "Four bags now")
    pill = page.locator("[data-new]")
    expect(pill).to_contain_text("1 new", timeout=30_000)
    expect(rows).to_have_count(1)
    pill.click()
    expect(rows).to_have_count(2)
    expect(rows.first.locator("a.lead-l")).to_be_focused()
    page.get_by_role("button", name="State").click()
    page.get_by_role("checkbox", name="Failed").check()
    expect(page.get_by_role("heading", name="No delivery matches")).to_be_visible()
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    page.get_by_role("link", name="Clear", exact=True).click()
    expect(rows).to_have_count(2)


def test_a_failing_delivery_is_understood_and_tried_now(
    page: Any, product: Product, scene: Scene, receiver: Receiver
) -> None:
    sign_in(page, product, scene.account)
    add_endpoint(page, product, scene, receiver)
    receiver.answer_with(503, b'{"error":"busy"}', content_type="application/json")
    scene.write(product, "Is the 8:15 ferry still ok?")
    receiver.await_requests(2)
    delivery = wait_until(lambda: deliveries_of(scene).filter(attempts__gte=2).first(), what="a second attempt")
    page.goto(f"{product.base_url}/webhooks/deliveries/{delivery.public_id}")
    expect(page.locator("#timeline")).to_contain_text("Your server failed while it worked on the request.")
    page.get_by_role("link", name=re.compile("Attempt 1")).click()
    page.wait_for_url("**?attempt=1")
    expect(page.get_by_role("heading", name="Attempt 1")).to_be_visible()
    page.get_by_role("tab", name="Response").click()
    expect(page.get_by_role("tabpanel", name="Response")).to_contain_text("busy")
    page.get_by_role("tab", name="Formatted").or_(page.get_by_role("tab", name="Request body")).first.click()
    receiver.answer_with(200)
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#state")).to_have_text("Delivered", timeout=30_000)
    expect(page.locator("#timeline")).to_contain_text("replayed by a person")


def test_what_failed_is_replayed_with_the_same_ids(
    page: Any, product: Product, scene: Scene, receiver: Receiver
) -> None:
    sign_in(page, product, scene.account)
    add_endpoint(page, product, scene, receiver)
    for number in range(3):
        scene.write(product, f"Message {number}")
    ids = {request.headers["X-Webhook-Delivery-Id"] for request in receiver.await_requests(3)}
    wait_until(lambda: deliveries_of(scene).filter(state="delivered").count() == 3, what="three deliveries")
    deliveries_of(scene).update(state="failed", last_status=503, last_error="http_5xx")
    page.goto(product.base_url + "/webhooks/deliveries?state=failed")
    page.get_by_role("link", name="Replay 3 failed").click()
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("Delivery ids stay the same")
    dialog.get_by_role("button", name="Replay 3").click()
    page.wait_for_url("**/webhooks/replays/rpl_*")
    expect(page.locator("#progress")).to_contain_text("Everything is settled.", timeout=30_000)
    again = {request.headers["X-Webhook-Delivery-Id"] for request in receiver.await_requests(6)[3:]}
    assert again == ids


def test_the_debugger_judges_a_request_as_it_was_received(
    page: Any, product: Product, scene: Scene, receiver: Receiver
) -> None:
    sign_in(page, product, scene.account)
    add_endpoint(page, product, scene, receiver)
    page.get_by_role("button", name="Send test").click()
    (request,) = receiver.await_requests(1)
    page.get_by_role("link", name="Show").click()
    page.locator("#dialog").get_by_role("button", name="Show secret").click()
    secret = page.locator("[data-secret]").inner_text()
    page.goto(product.base_url + "/webhooks/debugger")
    page.get_by_label("Headers as received").fill("\n".join(f"{k}: {v}" for k, v in request.headers.items()))
    page.get_by_label("Body as received").fill(request.body.decode())
    page.get_by_label("Secret").fill(secret)
    page.get_by_role("button", name="Check signature").click()
    expect(page.locator("#debugger")).to_contain_text("The signature is valid.")
    page.get_by_label("Secret").fill(secret[:-6] + "AAAAA=")
    page.get_by_role("button", name="Check signature").click()
    expect(page.locator("#debugger")).to_contain_text("Wrong secret")


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_every_page_is_accessible(
    open_page: Callable[..., Any], product: Product, scene: Scene, receiver: Receiver, size: str, theme: str
) -> None:
    page = open_page(size=size, theme=theme)
    sign_in(page, product, scene.account)
    endpoint = add_endpoint(page, product, scene, receiver)
    receiver.answer_with(503)
    scene.write(product, "Is the 8:15 ferry still ok?")
    delivery = wait_until(lambda: deliveries_of(scene).filter(attempts__gte=1).first(), what="an attempt")
    replay = Replay.objects.create(
        organization=scene.account.organization, filter={"query": []}, started_by_label="Alice", state="paused", total=9
    )
    for path in (
        "/webhooks",
        f"/webhooks/{endpoint.public_id}",
        "/webhooks/deliveries?state=failed&time=7d",
        f"/webhooks/deliveries/{delivery.public_id}",
        f"/webhooks/replays/{replay.public_id}",
    ):
        page.goto(product.base_url + path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert_accessible(page)
