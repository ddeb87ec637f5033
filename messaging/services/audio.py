"""Voice messages: what is kept beside a file so that it can be sent, heard in a browser and drawn."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet

from core.clock import now
from core.ids import public_id, uuid7_floor
from events.services import NewEvent, append_events
from events.types import MESSAGE_UPDATED
from messaging.file_links import Variant, sign_file_url
from messaging.models import Attachment, File
from messaging.payloads import encode
from messaging.transcoding import AudioRefused, convert_sound, probe_sound

VOICE_NAME = "Audio Message.caf"
VOICE_TYPE = "audio/x-caf"
RECENT = timedelta(days=2)
BATCH = 10


def prepare_voice_memo(*, file: File) -> File:
    """The file with its CAF, AAC, duration and peaks; made on first use. Raises ``AudioRefused``.

    Send ``file.audio_caf_key`` under ``VOICE_NAME``. Two processes at once do the work twice and agree.
    """
    if file.audio_caf_key:
        return file
    with local_copy(file) as path:
        sound = convert_sound(path)
    base = f"sound/{file.organization_id.hex}/{file.id.hex}"
    file.audio_caf_key = file.storage_key if sound.caf is None else _save(f"{base}.caf", sound.caf)
    file.audio_m4a_key = _save(f"{base}.m4a", sound.m4a)
    file.duration_seconds, file.peaks = sound.duration_seconds, sound.peaks
    file.save(update_fields=["audio_caf_key", "audio_m4a_key", "duration_seconds", "peaks"])
    return file


def check_sound(*, file_id: UUID) -> None:
    """Raises ``AudioRefused`` for a file that is plainly no sound; cheap, and nothing for one already prepared."""
    file = File.objects.get(id=file_id)
    if not file.audio_caf_key:
        with local_copy(file) as path:
            probe_sound(path)


def prepare_received_memos() -> int:
    """Makes received voice messages listenable, a batch; returns how many were looked at.

    One that cannot be decoded gets the duration 0 and is not tried again: the original stays downloadable.
    """
    rows = list(unprepared_memos().select_related("message", "file")[:BATCH])
    for attachment in rows:
        assert attachment.file is not None
        try:
            prepare_voice_memo(file=attachment.file)
        except AudioRefused:
            File.objects.filter(id=attachment.file.id).update(duration_seconds=0)
        _announce(attachment)
    return len(rows)


def unprepared_memos() -> QuerySet[Attachment]:
    """Attachments of recent voice messages whose sound has not been made listenable."""
    return Attachment.objects.filter(
        file__id__gte=uuid7_floor(now() - RECENT),
        file__audio_m4a_key="",
        file__duration_seconds=None,
        message__is_audio_message=True,
    )


def sign_listen_url(file: File) -> str | None:
    """A link to the AAC copy, None while there is none."""
    return sign_file_url(file.id, variant=Variant.M4A) if file.audio_m4a_key else None


@contextmanager
def local_copy(file: File) -> Iterator[Path]:
    """The file's bytes at a path: its own on a local disk, a temporary copy from elsewhere."""
    try:
        path = Path(default_storage.path(file.storage_key))
    except NotImplementedError:
        with tempfile.NamedTemporaryFile() as copy, default_storage.open(file.storage_key) as source:
            shutil.copyfileobj(source, copy, 1024 * 1024)
            copy.flush()
            yield Path(copy.name)
    else:
        yield path


def _save(name: str, content: bytes) -> str:
    return default_storage.save(name, ContentFile(content))


@transaction.atomic
def _announce(attachment: Attachment) -> None:
    message = attachment.message
    append_events(
        [
            NewEvent(
                organization_id=message.organization_id,
                line_id=message.line_id,
                chat_id=message.chat_id,
                type=MESSAGE_UPDATED,
                object_id=message.id,
                data=encode({"id": public_id("msg", message.id), "fields": ["sound"]}),
            )
        ]
    )
