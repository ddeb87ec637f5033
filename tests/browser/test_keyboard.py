"""Without a mouse: everything is reached, seen and left again by keys, and focus is never lost."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.hostile import give_session
from tests.live import Account, Product, wait_until

pytestmark = [pytest.mark.browser]
FOCUS = """() => {
  const el = document.activeElement;
  if (!el || el === document.body) return null;
  const box = el.getBoundingClientRect(), style = getComputedStyle(el);
  const seen = [...el.querySelectorAll("*"), el].some((one) => getComputedStyle(one).outlineStyle !== "none"
    || getComputedStyle(one).boxShadow !== "none" || getComputedStyle(one.parentElement).boxShadow !== "none");
  return { what: el.outerHTML.slice(0, 120), width: box.width, height: box.height, seen, clip: style.clipPath };
}"""


@pytest.fixture
def account(page: Any, product: Product) -> Account:
    made = product.make_account()
    give_session(page, product, made)
    return made


def test_tab_reaches_everything_and_what_has_focus_is_seen(page: Any, product: Product, account: Account) -> None:
    page.goto(product.base_url + "/api-keys")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus is None:  # once around
            break
        assert focus["seen"], focus
        assert focus["width"] > 1, focus
        assert focus["height"] > 1, focus
        reached.append(focus["what"])
    assert focus is None, "the page holds focus"
    wanted = (
        "/conversations",
        "/settings",
        "Switch theme",
        "/api-keys/new",
        "popovertarget",
        f"{account.key.public_id}",
    )
    for part in wanted:
        assert any(part in what for what in reached), part
    assert len(reached) == len(set(reached))


def test_the_skip_link_leads_past_the_sidebar(page: Any, product: Product, account: Account) -> None:
    page.goto(product.base_url + "/api-keys")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("main").get_by_role("link", name="Create key").first).to_be_focused()


def test_the_palette_is_opened_used_and_left(page: Any, product: Product, account: Account) -> None:
    page.goto(product.base_url + "/api-keys")
    opener = page.locator("main").get_by_role("link", name="Create key").first
    opener.focus()
    page.keyboard.press("Control+k")
    box = page.locator("[data-palette] input")
    expect(box).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    page.keyboard.press("Control+k")
    box.press_sequentially("audit")
    expect(page.locator("[data-palette]").get_by_role("option").first).to_contain_text("Audit log")
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings/audit")
    page.keyboard.press("Control+k")
    page.keyboard.insert_text(account.key.public_id[:20])
    page.keyboard.press("Enter")  # before the answer is there
    page.wait_for_url(f"**/api-keys/{account.key.public_id}")
    page.keyboard.press("Control+k")
    page.keyboard.insert_text("dark theme")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_a_menu_and_a_dialog_give_focus_back(page: Any, product: Product, account: Account) -> None:
    page.goto(product.base_url + "/api-keys")
    row = page.locator("main tbody tr").first
    button = row.locator("button[popovertarget]")
    button.focus()
    page.keyboard.press("Enter")
    menu = row.locator("[popover]")
    expect(menu).to_be_visible()
    page.keyboard.press("Tab")
    assert menu.evaluate("el => el.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()
    opener = page.locator("main").get_by_role("link", name="Create key").first
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Name")).to_be_focused()
    for _ in range(40):  # a modal dialog does not let focus out into the page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !document.activeElement.closest('main')")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_a_search_keeps_focus_while_the_list_is_swapped(page: Any, product: Product, account: Account) -> None:
    page.goto(product.base_url + "/logs/requests")
    page.keyboard.press("/")
    box = page.locator("#list input[type=search]")
    expect(box).to_be_focused()
    with page.expect_response(lambda answer: "q=req_none" in answer.url):
        box.press_sequentially("req_none")
    expect(page.get_by_role("heading", name="No request matches")).to_be_visible()
    expect(box).to_be_focused()
    expect(box).to_have_value("req_none")
    page.keyboard.press("End")
    page.keyboard.type("x")
    expect(box).to_have_value("req_nonex")


def test_an_undo_is_reached_by_keys_and_brings_the_key_back(page: Any, product: Product, account: Account) -> None:
    page.goto(f"{product.base_url}/api-keys/{account.key.public_id}/revoke")
    page.get_by_role("button", name="Revoke key").press("Enter")
    toast = page.locator("[data-toasts]")
    expect(toast).to_contain_text("is revoked")
    assert product.call("GET", "/v1/lines", token=account.token).status == 401
    toast.get_by_role("button", name="Undo").press("Enter")
    expect(toast).to_contain_text("works again")
    wait_until(lambda: product.call("GET", "/v1/lines", token=account.token).status == 200, what="the key's return")


def test_a_filter_keeps_focus_and_takes_several_values(page: Any, product: Product, account: Account) -> None:
    page.goto(product.base_url + "/api-keys")
    page.locator("#chip-state").press("Enter")
    page.get_by_label("Active").press("Space")
    page.wait_for_url("**/api-keys?state=active")
    expect(page.get_by_label("Active")).to_be_focused()
    page.get_by_label("Revoked").press("Space")
    page.wait_for_url("**state=active&state=revoked")
    expect(page.get_by_label("Revoked")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#chip-state")).to_be_focused()
    page.locator("#chip-scope").press("Enter")
    page.get_by_label("chats:read").press("Space")
    page.wait_for_url("**scope=chats%3Aread")
    expect(page.locator("#chip-scope")).to_be_focused()
