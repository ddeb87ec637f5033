"""Signatures of a delivery: the product's own (spec webhooks §3) and Standard Webhooks' (§7.1), at every stage of a
secret's rotation (§7.2). Pure: no I/O, no Django.
"""

import base64
import binascii
import hmac
import os
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


class Signer:
    """Signs for one endpoint. Keys are absorbed once and then copied, and small updates do not let go of the
    interpreter's lock, which a one-shot digest would do for each signature."""

    __slots__ = ("_own", "_standard")

    def __init__(self, secrets: Secrets) -> None:
        self._own = [("X-Webhook-Signature", hmac.new(secrets.current.encode(), digestmod="sha256"))]
        if secrets.next:
            self._own.append(("X-Webhook-Signature-Next", hmac.new(secrets.next.encode(), digestmod="sha256")))
        self._standard = [
            hmac.new(standard_key(secret), digestmod="sha256")
            for secret in (secrets.current, secrets.next, secrets.previous)
            if secret
        ]

    def sign(self, delivery_id: str, timestamp_ms: int, body: bytes) -> list[tuple[str, str]]:
        """Every header that identifies and signs one attempt."""
        timestamp, seconds = str(timestamp_ms), str(timestamp_ms // 1000)
        headers = [
            ("X-Webhook-Timestamp", timestamp),
            ("X-Webhook-Delivery-Id", delivery_id),
            ("webhook-id", delivery_id),
            ("webhook-timestamp", seconds),
        ]
        message = f"{timestamp}.".encode() + body
        for name, key in self._own:
            mac = key.copy()
            mac.update(message)
            headers.append((name, mac.hexdigest()))
        message = f"{delivery_id}.{seconds}.".encode() + body
        entries = []
        for key in self._standard:
            mac = key.copy()
            mac.update(message)
            entries.append("v1," + binascii.b2a_base64(mac.digest(), newline=False).decode())
        headers.append(("webhook-signature", " ".join(entries)))
        return headers


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
