"""What is accepted for sending: every check of spec api §3 in its order, and what stands in the outbox afterwards."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiKeyHour, Organization
from core.errors import AppError
from lines.models import Line, SandboxPairing, SandboxUsage
from messaging.addressing import Sender
from messaging.models import Chat, File, Message, OutboxItem
from messaging.services import send

PAIRED = "+15550100155"


@pytest.fixture
def sender(lumen: Organization) -> Sender:
    return Sender(organization_id=lumen.id, request_id="req_0123456789ab")


@pytest.fixture
def sandbox(db: Any) -> Line:
    return Line.objects.create(handle="+15550100001", is_sandbox=True)


@pytest.fixture
def paired(sandbox: Line, lumen: Organization) -> SandboxPairing:
    """Lumen's active pairing with its chat."""
    Chat.objects.create(
        organization=lumen,
        line=sandbox,
        key=f"d:{PAIRED}",
        identifier=PAIRED,
        participants=[PAIRED],
        has_received_inbound=True,
    )
    return SandboxPairing.objects.create(
        organization=lumen, line=sandbox, status="active", contact_identifier=PAIRED, activated_at=timezone.now()
    )


@pytest.fixture
def file(lumen: Organization) -> File:
    return File.objects.create(
        organization=lumen,
        storage_key="x/y",
        filename="a.m4a",
        mime_type="audio/mp4",
        size=4,
        sha256=b"0" * 32,
        audio_caf_key="x/y.caf",
    )


def say(chat: Chat, guid: str = "G-1") -> Message:
    return Message.objects.create(
        organization_id=chat.organization_id,
        line_id=chat.line_id,
        chat=chat,
        guid=guid,
        sender=chat.identifier,
        text="hi",
        is_from_me=False,
        sent_at=timezone.now(),
        synced_at=timezone.now(),
    )


def refusal(act: Callable[..., Any], **arguments: Any) -> tuple[int, str, str | None]:
    with pytest.raises(AppError) as caught:
        act(**arguments)
    assert not OutboxItem.objects.exists()
    return caught.value.status, caught.value.code, caught.value.param


def test_a_text_is_queued_with_everything_dispatch_needs(sender: Sender, chat: Chat) -> None:
    text = "שלום 👩‍👩‍👧 \u202e مرحبا\n line two"
    queued = send.queue_message(sender=sender, line=chat.line.handle, to=chat.identifier, text=text)
    item = OutboxItem.objects.get()
    assert (item.id, queued.status, queued.public_id) == (queued.id, "pending", item.public_id)
    assert (item.organization_id, item.line_id, item.chat_id) == (sender.organization_id, chat.line_id, chat.id)
    assert item.content == {"text": text}
    assert item.payload == {"from": chat.line.handle, "to": chat.identifier, "text": text}
    assert (item.status, item.attempts, item.max_attempts, item.request_id) == ("pending", 0, 3, "req_0123456789ab")
    assert item.deadline_at - item.created_at > timedelta(hours=23)


def test_a_text_costs_one_round_trip_and_a_reply_two(sender: Sender, chat: Chat) -> None:
    with CaptureQueriesContext(connection) as queries:
        send.queue_message(sender=sender, line=chat.line.handle, to=chat.identifier, text="hi")
    assert len(queries) == 1
    with CaptureQueriesContext(connection) as queries:
        send.queue_message(sender=sender, line=chat.line.handle, to=chat.identifier, text="hi", reply_to="A-1")
    assert len(queries) == 2


def test_a_text_and_a_reply_wait_in_the_same_lane(sender: Sender, chat: Chat) -> None:
    send.queue_message(sender=sender, line=chat.line.handle, to=chat.identifier, text="hi")
    send.queue_message(sender=sender, line=chat.line.handle, to=chat.identifier, text="hi", reply_to="A-1")
    text, reply = OutboxItem.objects.order_by("id")
    ours = ("line_id", "chat_id", "lane", "operation", "status", "held_reason", "part_guids", "claimed_by", "guid")
    assert [getattr(text, name) for name in ours] == [getattr(reply, name) for name in ours]


def test_a_sandbox_text_costs_two_round_trips_with_its_quota(sender: Sender, paired: SandboxPairing) -> None:
    with CaptureQueriesContext(connection) as queries:
        send.queue_message(sender=sender, line=paired.line.handle, to=PAIRED, text="hi")
    assert len(queries) == 2
    assert SandboxUsage.objects.get().used == 1


def test_line_and_chat_may_be_given_by_id_and_numbers_with_punctuation(sender: Sender, chat: Chat) -> None:
    send.queue_message(sender=sender, line=chat.line.public_id, to=chat.public_id, text="1")
    send.queue_message(sender=sender, line=" +1 (555) 010-0042", to="+1 555.010.0144 ", text="2")
    assert list(OutboxItem.objects.order_by("id").values_list("chat_id", "content__text")) == [
        (chat.id, "1"),
        (chat.id, "2"),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"line": None}, ("missing_required_parameter", "from")),
        ({"to": ""}, ("missing_required_parameter", "to")),
        ({"text": ""}, ("missing_required_parameter", "text")),
        ({"text": None, "attachments": []}, ("missing_required_parameter", "text")),
        ({"text": "x" * 20_001}, ("invalid_parameter_value", "text")),
        ({"text": "a\0b"}, ("invalid_parameter_value", "text")),
        ({"text": "\ud800"}, ("invalid_parameter_value", "text")),
        ({"to": "+1\0"}, ("invalid_parameter_value", "to")),
        ({"to": "x" * 121}, ("invalid_parameter_value", "to")),
        ({"to": "msg_" + "0" * 32}, ("invalid_parameter_value", "to")),
        ({"line": "cht_" + "0" * 32}, ("invalid_parameter_value", "from")),
        ({"attachments": ["file_1", "file_2"]}, ("invalid_parameter_value", "attachments")),
        ({"attachments": ["msg_" + "0" * 32]}, ("invalid_parameter_value", "attachments")),
        ({"reply_to": "cht_" + "0" * 32}, ("invalid_parameter_value", "reply_to")),
        ({"reply_to": "G\0"}, ("invalid_parameter_value", "reply_to")),
    ],
)
def test_a_wrong_value_is_named(sender: Sender, chat: Chat, given: dict[str, Any], expected: tuple[str, str]) -> None:
    arguments = {"line": chat.line.handle, "to": chat.identifier, "text": "hi", **given}
    assert refusal(send.queue_message, sender=sender, **arguments) == (400, *expected)


def test_twenty_thousand_characters_are_accepted(sender: Sender, chat: Chat) -> None:
    send.queue_message(sender=sender, line=chat.line.handle, to=chat.identifier, text="😀" * 20_000)
    assert OutboxItem.objects.get().content["text"] == "😀" * 20_000


def test_a_strange_line_is_not_found_even_for_its_id(sender: Sender, chat: Chat, other: Organization) -> None:
    foreign = Line.objects.create(organization=other, handle="+15550100077")
    for line in ("+15550109999", foreign.handle, foreign.public_id, "ln_nonsense"):
        answer = refusal(send.queue_message, sender=sender, line=line, to=chat.identifier, text="hi")
        assert answer == (404, "line_not_found", "from")


def test_a_restricted_key_reaches_its_lines_and_the_sandbox(
    lumen: Organization, chat: Chat, paired: SandboxPairing
) -> None:
    sender = Sender(organization_id=lumen.id, line_ids=frozenset())
    # the line comes before everything behind it: this chat does not exist either
    answer = refusal(send.queue_message, sender=sender, line=chat.line.handle, to="cht_" + "0" * 32, text="hi")
    assert answer == (403, "line_not_accessible", "from")
    send.queue_message(sender=sender, line=paired.line.handle, to=PAIRED, text="hi")


def test_the_sandbox_must_be_activated_first(sender: Sender, sandbox: Line, lumen: Organization) -> None:
    for status in (None, "pending"):
        if status:
            SandboxPairing.objects.create(organization=lumen, line=sandbox, status=status, code="ABCDEFGH")
        for act, more in (
            (send.queue_message, {"text": "hi"}),
            (send.queue_typing, {}),
            (send.queue_receipt, {}),
            (send.queue_reaction, {"message_id": "G", "type": "love"}),
        ):
            answer = refusal(act, sender=sender, line=sandbox.handle, to=PAIRED, **more)
            assert answer == (403, "sandbox_not_activated", None)


def test_the_sandbox_needs_an_owner(lumen: Organization, paired: SandboxPairing) -> None:
    sender = Sender(organization_id=lumen.id, has_owner=False)
    answer = refusal(send.queue_message, sender=sender, line=paired.line.handle, to=PAIRED, text="hi")
    assert answer == (403, "sandbox_requires_owner", None)


def test_the_sandbox_reaches_only_the_paired_number(
    sender: Sender, paired: SandboxPairing, other: Organization
) -> None:
    theirs = Chat.objects.create(organization=other, line=paired.line, key="d:+15550100156", identifier="+15550100156")
    answer = refusal(send.queue_message, sender=sender, line=paired.line.handle, to="+15550100156", text="hi")
    assert answer == (400, "sandbox_contact_mismatch", "to")
    answer = refusal(send.queue_message, sender=sender, line=paired.line.handle, to=theirs.public_id, text="hi")
    assert answer == (404, "chat_not_found", "to")
    send.queue_message(
        sender=sender, line=paired.line.handle, to=Chat.objects.get(key=f"d:{PAIRED}").public_id, text="x"
    )


def test_contact_first_holds_for_direct_chats_and_groups(sender: Sender, line: Line, chat: Chat) -> None:
    answer = (403, "contact_has_not_messaged", "to")
    assert refusal(send.queue_message, sender=sender, line=line.handle, to="+15550100199", text="hi") == answer
    group = Chat.objects.create(
        organization_id=sender.organization_id,
        line=line,
        key="g:chat1",
        identifier="chat1",
        is_group=True,
        participants=[chat.identifier],
    )
    assert refusal(send.queue_message, sender=sender, line=line.handle, to=group.public_id, text="hi") == answer
    with pytest.raises(AppError) as caught:
        send.queue_message(sender=sender, line=line.handle, to=group.public_id, text="hi")
    assert caught.value.type == "invalid_request_error"
    send.queue_typing(sender=sender, line=line.handle, to=group.public_id)  # presence is not gated


def test_presence_needs_a_chat(sender: Sender, line: Line) -> None:
    for act, more in (
        (send.queue_typing, {}),
        (send.queue_receipt, {}),
        (send.queue_reaction, {"message_id": "G", "type": "love"}),
    ):
        answer = refusal(act, sender=sender, line=line.handle, to="+15550100199", **more)
        assert answer == (404, "chat_not_found", "to")


def test_a_key_with_a_recipient_list_writes_to_nobody_else(lumen: Organization, chat: Chat) -> None:
    sender = Sender(organization_id=lumen.id, allowed_recipients=frozenset({"+15550100188", "*@lumen.example"}))
    answer = refusal(send.queue_message, sender=sender, line=chat.line.handle, to=chat.identifier, text="hi")
    assert answer == (403, "recipient_not_allowed", "to")


def test_files_and_replies_must_be_the_callers(sender: Sender, chat: Chat, file: File, other: Organization) -> None:
    arguments = {"sender": sender, "line": chat.line.handle, "to": chat.identifier}
    File.objects.update(organization=other)
    answer = refusal(send.queue_message, **arguments, attachments=[file.public_id])
    assert answer == (404, "file_not_found", "attachments")
    answer = refusal(send.queue_message, **arguments, text="x", reply_to="msg_" + "0" * 32)
    assert answer == (404, "message_not_found", "reply_to")


def test_a_reply_names_the_stored_guid_or_passes_an_unknown_one_through(sender: Sender, chat: Chat) -> None:
    parent = say(chat)
    for reply_to, guid in ((parent.public_id, "G-1"), ("G-1", "G-1"), ("G-unknown", "G-unknown")):
        send.queue_message(sender=sender, line=chat.line.handle, to=chat.identifier, text="x", reply_to=reply_to)
        item = OutboxItem.objects.latest("id")
        assert item.content["reply_to_guid"] == guid


def test_a_file_may_travel_alone(sender: Sender, chat: Chat, file: File) -> None:
    send.queue_message(sender=sender, line=chat.line.handle, to=chat.identifier, attachments=[file.public_id])
    assert OutboxItem.objects.get().content == {"files": [file.id.hex]}


def test_a_line_that_cannot_is_refused_before_it_is_said_to_be_paused(sender: Sender, chat: Chat, file: File) -> None:
    Line.objects.update(capabilities={"send.audio": "none"}, paused_at=timezone.now())
    arguments = {"sender": sender, "line": chat.line.handle, "to": chat.identifier}
    answer = refusal(send.queue_audio, **arguments, audio_message=file.public_id)
    assert answer[:2] == (400, "advanced_features_required")
    assert refusal(send.queue_message, **arguments, text="hi") == (400, "invalid_parameter_value", "from")


def test_audio_is_for_imessage_and_sound_files(sender: Sender, chat: Chat, file: File) -> None:
    arguments = {"sender": sender, "line": chat.line.handle, "to": chat.identifier, "audio_message": file.public_id}
    File.objects.update(mime_type="image/png")
    assert refusal(send.queue_audio, **arguments) == (400, "invalid_parameter_value", "audio_message")
    File.objects.update(mime_type="audio/mp4")
    Line.objects.update(service="sms")
    assert refusal(send.queue_audio, **arguments)[:2] == (400, "advanced_features_required")


def test_sends_share_a_lane_and_presence_does_not(sender: Sender, chat: Chat, file: File) -> None:
    say(chat)
    arguments = {"sender": sender, "line": chat.line.handle, "to": chat.identifier}
    send.queue_message(**arguments, text="1")
    send.queue_audio(**arguments, audio_message=file.public_id)
    send.queue_reaction(**arguments, message_id="G-1", type="emphasize")
    send.queue_typing(**arguments)
    send.queue_receipt(**arguments)
    lanes = dict(OutboxItem.objects.values_list("operation", "lane"))
    assert lanes["send"] == lanes["audio"] == lanes["react"]
    assert len({lanes["send"], lanes["typing"], lanes["read"]}) == 3


def test_a_reaction_names_its_message(sender: Sender, chat: Chat) -> None:
    parent = say(chat)
    arguments = {"sender": sender, "line": chat.line.handle, "to": chat.identifier}
    answer = refusal(send.queue_reaction, **arguments, message_id="G-0", type="love")
    assert answer == (404, "message_not_found", "message_id")
    answer = refusal(send.queue_reaction, **arguments, message_id="G-1", type="heart")
    assert answer == (400, "invalid_parameter_value", "type")
    send.queue_reaction(**arguments, message_id=parent.public_id, type="love")
    content = OutboxItem.objects.get().content
    assert content == {"target_guid": "G-1", "part": 0, "reaction": "love", "is_on": True}


def test_typing_is_on_unless_it_says_off(sender: Sender, chat: Chat) -> None:
    arguments = {"sender": sender, "line": chat.line.handle, "to": chat.identifier}
    assert refusal(send.queue_typing, **arguments, state="maybe") == (400, "invalid_parameter_value", "state")
    send.queue_typing(**arguments)
    send.queue_typing(**arguments, state="off")
    items = OutboxItem.objects.order_by("id")
    assert [i.content["is_on"] for i in items] == [True, False]
    assert all(i.deadline_at - i.created_at < timedelta(seconds=15) for i in items)


def test_the_sandbox_quota_is_used_only_by_accepted_sends(
    sender: Sender, paired: SandboxPairing, settings: Any, lumen: Organization
) -> None:
    settings.SANDBOX_DAILY_MESSAGES = 2
    arguments = {"sender": sender, "line": paired.line.handle, "to": PAIRED}
    refusal(send.queue_message, **arguments, text="x", reply_to="msg_" + "0" * 32)
    refusal(send.queue_message, **arguments, attachments=["file_" + "0" * 32])
    assert not SandboxUsage.objects.exists()
    for _ in range(2):
        send.queue_message(**arguments, text="x")
    with pytest.raises(AppError) as caught:
        send.queue_message(**arguments, text="x")
    assert (caught.value.status, caught.value.code) == (429, "sandbox_quota_exceeded")
    assert 0 < (caught.value.retry_after_seconds or 0) <= 86_400
    assert (SandboxUsage.objects.get().used, OutboxItem.objects.count()) == (2, 2)
    send.queue_typing(**arguments)  # free
    Organization.objects.filter(id=lumen.id).update(sandbox_daily_messages=3)
    send.queue_message(**arguments, text="x")


def test_a_quota_of_zero_lets_nothing_through(sender: Sender, paired: SandboxPairing, settings: Any) -> None:
    settings.SANDBOX_DAILY_MESSAGES = 0
    answer = refusal(send.queue_message, sender=sender, line=paired.line.handle, to=PAIRED, text="x")
    assert answer[:2] == (429, "sandbox_quota_exceeded")


def test_a_keys_daily_budget_holds_and_gives_the_sandbox_share_back(
    lumen: Organization, paired: SandboxPairing, chat: Chat, make_key: Any
) -> None:
    key, _ = make_key(lumen)
    sender = Sender(organization_id=lumen.id, api_key_id=key.id, daily_send_budget=1)
    send.queue_message(sender=sender, line=chat.line.handle, to=chat.identifier, text="x")
    for line, to in ((chat.line.handle, chat.identifier), (paired.line.handle, PAIRED)):
        with pytest.raises(AppError) as caught:
            send.queue_message(sender=sender, line=line, to=to, text="x")
        assert (caught.value.status, caught.value.code) == (429, "send_budget_exceeded")
    assert not SandboxUsage.objects.exists()
    assert ApiKeyHour.objects.get().sends == 1
    assert OutboxItem.objects.count() == 1
