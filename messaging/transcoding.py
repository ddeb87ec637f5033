"""Sound in, sound out, with PyAV: 24 kHz mono Opus for sending, AAC for browsers, peaks for drawing (transports §8)."""

import io
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.error

from messaging.caf import FRAMES_PER_PACKET, SAMPLE_RATE, BadCaf, parse_caf, rewrite_caf, write_caf

MAX_SECONDS = 30 * 60
MAX_BYTES = 100 * 1024 * 1024
BIT_RATE = 32_000
PEAKS = 64


class AudioRefused(ValueError):
    """``code`` is one of spec transports §2.2: media_unsupported or media_too_large."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """``caf`` is None when the source may be sent as it is; ``peaks`` are 64 values from 0 to 100."""

    caf: bytes | None
    m4a: bytes
    duration_seconds: float
    peaks: list[int]


def probe_sound(path: Path) -> None:
    """Raises ``AudioRefused`` for what is plainly no sound, without decoding it all."""
    _check_size(path)
    try:
        with av.open(str(path)) as container:
            _check_container(container)
    except AudioRefused:
        raise
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise AudioRefused("media_unsupported", f"this is not a sound file that can be read: {error}") from None


def convert_sound(path: Path) -> Sound:
    """Decodes a file once and makes everything of it. Raises ``AudioRefused``.

    24 kHz mono Opus in CAF keeps its packets: untouched in the target layout, else with other chunks removed.
    """
    _check_size(path)
    kept, keeps_packets = _existing_caf(path)
    encoder = None if keeps_packets else _OpusEncoder()
    aac, meter = _AacWriter(), _Meter()
    try:
        for frame in _decode(path):
            meter.add(frame)
            if meter.samples > MAX_SECONDS * SAMPLE_RATE:
                raise AudioRefused("media_too_large", "the sound is longer than 30 minutes")
            if encoder is not None:
                encoder.add(frame)
            aac.add(frame)
    except AudioRefused:
        raise
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise AudioRefused("media_unsupported", f"the sound cannot be decoded: {error}") from None
    if not meter.samples:
        raise AudioRefused("media_unsupported", "there is no sound in it")
    caf = encoder.finish(meter.samples) if encoder is not None else kept
    return Sound(
        caf=caf, m4a=aac.finish(), duration_seconds=round(meter.samples / SAMPLE_RATE, 3), peaks=meter.list_peaks()
    )


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise AudioRefused("file_unreadable", "the stored file is gone") from None
    if size > MAX_BYTES:
        raise AudioRefused("media_too_large", "the file is larger than 100 MB")


def _check_container(container: "av.container.InputContainer") -> None:
    if not container.streams.audio:
        raise AudioRefused("media_unsupported", "there is no sound in it")
    if container.duration is not None and container.duration > MAX_SECONDS * av.time_base:
        raise AudioRefused("media_too_large", "the sound is longer than 30 minutes")


def _existing_caf(path: Path) -> tuple[bytes | None, bool]:
    """Rewritten bytes if any, and whether the packets are kept."""
    with path.open("rb") as source:
        try:
            caf = parse_caf(source)
        except BadCaf:
            return None, False
        if caf.is_target_layout:
            return None, True
        return (rewrite_caf(source, caf), True) if caf.is_opus_24k_mono else (None, False)


def _decode(path: Path) -> Iterator["av.AudioFrame"]:
    """Frames of 20 ms, 24 kHz, mono, 16 bit; the last may be shorter."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE, frame_size=FRAMES_PER_PACKET)
    with av.open(str(path)) as container:
        _check_container(container)
        stream = container.streams.audio[0]
        for frame in container.decode(stream):
            frame.pts = None  # broken clocks of broken files must not stop the sound
            yield from resampler.resample(frame)
        yield from resampler.resample(None)


class _OpusEncoder:
    def __init__(self) -> None:
        self._codec = av.CodecContext.create("libopus", "w")
        self._codec.sample_rate = SAMPLE_RATE
        self._codec.layout = "mono"
        self._codec.format = "s16"
        self._codec.bit_rate = BIT_RATE
        self._codec.options = {"application": "voip", "frame_duration": "20"}
        self._packets: list[bytes] = []

    def add(self, frame: "av.AudioFrame") -> None:
        self._packets += [bytes(packet) for packet in self._codec.encode(frame)]

    def finish(self, samples: int) -> bytes:
        self._packets += [bytes(packet) for packet in self._codec.encode(None)]
        head = self._codec.extradata or b""
        # OpusHead counts what a decoder must skip at 48 kHz
        skip = int.from_bytes(head[10:12], "little") if head.startswith(b"OpusHead") else 312
        return write_caf(self._packets, priming_frames=skip * SAMPLE_RATE // 48_000, valid_frames=samples)


class _AacWriter:
    def __init__(self) -> None:
        self._file = io.BytesIO()
        self._container = av.open(self._file, "w", format="mp4")
        self._stream = self._container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        self._stream.bit_rate = BIT_RATE

    def add(self, frame: "av.AudioFrame") -> None:
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._file.getvalue()


class _Meter:
    """Counts samples and keeps the loudest of every frame."""

    def __init__(self) -> None:
        self.samples = 0
        self._loudest: list[int] = []

    def add(self, frame: "av.AudioFrame") -> None:
        samples = array("h")
        samples.frombytes(bytes(frame.planes[0])[: frame.samples * 2])
        self.samples += frame.samples
        if samples:
            self._loudest.append(max(max(samples), -min(samples)))

    def list_peaks(self) -> list[int]:
        """64 values relative to the loudest, so that a quiet memo can be seen too."""
        count, top = len(self._loudest), max(self._loudest, default=0)
        if not top:
            return [0] * PEAKS
        peaks = []
        for n in range(PEAKS):
            first = n * count // PEAKS
            last = max(first + 1, (n + 1) * count // PEAKS)
            peaks.append(round(max(self._loudest[first:last], default=0) * 100 / top))
        return peaks
