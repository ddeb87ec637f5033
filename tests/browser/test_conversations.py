"""The viewer in a real browser: live, still under the reader, traced, masked, sent from."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.models import AuditEntry, Membership, Role
from core.clock import now
from messaging.models import Chat, Message
from tests.axe import assert_accessible
from tests.browser.people import Scene, make_scene, sign_in
from tests.live import Product, wait_until
from tests.messaging.test_viewer import say

pytestmark = [pytest.mark.browser]


def chat_of(scene: Scene) -> Chat:
    return wait_until(lambda: Chat.objects.filter(organization=scene.account.organization).first(), what="the chat")


@pytest.fixture
def scene(product: Product) -> Scene:
    made = make_scene(product)
    made.write(product, "Is the 8:15 ferry still ok?")
    chat_of(made)
    return made


def open_chat(page: Any, product: Product, scene: Scene) -> Chat:
    chat = chat_of(scene)
    sign_in(page, product, scene.account)
    page.goto(f"{product.base_url}/conversations/{chat.public_id}")
    expect(page.locator("#latest")).to_contain_text("Is the 8:15 ferry still ok?")
    return chat


def test_messages_and_their_states_appear_without_a_reload(page: Any, product: Product, scene: Scene) -> None:
    open_chat(page, product, scene)
    scene.write(product, "Four bags now")
    expect(page.locator("#latest")).to_contain_text("Four bags now")
    scene.send(product, "You are booked from gate 4.")
    mine = page.locator("#latest .m-msg.me").last
    expect(mine).to_contain_text("You are booked from gate 4.")
    expect(mine).to_contain_text("Read", timeout=15_000)


def test_new_messages_do_not_move_a_reader_who_looks_further_up(page: Any, product: Product, scene: Scene) -> None:
    for n in range(40):
        scene.write(product, f"Line {n} of a long talk")
    chat = chat_of(scene)
    wait_until(lambda: chat.messages.count() == 41, what="all messages")
    open_chat(page, product, scene)
    page.evaluate("document.querySelector('[data-messages]').scrollTop = 100")
    before = page.evaluate("document.querySelector('[data-messages]').scrollTop")
    scene.write(product, "And one more")
    jump = page.locator("[data-jump]")
    expect(jump).to_have_text("↓ 1 new")
    assert page.evaluate("document.querySelector('[data-messages]').scrollTop") == before
    jump.click()
    expect(page.locator("#latest .m-msg").last).to_be_in_viewport()


def test_older_and_newer_pages_join_without_a_gap_and_a_link_lands_on_its_message(
    page: Any, product: Product, scene: Scene
) -> None:
    chat = chat_of(scene)
    wait_until(lambda: chat.messages.exists(), what="the first message")
    made = [say(chat, f"number {n} ", minute=n / 60) for n in range(180)]
    sign_in(page, product, scene.account)
    page.goto(f"{product.base_url}/messages/{made[80].public_id}")
    expect(page.locator(f"#{made[80].public_id}")).to_be_in_viewport()
    scroller = page.locator("[data-messages]")
    jump = page.locator("[data-jump]")
    expect(jump).to_have_text("↓ Newest")
    first, last = page.locator("[data-messages] .m-msg").first, page.locator("#latest .m-msg").last
    while page.get_by_role("link", name="Older messages").count():
        was = first.inner_text()
        scroller.evaluate("box => { box.scrollTop = 0; }")
        expect(first).not_to_have_text(was)
    while page.get_by_role("link", name="Newer messages").count():
        was = last.inner_text()
        scroller.evaluate("box => { box.scrollTop = box.scrollHeight; }")
        expect(last).not_to_have_text(was)
    expect(last).to_contain_text("ferry")  # it came after the 180 of earlier today
    expect(jump).to_be_hidden()
    texts = page.locator("[data-messages] .m-bub").all_inner_texts()
    assert [t for t in texts if "number" in t] == [f"number {n} ".strip() for n in range(180)]


def test_a_bubble_that_changes_keeps_the_focus_and_an_open_history(page: Any, product: Product, scene: Scene) -> None:
    chat = chat_of(scene)
    message = wait_until(lambda: chat.messages.first(), what="the first message")
    Message.objects.filter(pk=message.pk).update(edited_at=now(), history=[{"text": "Is the 8:05 ok?", "at": 1}])
    open_chat(page, product, scene)
    scene.send(product, "Watched")
    mine = page.locator("#latest .m-msg.me").last
    expect(mine).to_contain_text("Watched")
    page.get_by_text("Edited").click()
    mine.get_by_role("link", name="Trace of this message").focus()
    expect(mine).to_contain_text("Read", timeout=15_000)
    expect(mine.get_by_role("link", name="Trace of this message")).to_be_focused()
    expect(page.get_by_text("Is the 8:05 ok?")).to_be_visible()


def test_a_list_that_was_scrolled_stays_whole_when_a_chat_moves_to_its_top(
    page: Any, product: Product, scene: Scene
) -> None:
    mine = chat_of(scene)
    many = [
        Chat(
            organization=mine.organization, line=mine.line, key=f"d:{n}", identifier=f"+1555012{n:04d}",
            last_message_at=now() - timedelta(minutes=n + 1), last_text=f"talk {n}",
        )
        for n in range(120)
    ]  # fmt: skip
    Chat.objects.bulk_create(many)
    Chat.objects.filter(pk=mine.pk).update(last_message_at=now() - timedelta(days=1))
    sign_in(page, product, scene.account)
    page.goto(f"{product.base_url}/conversations?line=all")
    rows = page.locator("#chat-rows .m-chat")
    for count in (100, 121):
        page.get_by_role("link", name="Older conversations").scroll_into_view_if_needed()
        expect(rows).to_have_count(count)
    held = page.locator("#row-" + many[110].public_id)
    held.focus()
    place = held.bounding_box()
    scene.write(product, "Up again")
    expect(rows.first).to_contain_text("Up again")
    expect(rows).to_have_count(121)
    expect(held).to_be_focused()
    assert held.bounding_box() == place


def test_the_trace_leads_from_the_request_to_the_phone(page: Any, product: Product, scene: Scene) -> None:
    open_chat(page, product, scene)
    scene.send(product, "Traced")
    mine = page.locator("#latest .m-msg.me").last
    expect(mine).to_contain_text("Read", timeout=15_000)
    mine.hover()
    mine.get_by_role("link", name="Trace of this message").click()
    trace = page.locator("#trace")
    for step in ("API request", "Outbox", "Claimed by", "Sent", "Delivered", "Event message.sent", "Read"):
        expect(trace).to_contain_text(step)


def test_an_admin_writes_as_a_named_person(page: Any, product: Product, scene: Scene) -> None:
    open_chat(page, product, scene)
    box = page.get_by_label("Message as Alice Okafor")
    box.fill("I am stepping in")
    box.press("Enter")
    expect(page.locator("#latest .m-msg.me").last).to_contain_text("I am stepping in")
    expect(page.get_by_label("Message as Alice Okafor")).to_have_value("")
    entries = AuditEntry.objects.filter(organization=scene.account.organization)
    assert entries.get(action="message.sent_from_dashboard").actor_label == "Alice Okafor"


def test_messages_written_quickly_are_all_sent_and_a_refused_one_comes_back(
    page: Any, product: Product, scene: Scene
) -> None:
    open_chat(page, product, scene)
    box = page.get_by_label("Message as Alice Okafor")
    for text in ("first", "second"):
        box.press_sequentially(text)
        box.press("Enter")
    box.press_sequentially("not yet")
    mine = page.locator("#latest .m-msg.me .m-bub")
    expect(mine).to_have_text(["first", "second"])
    expect(box).to_have_value("not yet")
    expect(box).to_be_focused()
    page.reload()
    expect(box).to_have_value("not yet")
    Chat.objects.filter(organization=scene.account.organization).update(has_received_inbound=False)
    box.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("contact_has_not_messaged")
    expect(box).to_have_value("not yet")


def test_a_message_is_answered_with_a_file_and_a_tapback_from_its_trace(
    page: Any, product: Product, scene: Scene
) -> None:
    open_chat(page, product, scene)
    theirs = page.locator("#latest .m-msg").first
    trace = theirs.get_by_role("link", name="Trace of this message")
    trace.focus()
    trace.press("Enter")
    expect(page.get_by_role("heading", name="Trace")).to_be_focused()
    page.get_by_role("button", name="Love").press("Enter")
    expect(theirs.get_by_role("img", name="The line loved this")).to_be_visible(timeout=15_000)
    page.get_by_role("link", name="Reply").press("Enter")
    box = page.get_by_label("Message as Alice Okafor")
    expect(box).to_be_focused()
    expect(page.locator("[data-replying]")).to_contain_text("Is the 8:15 ferry still ok?")
    page.set_input_files("input[type=file]", {"name": "gate.txt", "mimeType": "text/plain", "buffer": b"gate 4"})
    expect(page.locator("[data-attached]")).to_contain_text("gate.txt")
    box.press("Enter")
    answer = page.locator("#latest .m-msg.me").last
    expect(answer.locator(".m-quote")).to_contain_text("Is the 8:15 ferry still ok?")
    expect(answer.get_by_role("link", name="gate.txt")).to_be_visible()
    trace.press("Enter")
    expect(page.get_by_role("heading", name="Trace")).to_be_focused()
    page.keyboard.press("Escape")
    expect(trace).to_be_focused()
    expect(page.locator("#trace")).to_contain_text("Choose a message")


def test_text_is_masked_for_a_member_until_it_is_shown_on_record(page: Any, product: Product, scene: Scene) -> None:
    chat = chat_of(scene)
    Membership.objects.filter(user=scene.account.user).update(role=Role.MEMBER, can_read_messages=False)
    sign_in(page, product, scene.account)
    page.goto(f"{product.base_url}/conversations/{chat.public_id}")
    assert "ferry" not in page.content()
    page.get_by_role("button", name="Show, and record it").click()
    expect(page.locator("#latest")).to_contain_text("Is the 8:15 ferry still ok?")
    assert AuditEntry.objects.filter(target_id=chat.public_id, action="conversation.unmasked").count() == 1


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_the_viewer_and_the_phone_are_accessible(
    open_page: Callable[..., Any], product: Product, scene: Scene, size: str, theme: str
) -> None:
    page = open_page(size=size, theme=theme)
    scene.send(product, "An answer")
    chat = open_chat(page, product, scene)
    assert_accessible(page)
    for path in ("/conversations", "/sandbox-phone", f"/conversations?q={chat.identifier[-4:]}"):
        page.goto(product.base_url + path)
        assert_accessible(page)


def test_known_markup_in_messages_never_becomes_markup(page: Any, product: Product, scene: Scene) -> None:
    hostile = [
        "<script>window.pwned=1</script>",
        "<img src=x onerror=window.pwned=1>",
        '"><svg onload=window.pwned=1>',
        "javascript:window.pwned=1",
        "{{ 7|add:7 }} ${7*7} <b>bold</b>",
        "http://x/'onmouseover='window.pwned=1",
    ]
    for text in hostile:
        scene.write(product, text)
    open_chat(page, product, scene)
    for text in hostile:
        expect(page.locator("#latest")).to_contain_text(text)
    assert page.evaluate("window.pwned") is None
    assert page.locator("#latest .m-bub :is(script, img, svg, b)").count() == 0
