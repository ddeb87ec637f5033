"""Signatures of a delivery: the product's own (spec webhooks §3) and Standard Webhooks' (§7.1), at every stage of a
secret's rotation (§7.2). Pure: no I/O, no Django.
"""

import base64
import binascii
import hashlib
import hmac
import os
from binascii import b2a_base64
from dataclasses import dataclass

SECRET_PREFIX = "whsec_"


def new_secret() -> str:
    """``whsec_`` and base64 of 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(32)).decode()


def sign_body(secret: str, timestamp_ms: int, body: bytes) -> str:
    """Lower-case hex HMAC-SHA256 over ``<timestamp>.<body>``; the key is the whole secret as shown (§3)."""
    return hmac.digest(secret.encode(), b"%d.%b" % (timestamp_ms, body), "sha256").hex()


def standard_key(secret: str) -> bytes:
    """The decoded bytes that are Standard Webhooks' key. Raises ``ValueError`` for text that is no such secret."""
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64 after whsec_") from error


def sign_standard(key: bytes, delivery_id: str, timestamp_seconds: int, body: bytes) -> str:
    """One entry of ``webhook-signature``: ``v1,<base64>``; ``key`` as returned by ``standard_key``."""
    digest = hmac.digest(key, b"%b.%d.%b" % (delivery_id.encode(), timestamp_seconds, body), "sha256")
    return "v1," + base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True)
class Secrets:
    """What signs a delivery now. ``next`` is staged, ``previous`` was current less than 24 h ago; "" = none."""

    current: str
    next: str = ""
    previous: str = ""


class _Key:
    """HMAC-SHA256 (RFC 2104) with the key absorbed beforehand: a signature then costs two copies of a hash's state."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def sign(self, message: bytes) -> "hashlib._Hash":
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer


class Signer:
    """Signs for one endpoint. ``names`` are those of the headers that identify and sign an attempt, in their order."""

    __slots__ = ("_next", "_own", "_standard", "_standards", "names")

    def __init__(self, secrets: Secrets) -> None:
        self._own = _Key(secrets.current.encode())
        self._next = _Key(secrets.next.encode()) if secrets.next else None
        self._standard = _Key(standard_key(secrets.current))
        self._standards = [_Key(standard_key(secret)) for secret in (secrets.next, secrets.previous) if secret]
        own = ("X-Webhook-Signature", "X-Webhook-Signature-Next") if secrets.next else ("X-Webhook-Signature",)
        fixed = ("X-Webhook-Timestamp", "X-Webhook-Delivery-Id", "webhook-id", "webhook-timestamp")
        self.names = (*fixed, *own, "webhook-signature")

    def seal(self, delivery_id: str, timestamp_ms: int, body: bytes) -> tuple[str, ...]:
        """What belongs to ``names``."""
        timestamp, seconds = str(timestamp_ms), str(timestamp_ms // 1000)
        message = f"{timestamp}.".encode() + body
        own = self._own.sign(message).hexdigest()
        following = self._next.sign(message).hexdigest() if self._next is not None else ""
        message = f"{delivery_id}.{seconds}.".encode() + body
        entries = "v1," + b2a_base64(self._standard.sign(message).digest(), newline=False).decode()
        for key in self._standards:
            entries += " v1," + b2a_base64(key.sign(message).digest(), newline=False).decode()
        if following:
            return timestamp, delivery_id, delivery_id, seconds, own, following, entries
        return timestamp, delivery_id, delivery_id, seconds, own, entries

    def sign(self, delivery_id: str, timestamp_ms: int, body: bytes) -> list[tuple[str, str]]:
        """Every header that identifies and signs one attempt."""
        return list(zip(self.names, self.seal(delivery_id, timestamp_ms, body), strict=True))


# What a custom header may not be: ours, or one that decides how the request travels.
SIGNATURE_HEADERS = frozenset(
    {
        "x-webhook-signature",
        "x-webhook-signature-next",
        "x-webhook-timestamp",
        "x-webhook-delivery-id",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }
)


def build_body(event_type: str, data: str, timestamp_ms: int, delivery_id: str) -> bytes:
    """The request body (§2), byte for byte what is signed and sent. ``data`` is JSON text."""
    return f'{{"event":"{event_type}","data":{data},"timestamp":{timestamp_ms},"delivery_id":"{delivery_id}"}}'.encode()
