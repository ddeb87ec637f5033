"""Voice messages from every accepted kind of sound (spec transports §8)."""

import io
from pathlib import Path
from typing import Any

import av
import pytest

from accounts.models import Organization
from core.clock import now
from core.errors import AppError
from lines.models import Line
from messaging.addressing import Sender
from messaging.caf import parse_caf
from messaging.models import Attachment, Chat, File, Message, OutboxItem
from messaging.services.audio import prepare_received_memos, prepare_voice_memo, sign_listen_url
from messaging.services.files import store_file
from messaging.services.send import queue_audio
from messaging.transcoding import AudioRefused, convert_sound, probe_sound

AUDIO = Path(__file__).parent.parent / "fixtures" / "audio"
SECONDS = 2.99


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def made_with_pyav(path: Path, codec: str, format_: str, layout: str = "stereo", rate: int = 44_100) -> Path:
    """The clip again in a container that is not among the fixtures."""
    with av.open(str(AUDIO / "speech.wav")) as source, av.open(str(path), "w", format=format_) as target:
        stream = target.add_stream(codec, rate=rate, layout=layout)
        for frame in source.decode(audio=0):
            frame.pts = None
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


def check_is_voice_memo(caf_bytes: bytes) -> None:
    caf = parse_caf(io.BytesIO(caf_bytes))
    assert caf.is_target_layout
    assert caf_bytes[caf.data_at] == 0x68
    total = len(caf.packet_sizes) * 480
    assert caf.priming_frames + caf.valid_frames + caf.remainder_frames == total
    assert abs(caf.valid_frames / 24_000 - SECONDS) < 0.1


@pytest.mark.parametrize(
    "name", ["speech.m4a", "speech.mp3", "speech.wav", "speech.ogg", "speech-pcm.caf", "speech-opus48k.caf"]
)
def test_every_usual_input_becomes_a_voice_memo(name: str) -> None:
    sound = convert_sound(AUDIO / name)
    assert sound.caf is not None
    check_is_voice_memo(sound.caf)
    assert abs(sound.duration_seconds - SECONDS) < 0.1
    assert (len(sound.peaks), max(sound.peaks)) == (64, 100)
    assert len(sound.caf) < 20_000


@pytest.mark.parametrize(
    ("name", "codec", "format_", "rate"),
    [
        ("a.aiff", "pcm_s16be", "aiff", 44_100),
        ("a.webm", "libopus", "webm", 48_000),
        ("a.flac", "flac", "flac", 44_100),
    ],
)
def test_aiff_webm_and_flac_too(tmp_path: Path, name: str, codec: str, format_: str, rate: int) -> None:
    sound = convert_sound(made_with_pyav(tmp_path / name, codec, format_, rate=rate))
    assert sound.caf is not None
    check_is_voice_memo(sound.caf)


def test_the_memo_can_be_heard_again(tmp_path: Path) -> None:
    sound = convert_sound(AUDIO / "speech.wav")
    assert sound.caf is not None
    for content, rate in ((sound.caf, 24_000), (sound.m4a, 24_000)):
        with av.open(io.BytesIO(content)) as container:
            stream = container.streams.audio[0]
            seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(stream))
        assert abs(seconds - SECONDS) < 0.1, rate


def test_apples_own_layout_passes_through_and_its_neighbour_is_rewritten() -> None:
    apple = AUDIO / "speech-opus24k-apple-layout.caf"
    assert convert_sound(apple).caf is None
    assert convert_sound(AUDIO / "speech-opus24k-extra-chunks.caf").caf == apple.read_bytes()


@pytest.mark.parametrize("content", [b"not sound at all", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"RIFF\0\0\0\0WAVE"])
def test_what_is_no_sound_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    for act in (convert_sound, probe_sound):
        with pytest.raises(AudioRefused) as caught:
            act(path)
        assert caught.value.code == "media_unsupported"


def test_more_than_thirty_minutes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    with av.open(str(path), "w", format="flac") as target:
        stream = target.add_stream("flac", rate=8000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=8000 * 60)
        frame.sample_rate = 8000
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        for _ in range(31):
            frame.pts = None
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    for act in (probe_sound, convert_sound):
        with pytest.raises(AudioRefused) as caught:
            act(path)
        assert caught.value.code == "media_too_large"


def stored(organization: Organization, name: str) -> File:
    return store_file(organization_id=organization.id, chunks=[(AUDIO / name).read_bytes()], filename=name)


def test_a_file_is_prepared_once(lumen: Organization) -> None:
    file = stored(lumen, "speech.mp3")
    prepared = prepare_voice_memo(file=file)
    again = prepare_voice_memo(file=File.objects.get())
    assert prepared.audio_caf_key == again.audio_caf_key != ""
    assert prepared.duration_seconds == pytest.approx(SECONDS, abs=0.1)
    assert sign_listen_url(prepared) is not None
    apple = prepare_voice_memo(file=stored(lumen, "speech-opus24k-apple-layout.caf"))
    assert apple.audio_caf_key == apple.storage_key


def test_a_received_memo_becomes_listenable(line: Line, chat: Chat, lumen: Organization) -> None:
    good, bad = stored(lumen, "speech-opus24k-extra-chunks.caf"), stored(lumen, "README.md")
    for n, file in enumerate((good, bad)):
        message = Message.objects.create(
            organization_id=lumen.id,
            line_id=line.id,
            chat=chat,
            guid=f"G{n}",
            sender=chat.identifier,
            is_from_me=False,
            is_audio_message=True,
            sent_at=now(),
            synced_at=now(),
        )
        Attachment.objects.create(message=message, file=file)
    assert prepare_received_memos() == 2
    assert prepare_received_memos() == 0
    good.refresh_from_db()
    bad.refresh_from_db()
    assert (len(good.peaks), bad.duration_seconds, bad.audio_m4a_key) == (64, 0, "")


def test_a_voice_message_is_checked_when_it_is_queued(chat: Chat, lumen: Organization) -> None:
    sender = Sender(organization_id=lumen.id)
    arguments = {"sender": sender, "line": chat.line.handle, "to": chat.identifier}
    fake = store_file(organization_id=lumen.id, chunks=[b"RIFF\0\0\0\0WAVE"], filename="a.wav")
    with pytest.raises(AppError) as caught:
        queue_audio(**arguments, audio_message=fake.public_id)
    assert (caught.value.status, caught.value.param) == (400, "audio_message")
    queue_audio(**arguments, audio_message=stored(lumen, "speech.wav").public_id)
    assert OutboxItem.objects.get().operation == "audio"
