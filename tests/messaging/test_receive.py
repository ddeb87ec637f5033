"""What arrives is applied once, for its owner only, in any order (spec transports §2.3, sandbox §2)."""

import json
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Organization
from accounts.services.audit import Actor
from core.clock import now, to_ms
from events.models import Event as Logged
from lines.models import Line, SandboxPairing
from lines.services.sandbox import get_sandbox, open_sandbox
from messaging.models import (
    Attachment,
    Chat,
    InboundEvent,
    Message,
    OutboxItem,
    Reaction,
    ReadReceipt,
    TypingIndicator,
)
from messaging.services.sent import record_failed, record_reaction_sent, record_sent
from tests.messaging.inbound import PEER, age, direct, event, reaction, take_in, update, upsert
from transports.base import EventKind, Phase

pytestmark = pytest.mark.django_db


def logged() -> list[str]:
    return list(Logged.objects.order_by("id").values_list("type", flat=True))


def outcomes() -> list[str]:
    return list(InboundEvent.objects.order_by("id").values_list("outcome", flat=True))


def test_a_first_message_opens_the_chat_and_fires_once(line: Line, lumen: Organization) -> None:
    sent_at = to_ms(now() - timedelta(seconds=5))
    take_in(line, upsert("G1", "Hello\nthere", sent_at=sent_at))
    chat, message = Chat.objects.get(), Message.objects.get()
    assert (chat.key, chat.identifier, chat.participants, chat.guids) == (f"d:{PEER}", PEER, [PEER], [f"any;-;{PEER}"])
    assert (chat.has_received_inbound, chat.is_started_by_contact, chat.unread, chat.unanswered) == (True, True, 1, 0)
    assert (chat.last_text, chat.last_message_id) == ("Hello there", message.id)
    assert (message.organization_id, message.is_from_me, message.sender) == (lumen.id, False, PEER)
    row = Logged.objects.get()
    data = json.loads(row.data)
    assert (row.type, row.chat_id, row.object_id) == ("message.received", chat.id, message.id)
    assert data["id"] == message.public_id
    assert (data["line_handle"], data["text"], data["sent_at"]) == (line.handle, "Hello\nthere", sent_at)
    assert "outbox_id" not in data


def test_the_same_guid_by_another_road_is_a_duplicate(line: Line) -> None:
    again = upsert("G1", "changed")
    other_road = event(EventKind.MESSAGE_UPSERT, "another id", dict(again.body))
    take_in(line, upsert("G1"), upsert("G1"))
    take_in(line, upsert("G1"))
    take_in(line, other_road)
    assert outcomes() == ["applied", "duplicate"]
    assert Message.objects.get().text == "hi"
    assert logged() == ["message.received"]
    assert Chat.objects.get().unread == 1


def test_backfill_is_stored_and_never_fires_while_late_does(line: Line) -> None:
    old = to_ms(now() - timedelta(days=3))
    take_in(line, upsert("G1", phase=Phase.BACKFILL, sent_at=old), upsert("G2", phase=Phase.LATE, sent_at=old))
    assert logged() == ["message.updated", "message.received"]
    assert json.loads(Logged.objects.get(type="message.received").data)["sent_at"] == old
    assert Chat.objects.get().unread == 1


def test_two_prefixes_of_a_guid_are_one_chat(line: Line) -> None:
    take_in(line, upsert("G1"), upsert("G2", chat=direct(prefix="iMessage")))
    assert Chat.objects.get().guids == [f"any;-;{PEER}", f"iMessage;-;{PEER}"]


def test_a_national_number_is_the_same_peer(line: Line) -> None:
    take_in(line, upsert("G1"), upsert("G2", chat={"identifier": "(555) 010-0144"}, sender="(555) 010-0144"))
    assert Chat.objects.count() == 1


def test_a_group_known_only_by_guid_waits_for_its_chat(line: Line) -> None:
    take_in(line, upsert("G1", chat={"guid": "any;+;chat77"}))
    assert (outcomes(), Message.objects.count()) == ([""], 0)
    group = {"guid": "any;+;chat77", "identifier": "chat77", "is_group": True, "participants": [PEER, "+15550100145"]}
    take_in(line, event(EventKind.CHAT_UPSERT, "c", {"chat": group}))
    assert outcomes() == ["applied", "applied"]
    chat = Message.objects.get().chat
    assert (chat.key, chat.is_group, chat.participants) == ("g:chat77", True, [PEER, "+15550100145"])


def test_a_chat_that_never_shows_itself_ends_in_quarantine(line: Line) -> None:
    take_in(line, upsert("G1", chat=None))
    age(29)
    take_in(line)
    assert outcomes() == [""]
    age(31)
    take_in(line)
    assert outcomes() == ["quarantined"]
    assert not Message.objects.exists()


def test_a_bad_event_does_not_block_the_others(line: Line) -> None:
    bad = event(EventKind.MESSAGE_UPSERT, "bad", {"chat": direct()})
    worse = upsert("G9", attachments=[{"file_id": "not hex", "position": "x"}])
    take_in(line, bad, upsert("G1"), worse, upsert("G2"))
    assert outcomes() == ["quarantined", "applied", "quarantined", "applied"]
    assert logged() == ["message.received", "message.received"]


def test_what_postgresql_cannot_hold_is_replaced(line: Line) -> None:
    take_in(line, upsert("G1", "a\0b \ud800 \\u0000 😀"))
    assert Message.objects.get().text == "a\ufffdb \ufffd \\u0000 😀"


def test_updates_in_any_order_end_in_the_same_state(line: Line) -> None:
    base = to_ms(now()) - 60_000
    first, second = {"text": "two", "at": base + 1000}, {"text": "three", "at": base + 2000}
    take_in(line, upsert("G1", "one", sent_at=base), update("G1", "edited", first), update("G1", "edited", second))
    take_in(line, update("G2", "edited", second), update("G2", "edited", first))
    take_in(line, upsert("G2", "one", sent_at=base))
    straight, mixed = Message.objects.get(guid="G1"), Message.objects.get(guid="G2")
    assert [v["text"] for v in straight.history] == ["one", "two"]
    assert (straight.text, straight.history) == (mixed.text, mixed.history) == ("three", straight.history)


def test_deliveries_reads_service_and_errors_are_noted_once(line: Line, chat: Chat) -> None:
    item = queued(chat)
    record_sent(item=item, guid="G1", sent_at=now(), service="iMessage")
    at = to_ms(now()) - 1000
    changes = [("delivered_at", at), ("read_at", at + 500), ("service", "SMS"), ("error", 22)]
    take_in(line, *[update("G1", field, value) for field, value in changes])
    take_in(line, *[update("G1", field, value, key="again") for field, value in changes])
    message = Message.objects.get()
    assert (to_ms(message.delivered_at or now()), to_ms(message.read_at or now())) == (at, at + 500)
    assert (message.service, message.error) == ("SMS", "not_registered")
    assert Chat.objects.get().failed == 1
    assert logged() == ["message.sent"] + ["message.updated"] * 4
    assert outcomes() == ["applied"] * 4 + ["duplicate"] * 4


def test_an_unsent_message_is_a_tombstone(line: Line) -> None:
    take_in(line, upsert("G1", "oops"), update("G1", "unsent", {"at": to_ms(now())}))
    take_in(line, update("G1", "edited", {"text": "back?", "at": to_ms(now()) + 10}))
    message = Message.objects.get()
    assert (message.text, message.history, message.unsent_at is not None) == (None, [], True)


def test_a_transcript_may_come_late(line: Line) -> None:
    take_in(
        line,
        upsert("G1", "with text", is_audio_message=True, attachments=[{"ref": "a", "is_ready": False}]),
        update("G1", "transcription", {"text": "hello"}),
    )
    assert Attachment.objects.get().transcription == "hello"
    assert Attachment.objects.get().state == "pending"
    assert Chat.objects.get().has_audio


def test_a_file_without_text_is_held_twenty_seconds(line: Line) -> None:
    take_in(line, upsert("G1", "\ufffc", attachments=[{"ref": "a", "is_ready": False, "filename": "a.jpg"}]))
    assert logged() == []
    age(21)
    take_in(line)
    data = json.loads(Logged.objects.get().data)
    assert (data["text"], data["attachments"][0]["url"], data["attachments"][0]["filename"]) == (None, None, "a.jpg")


def test_an_update_whose_message_never_comes_is_dropped(line: Line) -> None:
    take_in(line, update("G1", "read_at", to_ms(now())), reaction("G1"))
    age(61)
    take_in(line)
    assert outcomes() == ["ignored", "ignored"]
    assert (logged(), Reaction.objects.count()) == ([], 0)


def test_a_tapback_may_come_before_its_message(line: Line) -> None:
    take_in(line, reaction("p:0/G1"))
    take_in(line, upsert("G1"))
    assert logged() == ["message.received", "reaction.added"]


def test_a_tapback_and_its_removal_are_two_records(line: Line) -> None:
    take_in(line, upsert("G1"), reaction("G1"), reaction("G1"), reaction("G1", added=False))
    assert [r.added for r in Reaction.objects.order_by("sent_at", "id")] == [True, False]
    assert logged() == ["message.received", "reaction.added", "reaction.removed"]
    data = json.loads(Logged.objects.get(type="reaction.added").data)
    assert (data["type"], data["added"], data["message_id"]) == ("love", True, Message.objects.get().public_id)


def test_an_emoji_tapback_is_for_pages_only(line: Line) -> None:
    take_in(line, upsert("G1"), reaction("G1", "emoji", emoji="🦕"))
    assert logged() == ["message.received", "message.updated"]


def test_typing_is_debounced(line: Line) -> None:
    take_in(line, upsert("G1"))
    for n in range(3):
        take_in(line, event(EventKind.TYPING, f"t{n}", {"chat": direct(), "handle": PEER, "is_typing": True}))
    take_in(line, event(EventKind.TYPING, "t9", {"chat": direct(), "handle": PEER, "is_typing": False}))
    assert TypingIndicator.objects.get().is_typing is False
    assert logged() == ["message.received", "typing.changed", "typing.changed"]


def test_a_read_receipt_only_moves_forward(line: Line) -> None:
    take_in(line, upsert("G1"))
    at = to_ms(now()) - 10_000
    for n, offset in enumerate((0, -5000, 5000)):
        body = {"chat": direct(), "handle": PEER, "read_at": at + offset}
        take_in(line, event(EventKind.READ, f"r{n}", body))
    assert to_ms(ReadReceipt.objects.get().last_read_at) == at + 5000
    assert logged() == ["message.received", "receipt.changed", "receipt.changed"]


def test_a_group_changes_its_name_and_members(line: Line) -> None:
    group = {"guid": "any;+;chat77", "identifier": "chat77", "is_group": True, "participants": [PEER]}
    take_in(line, event(EventKind.CHAT_UPSERT, "c", {"chat": group}))
    change = {"chat": {"guid": "any;+;chat77"}, "name": "Trip", "added": ["+15550100145"], "removed": [PEER]}
    take_in(line, event(EventKind.CHAT_CHANGE, "d", change))
    chat = Chat.objects.get()
    assert (chat.name, chat.participants) == ("Trip", ["+15550100145"])
    assert logged() == ["chat.changed"]


def queued(chat: Chat, **fields: Any) -> OutboxItem:
    fields.setdefault("operation", "send")
    fields.setdefault("content", {"text": "yo"})
    return OutboxItem.objects.create(
        organization_id=chat.organization_id,
        line_id=chat.line_id,
        chat_id=chat.id,
        payload={},
        lane="l",
        deadline_at=now() + timedelta(hours=1),
        **fields,
    )


def test_a_sent_item_becomes_one_message_however_often_it_is_reported(line: Line, chat: Chat) -> None:
    item = queued(chat)
    first = record_sent(item=item, guid="S1", sent_at=now(), service="iMessage")
    assert record_sent(item=item, guid="S1", sent_at=now(), service="iMessage") == first
    take_in(line, upsert("S1", "yo", is_from_me=True))
    message = Message.objects.get()
    assert (message.outbox_id, message.sender, message.is_from_me) == (item.id, line.handle, True)
    assert logged() == ["message.sent"]
    assert json.loads(Logged.objects.get().data)["outbox_id"] == item.public_id
    assert (Chat.objects.get().unanswered, Chat.objects.get().last_text) == (1, "yo")


def test_an_echo_waits_for_the_send_that_is_under_way_and_is_bound_to_it(line: Line, chat: Chat) -> None:
    item = queued(chat, status="claimed", started_at=now())
    take_in(line, upsert("S1", "yo", is_from_me=True))
    assert logged() == []
    record_sent(item=item, guid="S1", sent_at=now(), service="iMessage")
    age(1)
    take_in(line)
    assert (outcomes(), logged()) == (["duplicate"], ["message.sent"])


def test_an_echo_that_was_first_is_bound_afterwards_and_fires_once(line: Line, chat: Chat) -> None:
    take_in(line, upsert("S1", "yo", is_from_me=True))
    item = queued(chat)
    key = record_sent(item=item, guid="S1", sent_at=now(), service="iMessage")
    message = Message.objects.get()
    assert (message.id, message.outbox_id) == (key, item.id)
    assert logged() == ["message.sent"]


def test_an_own_message_from_another_device_has_no_outbox_id(line: Line, chat: Chat) -> None:
    take_in(line, upsert("G0"), upsert("S1", "from my phone", is_from_me=True))
    message = Message.objects.get(guid="S1")
    assert (message.outbox_id, message.sender) == (None, line.handle)
    assert Chat.objects.get().unread == 0
    data = json.loads(Logged.objects.get(type="message.sent").data)
    assert data["outbox_id"] is None


def test_an_own_tapback_by_two_roads_is_one(line: Line, chat: Chat) -> None:
    take_in(line, upsert("G1"))
    item = queued(chat, operation="react", content={"target_guid": "G1", "reaction": "like", "is_on": True})
    key = record_reaction_sent(item=item, guid="R1", sent_at=now())
    assert record_reaction_sent(item=item, guid="R1", sent_at=now()) == key
    take_in(line, reaction("G1", "like", is_from_me=True))
    assert Reaction.objects.get().outbox_id == item.id
    assert logged() == ["message.received", "reaction.added"]


def test_a_failure_is_counted_and_no_webhook_hears_of_it(chat: Chat) -> None:
    record_failed(item=queued(chat), code="not_registered")
    assert Chat.objects.get().failed == 1
    assert logged() == ["outbox.updated"]


# --- the sandbox ---------------------------------------------------------------------------------------------------


def pair(organization: Organization, peer: str) -> Line:
    state = open_sandbox(organization=organization, actor=Actor())
    line = Line.objects.get(is_sandbox=True)
    take_in(line, upsert(f"code-{state.activation_code}", f"hi {str(state.activation_code).lower()}!", peer=peer))
    assert get_sandbox(organization=organization).status == "active"
    return line


def test_the_activation_text_is_consumed(lumen: Organization) -> None:
    pair(lumen, PEER)
    assert outcomes() == ["activation"]
    assert not Message.objects.exists()
    assert (Chat.objects.get().organization, Chat.objects.get().has_received_inbound) == (lumen, True)
    assert set(logged()) == {"sandbox.changed"}


def test_on_the_sandbox_each_organization_sees_only_its_own_phone(lumen: Organization, other: Organization) -> None:
    line = pair(lumen, PEER)
    pair(other, "+15550100199")
    take_in(line, upsert("G1"), upsert("G2", peer="+15550100199"), upsert("G3", peer="+15550100111"))
    assert dict(Message.objects.values_list("guid", "organization_id")) == {"G1": lumen.id, "G2": other.id}
    received = Logged.objects.filter(type="message.received").values_list("organization_id", flat=True)
    assert set(received) == {lumen.id, other.id}
    assert Chat.objects.count() == 2


def test_a_stranger_on_the_sandbox_leaves_no_trace(lumen: Organization) -> None:
    line = pair(lumen, PEER)
    before = len(logged())
    stranger = direct("+15550100111")
    take_in(
        line,
        upsert("G1", "let me in", peer="+15550100111"),
        event(EventKind.TYPING, "t", {"chat": stranger, "handle": "+15550100111", "is_typing": True}),
        event(EventKind.READ, "r", {"chat": stranger, "handle": "+15550100111"}),
        upsert("G2", chat={"guid": "any;+;chat1", "identifier": "chat1", "is_group": True}),
    )
    assert outcomes()[1:] == ["ignored"] * 4
    assert (Message.objects.count(), TypingIndicator.objects.count(), Chat.objects.count()) == (0, 0, 1)
    assert len(logged()) == before


def test_a_phone_that_moves_takes_nothing_along(lumen: Organization, other: Organization) -> None:
    line = pair(lumen, PEER)
    take_in(line, upsert("G1", "for lumen"))
    pair(other, PEER)
    assert get_sandbox(organization=lumen).status == "pending"
    take_in(line, upsert("G2", "for other"), reaction("G1"), update("G1", "edited", {"text": "x", "at": to_ms(now())}))
    age(61)
    take_in(line)
    assert dict(Message.objects.values_list("guid", "organization_id")) == {"G1": lumen.id, "G2": other.id}
    assert (Reaction.objects.count(), Message.objects.get(guid="G1").text) == (0, "for lumen")
    assert SandboxPairing.objects.get(organization=other).contact_identifier == PEER
