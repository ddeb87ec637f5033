"""Signed download links: usable without an API key, for a while (spec api §9.3, §9.9).

A token is ``<file id><variant><expiry>.<signature>``; it names one file in one variant and cannot be made into another.
"""

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from uuid import UUID

from django.conf import settings

LIFE_SECONDS = 7 * 86400
# Links made on the same day are the same, so that a browser's cache works and lists do not flicker
STEP_SECONDS = 86400


class Variant(StrEnum):
    """Which bytes of a file: as it came, or one of the sound formats made from it."""

    ORIGINAL = "o"
    CAF = "c"
    M4A = "m"


@dataclass(frozen=True, slots=True)
class FileLink:
    file_id: UUID
    variant: Variant


@cache
def _keys() -> tuple[bytes, ...]:
    secrets = [str(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return tuple(hashlib.sha256(b"file-link:" + secret.encode()).digest() for secret in secrets)


def _sign(key: bytes, body: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, body.encode(), "sha256")[:18]).decode()


def sign_file_token(file_id: UUID, *, variant: Variant = Variant.ORIGINAL, life_seconds: int = LIFE_SECONDS) -> str:
    """The token lasts at least ``life_seconds`` and at most a day more."""
    expires = (int(time.time()) + life_seconds) // STEP_SECONDS * STEP_SECONDS + STEP_SECONDS
    body = f"{file_id.hex}{variant.value}{expires:x}"
    return f"{body}.{_sign(_keys()[0], body)}"


def sign_file_url(file_id: UUID, *, variant: Variant = Variant.ORIGINAL, life_seconds: int = LIFE_SECONDS) -> str:
    """An absolute URL that serves the bytes."""
    return f"{settings.BASE_URL}/files/{sign_file_token(file_id, variant=variant, life_seconds=life_seconds)}"


def open_file_token(token: str) -> FileLink | None:
    """What a token stands for; None when it is forged, malformed or expired."""
    body, _, signature = token.partition(".")
    if not signature or not any(hmac.compare_digest(_sign(key, body).encode(), signature.encode()) for key in _keys()):
        return None
    try:
        file_id, variant, expires = UUID(hex=body[:32]), Variant(body[32]), int(body[33:], 16)
    except (ValueError, IndexError):
        return None
    return FileLink(file_id, variant) if time.time() < expires else None
