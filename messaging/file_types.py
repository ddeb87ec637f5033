"""What a file is, by its first bytes, and a name for it that is only a name."""

import mimetypes
import re
import unicodedata

# offset, bytes, type; the first match counts
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypM4A ", "audio/mp4"),
    (4, b"ftypM4B ", "audio/mp4"),
    (4, b"ftypqt  ", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"caff", "audio/x-caf"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AIFF", "audio/aiff"),
    (8, b"AIFC", "audio/aiff"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (0, b"\xff\xf1", "audio/aac"),
    (0, b"\xff\xf9", "audio/aac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BEGIN:VCARD", "text/vcard"),
    (0, b"\xef\xbb\xbfBEGIN:VCARD", "text/vcard"),
    (0, b"BEGIN:VCALENDAR", "text/calendar"),
)
_RIFF_LIKE = {"image/webp": b"RIFF", "audio/wav": b"RIFF", "video/x-msvideo": b"RIFF", "audio/aiff": b"FORM"}
# Containers whose bytes do not say whether there is a picture in them: the claim decides within the family
_FAMILIES = {
    "video/mp4": ("audio/mp4", "audio/m4a", "audio/x-m4a", "audio/aac", "video/mp4", "video/quicktime"),
    "video/webm": ("audio/webm", "video/webm", "video/x-matroska", "audio/x-matroska"),
    "audio/ogg": ("audio/ogg", "audio/opus", "video/ogg", "application/ogg"),
    "application/zip": (),  # office documents: whatever the claim is
    "audio/mp4": ("audio/mp4", "audio/m4a", "audio/x-m4a"),
    "audio/x-caf": ("audio/x-caf", "audio/caf"),
    "audio/wav": ("audio/wav", "audio/x-wav", "audio/wave"),
}
_ACTIVE = ("text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml")
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")
MAX_NAME = 255
OCTETS = "application/octet-stream"


def sniff_type(head: bytes, *, claimed: str = "", filename: str = "") -> str:
    """The type to store. Bytes win over the claim, the claim over the name; an unknown thing is octets."""
    claim = claimed.partition(";")[0].strip().lower()
    claim = claim if _MIME.fullmatch(claim) else ""
    found = _by_magic(head)
    if found is None:
        guess = mimetypes.guess_type(filename)[0] if filename else None
        return (claim if claim != OCTETS else "") or guess or OCTETS
    if claim and claim in _FAMILIES.get(found, ()):
        return claim
    if found == "application/zip" and claim.startswith("application/") and claim != OCTETS:
        return claim
    return found


def _by_magic(head: bytes) -> str | None:
    for offset, magic, kind in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            start = _RIFF_LIKE.get(kind)
            if start is None or head.startswith(start):
                return kind
    return None


def safe_name(name: str | None) -> str:
    """The base name of whatever came, without control characters; empty when nothing usable is left."""
    if not name:
        return ""
    name = name.encode("utf-8", "replace").decode()
    name = name.replace("\\", "/").rpartition("/")[2]
    name = "".join(c for c in name if unicodedata.category(c)[0] != "C").strip()
    if name in (".", ".."):
        return ""
    if len(name) > MAX_NAME:
        stem, dot, end = name.rpartition(".")
        name = f"{stem[: MAX_NAME - len(end) - 1]}.{end}" if dot and len(end) < 20 else name[:MAX_NAME]
    return name


def is_shown_inline(mime_type: str) -> bool:
    """Images, sound and video may open in the browser; everything else, and pictures that can run, is downloaded."""
    return mime_type.startswith(("image/", "audio/", "video/")) and mime_type not in _ACTIVE
