"""The API reference in a real browser: a request sent from the page, and its answer beside it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.axe import assert_accessible
from tests.live import Product

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_a_request_is_sent_from_the_page_and_its_answer_shown(
    product: Product, open_page: Callable[..., Any], size: str, theme: str
) -> None:
    account = product.make_account()
    page = open_page(size=size, theme=theme)
    page.goto(product.base_url + "/docs/api")
    fold = page.locator("[data-try-box]", has=page.locator("form[data-method='GET'][data-path='/v1/me']"))
    fold.get_by_text("Try it", exact=True).click()
    send, status = fold.get_by_role("button", name="Send request"), fold.locator("[data-try-status]")
    key = page.get_by_label("API key", exact=True)

    send.click()
    expect(fold.get_by_role("status")).to_have_text("Paste a key at the top of the page first.")
    expect(key).to_be_focused()
    key.fill("sk_live_of_nobody")
    send.click()
    expect(status).to_contain_text("401")
    assert json.loads(fold.get_by_label("Response body").inner_text())["error"]["code"] == "invalid_api_key"
    key.fill(account.token)
    send.click()
    expect(status).to_contain_text("200")
    shown = json.loads(fold.get_by_label("Response body").inner_text())
    expected = product.call("GET", "/v1/me", token=account.token).json()
    assert {**shown, "request_id": ""} == {**expected, "request_id": ""}
    assert_accessible(page)
