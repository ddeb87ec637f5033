"""Keyset cursors: base64url JSON of the sort key and id of the last row (spec api §4)."""

import base64
import binascii
import json

from core.errors import InvalidRequestError, invalid


def encode_cursor(*parts: str | int) -> str:
    """Opaque text for the values that order a list, the id last."""
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(text: str, *kinds: type, param: str = "cursor") -> list[str | int]:
    """The values of a cursor, each of the given type. Raises ``invalid_parameter_value`` for anything else."""
    refusal: InvalidRequestError = invalid(param, f"`{param}` is not a cursor that this list has returned.")
    try:
        parts = json.loads(base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise refusal from None
    if not isinstance(parts, list) or len(parts) != len(kinds):
        raise refusal
    if any(type(part) is not kind for part, kind in zip(parts, kinds, strict=True)):
        raise refusal
    return parts
