"""Parts of bubbles: links that are safe, masks that tell nothing, waves, faces."""

import re
from collections.abc import Sequence
from functools import lru_cache

from django.core.files.storage import default_storage
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import normalize_newlines

from dashboard.markup import fill
from messaging.file_links import Variant, sign_file_token
from messaging.models import Chat, File

_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]}]")
_LINK = '<a href="{0}" target="_blank" rel="noopener noreferrer nofollow ugc">{0}</a>'
_SERVICE = {"iMessage": "", "SMS": "sms", "RCS": "sms"}
WAVE_HEIGHT = 28
_BAR = '<rect class="r" x="%.2f%%" y="%.1f" width="%.2f%%" height="%.1f" rx="1"/>'
CARD_BYTES = 4096
_CARD_NAME = re.compile(r"^FN[^:\n]*:([^\r\n]+)", re.MULTILINE)


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


def card_name(file: File) -> str:
    """The name on a contact card (vCard ``FN``); files never change, so it is read once per process."""
    return _read_card_name(file.storage_key) or file.filename or "Contact"


@lru_cache(maxsize=2048)
def _read_card_name(storage_key: str) -> str:
    try:
        with default_storage.open(storage_key) as stored:
            head = stored.read(CARD_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    found = _CARD_NAME.search(head)
    return found[1].strip().replace("\\,", ",").replace("\\;", ";")[:80] if found else ""


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
