"""Phone numbers and e-mail handles: one canonical form for storing, one for reading (spec api §8, transports §9)."""

import re
from functools import lru_cache

import phonenumbers

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PUNCTUATION = re.compile(r"[\s.\-()\u00a0\u2010-\u2015]+")
_E164 = re.compile(r"\+[0-9]{6,15}")


def normalise_handle(text: str) -> str:
    """The canonical form: E.164 without punctuation, lower-case e-mail; anything else trimmed and kept.

    A leading space before digits is read as ``+``, which is what an unescaped plus becomes in a query string.
    """
    if text.startswith(" ") and text.strip()[:1].isdigit():
        text = "+" + text.strip()
    text = text.strip()
    if text.lower().startswith("tel:"):
        text = text[4:]
    if "@" in text:
        return text.lower()
    if text.startswith("+"):
        return _PUNCTUATION.sub("", text)
    return text


def is_handle(text: str) -> bool:
    """Whether a normalised text can be a person's or a line's handle."""
    return bool(_E164.fullmatch(text)) or bool(_EMAIL.fullmatch(text))


def normalise_with_region(text: str, region: str) -> str:
    """As ``normalise_handle``; a national number such as ``(555) 010-0002`` gets the region's country code."""
    handle = normalise_handle(text)
    if "@" in handle or handle.startswith("+"):
        return handle
    try:
        number = phonenumbers.parse(handle, region)
    except phonenumbers.NumberParseException:
        return handle
    if not phonenumbers.is_possible_number(number):
        return handle  # short codes stay verbatim
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


@lru_cache(maxsize=4096)
def format_handle(handle: str) -> str:
    """Grouped for reading, ``+1 628 555 0144``; e-mails unchanged."""
    if not _E164.fullmatch(handle):
        return handle
    try:
        number = phonenumbers.parse(handle)
    except phonenumbers.NumberParseException:
        return handle
    text = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))
    return text.replace("-", " ")
