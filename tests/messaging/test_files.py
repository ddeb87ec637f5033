"""Uploads and signed downloads (spec api §9.9)."""

import hashlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Organization
from core.errors import AppError
from messaging.file_links import Variant, open_file_token, sign_file_token, sign_file_url
from messaging.file_types import is_shown_inline, safe_name, sniff_type
from messaging.models import File
from messaging.services.files import get_file, store_file

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def path_of(url: str) -> str:
    return url[url.index("/files/") :]


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_bytes_are_kept_hashed_and_typed(lumen: Organization, media: Path) -> None:
    file = store_file(organization_id=lumen.id, chunks=[PNG[:5], PNG[5:]], filename="C:\\a\\../b.png", mime_type="")
    assert (file.size, file.mime_type, file.filename) == (len(PNG), "image/png", "b.png")
    assert bytes(file.sha256) == hashlib.sha256(PNG).digest()
    assert (media / file.storage_key).read_bytes() == PNG


def test_nothing_and_too_much_are_refused_and_leave_nothing(lumen: Organization, media: Path) -> None:
    for chunks, expected in (
        ([], (400, "empty_file")),
        ([b""], (400, "empty_file")),
        ([b"x" * 11], (413, "file_too_large")),
    ):
        with pytest.raises(AppError) as caught:
            store_file(organization_id=lumen.id, chunks=chunks, max_bytes=10)
        assert (caught.value.status, caught.value.code) == expected
    assert not File.objects.exists()
    assert not [p for p in media.rglob("*") if p.is_file()]


def test_memory_does_not_grow_with_size(lumen: Organization) -> None:
    def chunks(count: int) -> Iterator[bytes]:
        for n in range(count):
            yield bytes([n % 256]) * 256 * 1024

    def peak(count: int) -> int:
        tracemalloc.start()
        store_file(organization_id=lumen.id, chunks=chunks(count))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(4)
    assert peak(400) < 16 * 1024 * 1024  # of 100 MB; other threads allocate meanwhile


def test_a_link_serves_the_bytes_without_a_key(client: Client, lumen: Organization) -> None:
    file = store_file(organization_id=lumen.id, chunks=[PNG], filename='Räksmörgås "1".png')
    response = client.get(path_of(sign_file_url(file.id)))
    assert (response.status_code, body(response)) == (200, PNG)
    assert response["Content-Type"] == "image/png"
    assert response["Content-Disposition"].startswith("inline; filename=\"R_ksm_rg_s _1_.png\"; filename*=UTF-8''R%C3")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox;")


@pytest.mark.parametrize("claimed", ["text/html", "image/svg+xml", "application/pdf", ""])
def test_what_is_not_plainly_media_is_downloaded(client: Client, lumen: Organization, claimed: str) -> None:
    file = store_file(organization_id=lumen.id, chunks=[b"<svg onload=alert(1)>"], filename="a.x", mime_type=claimed)
    response = client.get(path_of(sign_file_url(file.id)))
    assert response["Content-Disposition"].startswith("attachment")
    assert body(response)


def test_ranges(client: Client, lumen: Organization) -> None:
    path = path_of(sign_file_url(store_file(organization_id=lumen.id, chunks=[b"0123456789"]).id))
    for wanted, expected, place in (
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ):
        response = client.get(path, headers={"Range": wanted})
        assert (response.status_code, body(response), response["Content-Range"]) == (206, expected, place)
        assert response["Content-Length"] == str(len(expected))
    assert client.get(path, headers={"Range": "bytes=10-"}).status_code == 416
    assert body(client.get(path, headers={"Range": "lines=1-2"})) == b"0123456789"
    head = client.head(path)
    assert body(head) == b""
    assert (head["Content-Length"], head["Accept-Ranges"]) == ("10", "bytes")
    assert client.get(path, headers={"If-None-Match": head["ETag"]}).status_code == 304
    assert client.post(path).status_code == 405


def test_a_forged_or_expired_link_finds_nothing(client: Client, lumen: Organization) -> None:
    file = store_file(organization_id=lumen.id, chunks=[b"x"])
    token = sign_file_token(file.id)
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), token.replace("o", "m", 1), "x", "x.y", "é.é"):
        assert client.get(f"/files/{wrong}").status_code == 404
    assert open_file_token(token) is not None
    assert client.get(f"/files/{sign_file_token(file.id, life_seconds=-2 * 86_400)}").status_code == 404
    assert client.get(f"/files/{sign_file_token(file.id, variant=Variant.M4A)}").status_code == 404


def test_a_file_is_its_organizations(lumen: Organization, other: Organization) -> None:
    file = store_file(organization_id=lumen.id, chunks=[b"x"])
    assert get_file(organization_id=lumen.id, file_id=file.public_id) == file
    for organization, file_id, code in (
        (other, file.public_id, "file_not_found"),
        (lumen, "file_zz", "file_not_found"),
        (lumen, "msg_1", "invalid_parameter_value"),
        (lumen, "", "missing_required_parameter"),
    ):
        with pytest.raises(AppError) as caught:
            get_file(organization_id=organization.id, file_id=file_id)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("head", "claimed", "name", "expected"),
    [
        (PNG, "text/html", "a.html", "image/png"),
        (b"\0\0\0\x20ftypM4A ", "", "", "audio/mp4"),
        (b"\0\0\0\x20ftypisom", "audio/mp4", "", "audio/mp4"),
        (b"\0\0\0\x20ftypisom", "", "", "video/mp4"),
        (b"\x1a\x45\xdf\xa3", "audio/webm;codecs=opus", "", "audio/webm"),
        (b"BEGIN:VCARD\r\n", "application/octet-stream", "me.vcf", "text/vcard"),
        (b"caff\0\1", "", "", "audio/x-caf"),
        (b"RIFF1234WAVE", "", "", "audio/wav"),
        (b"PK\x03\x04", "application/vnd.ms-excel", "", "application/vnd.ms-excel"),
        (b"hello", "", "a.txt", "text/plain"),
        (b"hello", "not a type", "", "application/octet-stream"),
    ],
)
def test_types_are_found_by_the_bytes(head: bytes, claimed: str, name: str, expected: str) -> None:
    assert sniff_type(head, claimed=claimed, filename=name) == expected


@given(st.text(max_size=400))
def test_a_name_is_never_a_path(name: str) -> None:
    safe = safe_name(name)
    assert "/" not in safe
    assert "\\" not in safe
    assert "\0" not in safe
    assert safe not in (".", "..")
    assert len(safe) <= 255


def test_pictures_that_can_run_are_not_shown() -> None:
    assert [is_shown_inline(t) for t in ("image/png", "image/svg+xml", "text/html", "video/mp4")] == [
        True,
        False,
        False,
        True,
    ]
