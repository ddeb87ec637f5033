"""Reading and writing Core Audio Format."""

import contextlib
import io
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.caf import BadCaf, parse_caf, rewrite_caf, write_caf, write_varint

AUDIO = Path(__file__).parent.parent / "fixtures" / "audio"
APPLE = (AUDIO / "speech-opus24k-apple-layout.caf").read_bytes()


def test_apples_layout_is_recognised_and_written_byte_for_byte() -> None:
    expected = json.loads((AUDIO / "expected.json").read_text())["apple_layout"]
    source = io.BytesIO(APPLE)
    caf = parse_caf(source)
    assert caf.is_target_layout
    assert list(caf.chunks) == expected["chunks"]
    assert (caf.sample_rate, caf.format_id, caf.channels) == (expected["sample_rate"], "opus", 1)
    assert (len(caf.packet_sizes), caf.valid_frames, caf.priming_frames) == (150, 71760, 156)
    assert rewrite_caf(source, caf) == APPLE


def test_other_chunks_are_taken_out_without_touching_the_packets() -> None:
    source = (AUDIO / "speech-opus24k-extra-chunks.caf").open("rb")
    with source:
        caf = parse_caf(source)
        assert (caf.is_opus_24k_mono, caf.is_target_layout) == (True, False)
        assert rewrite_caf(source, caf) == APPLE


@pytest.mark.parametrize("name", ["speech-opus48k.caf", "speech-pcm.caf"])
def test_other_codecs_and_rates_are_not_kept(name: str) -> None:
    with (AUDIO / name).open("rb") as source:
        assert not parse_caf(source).is_opus_24k_mono


def test_what_contradicts_itself_is_refused() -> None:
    count_at = APPLE.index(b"pakt") + 12
    endless = APPLE[:count_at] + struct.pack(">q", 2**40) + APPLE[count_at + 8 :]
    more = APPLE[:count_at] + struct.pack(">q", 151) + APPLE[count_at + 8 :]
    for broken in (b"", b"RIFF" * 4, APPLE[:30], APPLE[:5000], endless, more):
        with pytest.raises(BadCaf):
            parse_caf(io.BytesIO(broken))


@given(st.binary(max_size=300))
def test_garbage_after_the_header_is_refused_or_read_but_never_fatal(tail: bytes) -> None:
    with contextlib.suppress(BadCaf):
        assert parse_caf(io.BytesIO(APPLE[:60] + tail)).chunks[0] == "desc"


@given(st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=50))
def test_packets_of_any_size_come_back(packets: list[bytes]) -> None:
    source = io.BytesIO(write_caf(packets, priming_frames=156, valid_frames=len(packets) * 480 - 156))
    caf = parse_caf(source)
    assert caf.is_target_layout
    assert list(caf.packet_sizes) == [len(packet) for packet in packets]
    assert rewrite_caf(source, caf) == source.getvalue()


@pytest.mark.parametrize(("value", "written"), [(0, "00"), (127, "7f"), (128, "8100"), (16384, "818000")])
def test_varints_put_the_high_bits_first(value: int, written: str) -> None:
    assert write_varint(value).hex() == written
