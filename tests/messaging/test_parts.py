"""A send of several parts is one message, whatever of it is reported back; what cannot be sent says why."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from accounts.models import Organization
from core.clock import now
from lines.models import Line
from messaging.addressing import Sender
from messaging.models import Chat, File, Message, OutboxItem, Reaction
from messaging.services.dispatch import dispatch_due
from messaging.services.files import store_file
from messaging.services.receive import apply_inbound, store_events
from messaging.services.send import queue_audio, queue_message
from messaging.transcoding import AudioRefused
from transports.simulator import wire
from transports.simulator.models import PhoneMessage

pytestmark = pytest.mark.django_db(transaction=True)
SOUND = Path(__file__).parent.parent / "fixtures/audio/speech.m4a"


def make_file(organization: Organization, name: str = "note.txt", content: bytes = b"hello") -> File:
    return store_file(
        organization_id=organization.id, chunks=[content], filename=name, mime_type="text/plain", max_bytes=10**8
    )


@pytest.fixture
def item(chat: Chat, lumen: Organization) -> OutboxItem:
    """Text and a file, sent as two messages of the platform."""
    file = make_file(lumen)
    queued = queue_message(
        sender=Sender(organization_id=lumen.id), line=chat.line.handle, to=chat.public_id, text="See this",
        attachments=[file.public_id],
    )  # fmt: skip
    assert dispatch_due() == 1
    return OutboxItem.objects.get(pk=queued.id)


def echo_all(line: Line) -> None:
    rows = PhoneMessage.objects.filter(chat__line_handle=line.handle, is_from_line=True).select_related("chat")
    store_events(line_id=line.id, events=[wire.message_event(row) for row in rows.order_by("id")])
    apply_inbound()


def test_every_part_is_remembered_and_their_echoes_make_no_other_message(item: OutboxItem, line: Line) -> None:
    guids = list(PhoneMessage.objects.filter(is_from_line=True).order_by("id").values_list("guid", flat=True))
    assert (item.status, item.parts_sent, item.part_guids, item.guid) == ("sent", 2, guids, guids[0])
    echo_all(line)
    message = Message.objects.get(line_id=line.id, is_from_me=True)
    assert (message.guid, message.outbox_id, message.attachments.count()) == (guids[0], item.id, 1)


def test_a_tapback_on_a_later_part_is_on_the_message(item: OutboxItem, line: Line, chat: Chat) -> None:
    event = wire.reaction_event(
        line.handle, target=item.part_guids[1], sender=chat.identifier, is_from_me=False, type_="love", added=True,
        row_guid="ROW-1", at=now(),
    )  # fmt: skip
    store_events(line_id=line.id, events=[event])
    apply_inbound()
    assert Reaction.objects.get().message.outbox_id == item.id


@pytest.mark.parametrize(("code", "reason"), [("media_too_large", "too large"), ("media_unsupported", "no sound")])
def test_a_sound_that_is_refused_keeps_its_reason(
    chat: Chat, lumen: Organization, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    item = queue_sound(chat, lumen)

    def refuse(**_: Any) -> File:
        raise AudioRefused(code, reason)

    monkeypatch.setattr("messaging.services.audio.prepare_voice_memo", refuse)
    assert_failed(item, code)
    assert not PhoneMessage.objects.filter(is_from_line=True).exists()


def test_a_sound_whose_file_is_gone_says_so(chat: Chat, lumen: Organization) -> None:
    item = queue_sound(chat, lumen)
    file = File.objects.get()
    default_storage.delete(file.storage_key)
    assert_failed(item, "file_unreadable")
    assert not PhoneMessage.objects.filter(is_from_line=True).exists()


def test_a_file_whose_row_is_gone_says_so_and_stops_nobody(chat: Chat, lumen: Organization) -> None:
    file = make_file(lumen)
    sender = Sender(organization_id=lumen.id)
    queued = queue_message(
        sender=sender, line=chat.line.handle, to=chat.public_id, text=None, attachments=[file.public_id]
    )
    File.objects.all().delete()
    assert_failed(OutboxItem.objects.get(pk=queued.id), "file_unreadable")
    after = queue_message(sender=sender, line=chat.line.handle, to=chat.public_id, text="next")
    dispatch_due()
    assert OutboxItem.objects.get(pk=after.id).status == "sent"


def queue_sound(chat: Chat, organization: Organization) -> OutboxItem:
    file = make_file(organization, "speech.m4a", SOUND.read_bytes())
    queued = queue_audio(
        sender=Sender(organization_id=organization.id),
        line=chat.line.handle,
        to=chat.public_id,
        audio_message=file.public_id,
    )
    return OutboxItem.objects.get(pk=queued.id)


def assert_failed(item: OutboxItem, code: str) -> None:
    dispatch_due()
    item.refresh_from_db()
    assert (item.status, item.error) == ("failed", code)
