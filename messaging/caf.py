"""Core Audio Format: as much of it as voice messages need. Pure; see spec transports §8.

A file is ``caff`` 0x0001 0x0000 and chunks of type (4), size (8, signed, -1 = to the end) and bytes. ``desc`` says the
format, ``data`` begins with an edit count (4), ``pakt`` holds packet sizes as base-128 varints.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

SAMPLE_RATE = 24_000
FRAMES_PER_PACKET = 480  # 20 ms
TARGET_CHUNKS = ("desc", "data", "pakt")
MAX_TABLE = 4 * 1024 * 1024  # of the packet table: 30 minutes need 180 KB
MAX_PACKETS = 400_000
_DESC = struct.Struct(">d4sIIIII")
_PAKT = struct.Struct(">qqii")


class BadCaf(ValueError):
    """Not a CAF file, or one that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Caf:
    """What was found. ``packet_sizes`` is empty where packets have one size; ``data_at`` is where the sound begins."""

    chunks: tuple[str, ...]
    sample_rate: float
    format_id: str
    bytes_per_packet: int
    frames_per_packet: int
    channels: int
    bits_per_channel: int
    data_at: int
    data_size: int
    packet_sizes: tuple[int, ...] = ()
    valid_frames: int = 0
    priming_frames: int = 0
    remainder_frames: int = 0

    @property
    def is_opus_24k_mono(self) -> bool:
        return (
            self.format_id == "opus"
            and self.sample_rate == SAMPLE_RATE
            and self.channels == 1
            and self.frames_per_packet == FRAMES_PER_PACKET
            and bool(self.packet_sizes)
            and sum(self.packet_sizes) == self.data_size
        )

    @property
    def is_target_layout(self) -> bool:
        """Exactly what we would write: may pass through untouched."""
        return self.is_opus_24k_mono and self.chunks == TARGET_CHUNKS and not self.bits_per_channel


def parse_caf(source: BinaryIO) -> Caf:
    """Reads the structure of a seekable file, not its sound. Raises ``BadCaf``."""
    source.seek(0)
    if source.read(8)[:6] != b"caff\x00\x01":
        raise BadCaf("no CAF header")
    source.seek(0, 2)
    end = source.tell()
    position = 8
    chunks: list[str] = []
    found: dict[str, tuple[int, int]] = {}
    while position + 12 <= end and len(chunks) < 64:
        source.seek(position)
        kind, size = struct.unpack(">4sq", source.read(12))
        position += 12
        if size == -1 and kind == b"data":
            size = end - position
        if size < 0 or position + size > end:
            raise BadCaf(f"chunk {kind!r} does not fit")
        name = kind.decode("latin-1")
        chunks.append(name)
        found.setdefault(name, (position, size))
        position += size
    if "desc" not in found or "data" not in found:
        raise BadCaf("no description or no data")
    return _assemble(source, tuple(chunks), found)


def _assemble(source: BinaryIO, chunks: tuple[str, ...], found: dict[str, tuple[int, int]]) -> Caf:
    at, size = found["desc"]
    if size != _DESC.size:
        raise BadCaf("a description of the wrong size")
    source.seek(at)
    rate, kind, _, per_packet, frames, channels, bits = _DESC.unpack(source.read(size))
    sizes: tuple[int, ...] = ()
    valid = priming = remainder = 0
    if "pakt" in found:
        at, size = found["pakt"]
        if size < _PAKT.size or size > MAX_TABLE:
            raise BadCaf("a packet table of an impossible size")
        source.seek(at)
        count, valid, priming, remainder = _PAKT.unpack(source.read(_PAKT.size))
        if per_packet == 0 and frames:
            sizes = _read_sizes(source.read(size - _PAKT.size), count)
    data_at, data_size = found["data"]
    return Caf(
        chunks=chunks,
        sample_rate=rate,
        format_id=kind.decode("latin-1").strip(),
        bytes_per_packet=per_packet,
        frames_per_packet=frames,
        channels=channels,
        bits_per_channel=bits,
        data_at=data_at + 4,
        data_size=max(0, data_size - 4),
        packet_sizes=sizes,
        valid_frames=valid,
        priming_frames=priming,
        remainder_frames=remainder,
    )


def _read_sizes(table: bytes, count: int) -> tuple[int, ...]:
    if not 0 <= count <= MAX_PACKETS:
        raise BadCaf("an impossible number of packets")
    sizes, value = [], 0
    for byte in table:
        value = value << 7 | byte & 0x7F
        if value >> 32:
            raise BadCaf("an impossible packet size")
        if not byte & 0x80:
            sizes.append(value)
            value = 0
            if len(sizes) == count:
                return tuple(sizes)
    if len(sizes) < count:
        raise BadCaf("a packet table that ends early")
    return tuple(sizes)


def write_varint(value: int) -> bytes:
    """Base 128, the high groups first, every byte but the last marked."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))


def write_caf(packets: Sequence[bytes], *, priming_frames: int, valid_frames: int) -> bytes:
    """A voice message in the target layout: exactly ``desc``, ``data``, ``pakt``. Frames count at 24 kHz."""
    remainder = max(0, len(packets) * FRAMES_PER_PACKET - priming_frames - valid_frames)
    desc = _DESC.pack(SAMPLE_RATE, b"opus", 0, 0, FRAMES_PER_PACKET, 1, 0)
    data = bytes(4) + b"".join(packets)
    table = _PAKT.pack(len(packets), valid_frames, priming_frames, remainder)
    table += b"".join(write_varint(len(packet)) for packet in packets)
    parts = [b"caff\x00\x01\x00\x00"]
    for kind, body in ((b"desc", desc), (b"data", data), (b"pakt", table)):
        parts += [kind, struct.pack(">q", len(body)), body]
    return b"".join(parts)


def rewrite_caf(source: BinaryIO, caf: Caf) -> bytes:
    """The same packets in the target layout."""
    source.seek(caf.data_at)
    packets = [source.read(size) for size in caf.packet_sizes]
    return write_caf(packets, priming_frames=caf.priming_frames, valid_frames=caf.valid_frames)
