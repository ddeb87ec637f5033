"""Parts of bubbles: links that are safe, masks that tell nothing, waves, faces."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.core.files.storage import default_storage
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import normalize_newlines

from core.handles import format_handle
from dashboard.markup import fill
from messaging.file_links import Variant, sign_file_token
from messaging.models import Chat, File

_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]}]")
_LINK = '<a href="{0}" target="_blank" rel="noopener noreferrer nofollow ugc">{0}</a>'
_SERVICE = {"iMessage": "", "SMS": "sms", "RCS": "sms"}
WAVE_HEIGHT = 28
_BAR = '<rect class="r" x="%.2f%%" y="%.1f" width="%.2f%%" height="%.1f" rx="1"/>'
CARD_BYTES = 4096
CARD_ROWS = 5
_CARD_LINE = re.compile(r"^(?:item\d+\.)?(FN|ORG|TEL|EMAIL)(?:;[^:\r\n]*)?:([^\r\n]+)", re.MULTILINE | re.IGNORECASE)
SNIPPET_LEAD = 24


def links(text: str) -> SafeString:
    """Text with its lines, and its http(s) addresses as links that give nothing away and get no power over the page."""
    parts, end = [], 0
    for found in _URL.finditer(text):
        parts.append(escape(text[end : found.start()]))
        parts.append(fill(_LINK, found[0]))
        end = found.end()
    parts.append(escape(text[end:]))
    return SafeString(normalize_newlines("".join(parts)).replace("\n", "<br>"))  # every part was escaped above


def mask(text: str | None) -> SafeString:
    """Bars about as long as the text, rounded so that they tell nothing: the text is not in the page at all."""
    words = min(6, 1 + len(text or "") // 24)
    return mark_safe("<i></i>" * words)


def initials(chat: Chat) -> str:
    """Two letters of a name or an Apple ID, or the end of a number: what tells one from another."""
    if chat.name:
        words = [word for word in chat.name.split() if word[:1].isalnum()]
        return "".join(word[0] for word in words[:2]).upper() or chat.name[:1]
    return chat.identifier[-2:] if chat.identifier[1:].isdigit() else chat.identifier[:2].upper()


def bubble_class(service: str | None) -> str:
    return _SERVICE.get(service or "", "")


def file_url(file: File | None, kind: str = "") -> str:
    """A link to a file's bytes that expires; ``m4a`` is the copy for browsers of a voice memo."""
    if file is None:
        return ""
    has_copy = kind == "m4a" and bool(file.audio_m4a_key)
    return "/files/" + sign_file_token(file.id, variant=Variant.M4A if has_copy else Variant.ORIGINAL)


def snippet(text: str, query: str) -> str:
    """The part of a text that has the first word of a search, on one line."""
    words = query.casefold().split()
    line = " ".join(text.split())
    at = line.casefold().find(words[0]) if words else -1
    return line[:160] if at <= SNIPPET_LEAD else "…" + line[at - SNIPPET_LEAD // 2 : at + 160]


@dataclass(frozen=True, slots=True)
class Card:
    """What a contact card says: a name, and the company, numbers and addresses as they stand in it."""

    name: str
    rows: tuple[str, ...]


def read_card(file: File) -> Card:
    """The beginning of a vCard; files never change, so it is read once per process."""
    card = _read_card(file.storage_key)
    return card if card.name else Card(file.filename or "Contact", card.rows)


@lru_cache(maxsize=2048)
def _read_card(storage_key: str) -> Card:
    try:
        with default_storage.open(storage_key) as stored:
            head = stored.read(CARD_BYTES).decode("utf-8", "replace")
    except OSError:
        return Card("", ())
    found: dict[str, list[str]] = {}
    for name, value in _CARD_LINE.findall(head.replace("\r\n ", "").replace("\n ", "")):
        words = value.strip().rstrip(";").replace("\\,", ",").replace("\\;", ";")[:80]
        found.setdefault(name.upper(), []).append(words)
    rows = [*found.get("ORG", [])[:1], *map(format_handle, found.get("TEL", [])), *found.get("EMAIL", [])]
    return Card(found.get("FN", [""])[0], tuple(row for row in rows if row)[:CARD_ROWS])


def wave(peaks: Sequence[int]) -> SafeString:
    """A voice memo's loudness as bars; geometry by attributes."""
    bars = list(peaks) or [20] * 44
    width = 100 / len(bars)
    rows = []
    for index, peak in enumerate(bars):
        height = max(3.0, WAVE_HEIGHT * min(peak, 100) / 100)
        top = (WAVE_HEIGHT - height) / 2
        rows.append(_BAR % (index * width, top, width * 0.62, height))
    inside = SafeString("".join(rows))  # numbers alone
    return fill('<svg class="wave" height="{}" aria-hidden="true">{}</svg>', WAVE_HEIGHT, inside)


def clock(seconds: float | None) -> str:
    """``0:14``"""
    whole = round(seconds or 0)
    return f"{whole // 60}:{whole % 60:02d}"
