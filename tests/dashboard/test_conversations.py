"""Conversations over HTTP: what each role sees, filters, pages, privacy, sending, exports, all bounded in queries."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, Membership, Organization, User
from core.clock import now
from lines.models import Line
from messaging.models import Attachment, Chat, File, Message, OutboxItem
from messaging.services.files import store_file
from tests.dashboard.hooks import make_attempt, make_delivery, make_endpoint
from tests.messaging.test_viewer import react, say

pytestmark = pytest.mark.django_db


def test_the_list_is_by_line_with_unread_and_failed_marks(owner: Client, chat: Chat) -> None:
    say(chat, "is the ferry on time?")
    Chat.objects.filter(pk=chat.pk).update(unread=1, failed=1)
    page = owner.get("/conversations").content.decode()
    assert "Concierge US" in page
    assert "is the ferry on time?" in page
    assert "Not sent" in page


def test_many_chats_and_long_talks_cost_few_queries(
    owner: Client, chat: Chat, lumen: Organization, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(60):
        line = Line.objects.create(organization=lumen, handle=f"+155501{n:05d}") if n % 10 == 0 else line  # noqa: F821
        one = Chat.objects.create(organization=lumen, line=line, key=f"d:{n}", identifier=f"+1555010{n:04d}")
        say(one, f"talk {n}", guid=f"T{n}")
    for n in range(80):
        say(chat, f"m{n}", minute=n, guid=f"M{n}")
    owner.get("/conversations")
    for path in ("/conversations", "/conversations/rows", "/conversations?q=talk"):
        with django_assert_max_num_queries(8):
            assert owner.get(path).status_code == 200
    with django_assert_max_num_queries(9):  # a viewer is no list: bubbles, files, tapbacks, quotes, sends, typing
        assert owner.get(f"/conversations/{chat.public_id}/latest").status_code == 200


@pytest.mark.parametrize(
    ("query", "is_found"), [("show=failed", True), ("show=groups", False), ("show=unread", False), ("q=ferry", True)]
)
def test_filters_and_search_narrow_the_list(owner: Client, chat: Chat, query: str, is_found: bool) -> None:
    say(chat, "the ferry")
    Chat.objects.filter(pk=chat.pk).update(failed=1)
    assert (chat.public_id in owner.get(f"/conversations?{query}").content.decode()) is is_found


def test_older_messages_load_by_cursor_and_a_link_shows_its_message(owner: Client, chat: Chat) -> None:
    messages = [say(chat, f"number {n} ", minute=n) for n in range(70)]
    page = owner.get(f"/conversations/{chat.public_id}")
    assert "number 69 " in page.content.decode()
    assert "number 3 " not in page.content.decode()
    older = owner.get(f"/conversations/{chat.public_id}/older?before={page.context['older']}")
    assert "number 3 " in older.content.decode()
    link = owner.get(f"/messages/{messages[3].public_id}")
    assert "number 3 " in owner.get(link.url).content.decode()


def test_without_script_older_and_newer_pages_are_links(owner: Client, chat: Chat) -> None:
    for n in range(70):
        say(chat, f"number {n} ", minute=n)
    path = f"/conversations/{chat.public_id}"
    older = owner.get(path, {"before": owner.get(path).context["older"]})
    assert "number 3 " in older.content.decode()
    assert "number 69 " not in older.content.decode()
    assert f"{path}?after=" in older.content.decode()
    newer = owner.get(path, {"after": older.context["newer"]})
    assert "number 69 " in newer.content.decode()
    assert "number 19 " not in newer.content.decode()
    part = owner.get(f"{path}/newer", {"after": older.context["newer"]})
    assert "number 69 " in part.content.decode()


def test_every_tapback_shows_on_text_and_on_a_picture_alone(owner: Client, chat: Chat) -> None:
    message = say(chat, "", minute=1)
    Message.objects.filter(pk=message.pk).update(text=None)
    Attachment.objects.create(message=message, filename="IMG_1.HEIC", state="failed")
    react(message, "love")
    react(say(chat, "words", minute=2), "like")
    page = owner.get(f"/conversations/{chat.public_id}").content.decode()
    assert "❤️" in page
    assert "👍" in page
    assert "IMG_1.HEIC could not be loaded from the Mac" in page


def test_a_bad_cursor_is_an_error_of_the_caller(owner: Client, chat: Chat) -> None:
    for path in (f"/conversations/{chat.public_id}/older?before=x", "/conversations/rows?before=x"):
        assert owner.get(path).status_code == 400


def test_another_organizations_chat_message_and_trace_are_not_there(chat: Chat, charlie: User) -> None:
    message = say(chat, "private plan")
    client = Client()
    client.force_login(charlie)
    for path in (
        f"/conversations/{chat.public_id}",
        f"/conversations/{chat.public_id}/latest",
        f"/messages/{message.public_id}",
        f"/trace/{message.public_id}",
    ):
        assert client.get(path).status_code == 404
    assert "private plan" not in client.get("/conversations?q=private").content.decode()
    assert chat.line.label not in client.get(f"/conversations?line={chat.line.public_id}").content.decode()


def test_a_member_without_the_right_gets_no_text_in_the_markup(member: Client, chat: Chat, lumen: Organization) -> None:
    say(chat, "a secret plan", reply_to_guid=say(chat, "another secret", minute=-5).guid)
    for path in ("/conversations", f"/conversations/{chat.public_id}", f"/conversations/{chat.public_id}/latest"):
        assert "secret" not in member.get(path).content.decode()
    assert member.post(f"/conversations/{chat.public_id}/show-text").status_code == 302
    assert "a secret plan" in member.get(f"/conversations/{chat.public_id}").content.decode()
    entry = AuditEntry.objects.get(organization=lumen, action="conversation.unmasked")
    assert (entry.actor_label, entry.target_id) == ("Bob Kim", chat.public_id)
    Membership.objects.update(can_read_messages=True)
    fresh = Client()
    fresh.force_login(User.objects.get(email="bob@lumen.example"))
    assert "a secret plan" in fresh.get(f"/conversations/{chat.public_id}").content.decode()


def test_opening_clears_the_marks_and_is_noted_once_a_day(owner: Client, chat: Chat) -> None:
    Chat.objects.filter(pk=chat.pk).update(unread=3, failed=1)
    for _ in range(2):
        assert owner.post(f"/conversations/{chat.public_id}/seen").status_code == 204
    chat.refresh_from_db()
    assert (chat.unread, chat.failed) == (0, 0)
    assert AuditEntry.objects.filter(action="conversation.opened", target_id=chat.public_id).count() == 1
    assert "Opened by Alice Okafor" in owner.get(f"/conversations/{chat.public_id}").content.decode()


def test_an_admin_sends_by_the_rules_of_the_api(owner: Client, member: Client, chat: Chat, alice: User) -> None:
    path = f"/conversations/{chat.public_id}/send"
    assert member.post(path, {"text": "no"}).status_code == 403
    owner.post(path, {"text": "stepping in"})
    item = OutboxItem.objects.get()
    assert (item.user_id, item.api_key_id, item.content["text"]) == (alice.pk, None, "stepping in")
    refused = owner.post(path, {"text": "x" * 20_001}, headers={"HX-Request": "true"})
    assert refused.status_code == 422
    assert b"invalid_parameter_value" in refused.content
    Chat.objects.filter(pk=chat.pk).update(has_received_inbound=False)
    cold = owner.post(path, {"text": "cold"}, headers={"HX-Request": "true"})
    assert b"contact_has_not_messaged" in cold.content
    assert OutboxItem.objects.count() == 1


def test_an_admin_sends_a_file_and_an_answer_and_nothing_stays_of_what_is_refused(owner: Client, chat: Chat) -> None:
    path, asked = f"/conversations/{chat.public_id}/send", say(chat, "which gate?")
    picture = SimpleUploadedFile("gate.txt", b"gate 4", "text/plain")
    answer = owner.post(
        path, {"text": "this", "file": picture, "reply_to": asked.public_id}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 204
    item = OutboxItem.objects.get()
    assert (item.content["text"], item.content["reply_to_guid"]) == ("this", asked.guid)
    assert File.objects.get(id=item.content["files"][0]).filename == "gate.txt"
    again = {"file": SimpleUploadedFile("x.txt", b"x"), "text": "kept", "reply_to": "msg_" + 32 * "0"}
    refused = owner.post(path, again)
    assert refused.status_code == 422
    assert b"message_not_found" in refused.content
    assert b">kept</textarea>" in refused.content
    assert File.objects.count() == 1
    asks = owner.get(f"/conversations/{chat.public_id}?reply={asked.public_id}").content.decode()
    assert f'name="reply_to" value="{asked.public_id}"' in asks
    assert "which gate?</span>" in asks


def test_an_admin_reacts_from_the_trace_of_a_message(
    owner: Client, member: Client, chat: Chat, lumen: Organization
) -> None:
    path, message = f"/conversations/{chat.public_id}/react", say(chat, "thanks")
    assert f'action="{path}"' in owner.get(f"/trace/{message.public_id}").content.decode()
    assert "/react" not in member.get(f"/trace/{message.public_id}").content.decode()
    assert member.post(path, {"message_id": message.public_id, "type": "love"}).status_code == 403
    assert owner.post(path, {"message_id": message.public_id, "type": "love"}).status_code == 302
    item = OutboxItem.objects.get()
    assert (item.operation, item.content["reaction"]) == ("react", "love")
    assert AuditEntry.objects.get(action="message.reacted_from_dashboard").target_id == item.public_id
    wrong = owner.post(path, {"message_id": message.public_id, "type": "hate"}, headers={"HX-Request": "true"})
    assert (wrong.status_code, "type" in wrong["HX-Trigger"]) == (422, True)
    lumen.features = {"dashboard_send": False}
    lumen.save()
    assert owner.post(path, {"message_id": message.public_id, "type": "love"}).status_code == 403
    assert "/react" not in owner.get(f"/trace/{message.public_id}").content.decode()
    assert "switched off" in owner.get(f"/conversations/{chat.public_id}").content.decode()


def test_a_search_shows_and_opens_the_message_it_found_but_not_for_who_may_not_read(
    owner: Client, member: Client, chat: Chat
) -> None:
    found = say(chat, "we spoke a long time about many things before the lighthouse came up", minute=1)
    say(chat, "bye", minute=2)
    page = owner.get("/conversations?q=lighthouse&show=all").content.decode()
    assert "before the lighthouse came up" in page
    assert f"?message={found.public_id}&amp;q=lighthouse" in page
    assert chat.public_id not in member.get("/conversations?q=lighthouse").content.decode()
    assert chat.public_id in member.get(f"/conversations?q={chat.identifier}").content.decode()


def test_what_was_shown_to_a_member_is_told_and_shows_no_other_chat(
    owner: Client, member: Client, chat: Chat, lumen: Organization
) -> None:
    line = chat.line
    other = Chat.objects.create(organization=lumen, line=line, key="d:x", identifier="+15550109999")
    say(other, "another secret", guid="other")
    say(chat, "a secret")
    member.post(f"/conversations/{chat.public_id}/show-text")
    page = member.get(f"/conversations/{chat.public_id}").content.decode()
    assert "a secret" in page
    assert "another secret" not in page
    assert "Text shown to Bob Kim" in owner.get(f"/conversations/{chat.public_id}").content.decode()


def test_the_trace_shows_each_attempt_of_a_delivery_that_was_retried(owner: Client, chat: Chat) -> None:
    message = say(chat, "hello")
    delivery = make_delivery(
        make_endpoint(chat.organization), chat.line, object_id=message.pk, attempts=2, last_status=200
    )
    for number, status in ((1, 503), (2, 200)):
        make_attempt(delivery, number, status=status)
    page = owner.get(f"/trace/{message.public_id}").content.decode()
    assert "503 in 212 ms, attempt 1" in page
    assert f"/webhooks/deliveries/{delivery.public_id}?attempt=1" in page
    assert page.count(", attempt 2") == 1


def test_a_contact_card_shows_what_is_on_it(owner: Client, chat: Chat, lumen: Organization) -> None:
    rows = ("BEGIN:VCARD", "FN:Marta <b>", "ORG:Hotel Lisboa;", "TEL;type=CELL:+15550100155", "item1.EMAIL:m@x.example")
    card = "\r\n".join(rows).encode()
    file = store_file(organization_id=lumen.id, chunks=[card], filename="Marta.vcf", mime_type="text/vcard")
    Attachment.objects.create(message=say(chat, "her card"), file=file, filename="Marta.vcf", mime_type="text/vcard")
    page = owner.get(f"/conversations/{chat.public_id}").content.decode()
    for words in ("Marta &lt;b&gt;", "Hotel Lisboa<", "+1 555 010 0155", "m@x.example"):
        assert words in page


def failed_item(chat: Chat) -> OutboxItem:
    return OutboxItem.objects.create(
        organization_id=chat.organization_id,
        line_id=chat.line_id,
        chat_id=chat.id,
        operation="send",
        payload={},
        content={"text": "again please"},
        status="failed",
        error="not_registered",
        lane="x",
        deadline_at=now() + timedelta(hours=1),
    )


def test_the_list_is_narrowed_to_who_has_written_since(owner: Client, chat: Chat) -> None:
    say(chat, "is the ferry on time?")
    Chat.objects.filter(pk=chat.pk).update(last_inbound_at=now(), last_outbound_at=None, last_message_at=now())
    for minutes, is_there in ((-5, True), (5, False)):
        since = f"{now() + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"
        page = owner.get(f"/conversations?since={since}").content.decode()
        assert (chat.public_id in page) is is_there, minutes
        assert "Wrote since" in page
    assert chat.public_id in owner.get("/conversations?since=nonsense").content.decode()
    assert "You: is the ferry" not in owner.get("/conversations").content.decode()
    Chat.objects.filter(pk=chat.pk).update(last_outbound_at=now())
    assert "You: is the ferry" in owner.get("/conversations").content.decode()


def test_a_failed_send_is_tried_again_once(owner: Client, chat: Chat) -> None:
    item = failed_item(chat)
    path = f"/conversations/{chat.public_id}"
    assert item.public_id in owner.get(path).content.decode()
    for _ in range(2):  # a second click, or the page of before
        owner.post(f"{path}/retry/{item.public_id}")
    again = OutboxItem.objects.exclude(pk=item.pk).get()
    item.refresh_from_db()
    assert item.retried_by == again.pk
    page = owner.get(path).content.decode()
    assert "tried again already" in page
    assert item.public_id not in page
    assert again.public_id in page
    detail = owner.get(f"/logs/outbox/{item.public_id}").content.decode()
    assert f"/logs/outbox/{again.public_id}" in detail
    assert "/retry" not in detail


def test_a_failed_send_is_tried_again_as_a_new_item(owner: Client, member: Client, chat: Chat) -> None:
    item = failed_item(chat)
    path = f"/conversations/{chat.public_id}/retry/{item.public_id}"
    assert member.post(path).status_code == 403
    owner.post(path)
    again = OutboxItem.objects.exclude(pk=item.pk).get()
    assert (again.status, again.content["text"]) == ("pending", "again please")
    assert owner.post(f"/conversations/{chat.public_id}/retry/{again.public_id}").status_code == 404


@pytest.mark.parametrize("format_", ["json", "csv"])
def test_an_export_is_whole_safe_and_on_record(owner: Client, member: Client, chat: Chat, format_: str) -> None:
    say(chat, '=HYPERLINK("http://x")', minute=1)
    say(chat, 'commas, "quotes"\nand lines', minute=2, me=True)
    path = f"/conversations/{chat.public_id}/export"
    assert member.post(path, {"format": format_}).status_code == 403
    answer: Any = owner.post(path, {"format": format_})
    body = b"".join(answer.streaming_content).decode("utf-8-sig")
    if format_ == "json":
        found = json.loads(body)["messages"]
        assert [m["text"] for m in found] == ['=HYPERLINK("http://x")', 'commas, "quotes"\nand lines']
    else:
        rows = list(csv.DictReader(io.StringIO(body)))
        assert [r["text"] for r in rows] == ['\'=HYPERLINK("http://x")', 'commas, "quotes"\nand lines']
        assert rows[0]["sender"] == chat.identifier
    entry = AuditEntry.objects.get(action="conversation.exported")
    assert entry.after == {"format": format_}
    assert owner.post(path, {"format": "exe"}).status_code == 400


def test_the_trace_says_what_is_known_and_what_is_not_yet(owner: Client, chat: Chat) -> None:
    item = failed_item(chat)
    page = owner.get(f"/trace/{item.public_id}").content.decode()
    for words in ("API request", "Outbox", "Not sent", "not on iMessage"):
        assert words in page
    message = say(chat, "sent", me=True, delivered_at=now())
    steps = {s["title"]: s for s in owner.get(f"/trace/{message.public_id}?format=json").json()["steps"]}
    assert steps["Delivered"]["at"] is not None
    assert steps["Read"]["at"] is None
    assert owner.get("/trace/msg_00000000000000000000000000000000").status_code == 404
    assert owner.get("/trace/nonsense").status_code == 404
    assert Message.objects.count() == 1
