"""Signatures against the public library and an implementation of the contract of their own."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from webhooks_app.catalogue import CATALOGUE, build_example
from webhooks_app.debugger import debug_signature, parse_headers
from webhooks_app.signing import Secrets, Signer, build_body, new_secret, sign_body, sign_standard, standard_key

DELIVERY = "dlv_" + "5f" * 16
CURRENT, NEXT, PREVIOUS = ("whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3))
NOW = 1_760_000_000_123


def contract(secret: str, timestamp: str, body: bytes) -> str:
    """Spec webhooks §3, written from its text alone."""
    return hmac.new(secret.encode("utf-8"), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def sent(secrets: Secrets, event: str = "message.received", at: int = NOW) -> tuple[dict[str, str], bytes]:
    body = build_body(event, json.dumps(build_example(event), separators=(",", ":")), at, DELIVERY)
    return dict(Signer(secrets).sign(DELIVERY, at, body)), body


@pytest.mark.parametrize("event", sorted(CATALOGUE))
def test_every_event_verifies_both_ways(event: str) -> None:
    at = int(datetime.now(UTC).timestamp() * 1000)
    headers, body = sent(Secrets(CURRENT), event, at)
    parsed = json.loads(body)
    assert list(parsed) == ["event", "data", "timestamp", "delivery_id"]
    assert str(parsed["timestamp"]) == headers["X-Webhook-Timestamp"]
    assert parsed["delivery_id"] == headers["X-Webhook-Delivery-Id"] == headers["webhook-id"] == DELIVERY
    assert headers["X-Webhook-Signature"] == contract(CURRENT, str(parsed["timestamp"]), body)
    assert Webhook(CURRENT).verify(body, headers) == parsed
    with pytest.raises(WebhookVerificationError):
        Webhook(NEXT).verify(body, headers)


@pytest.mark.parametrize(
    ("secrets", "standard", "following"),
    [
        (Secrets(CURRENT), [CURRENT], None),
        (Secrets(CURRENT, next=NEXT), [CURRENT, NEXT], NEXT),
        (Secrets(CURRENT, previous=PREVIOUS), [CURRENT, PREVIOUS], None),
        (Secrets(CURRENT, next=NEXT, previous=PREVIOUS), [CURRENT, NEXT, PREVIOUS], NEXT),
    ],
)
def test_each_stage_of_a_rotation_carries_its_signatures(
    secrets: Secrets, standard: list[str], following: str | None
) -> None:
    headers, body = sent(secrets)
    assert headers["X-Webhook-Signature"] == contract(CURRENT, str(NOW), body)
    assert headers.get("X-Webhook-Signature-Next") == (following and contract(following, str(NOW), body))
    expected = [sign_standard(standard_key(secret), DELIVERY, NOW // 1000, body) for secret in standard]
    assert headers["webhook-signature"].split(" ") == expected


def test_secrets_are_32_random_bytes() -> None:
    secret = new_secret()
    assert len(standard_key(secret)) == 32
    assert secret != new_secret()
    with pytest.raises(ValueError, match="base64"):
        standard_key("whsec_not base64!")


def verdict(headers: dict[str, str], body: bytes, secret: str = CURRENT, now: int = NOW) -> tuple[bool, str]:
    found = debug_signature(headers=headers, body=body, secret=secret, now_ms=now)
    assert found.checks
    return found.is_valid, found.cause


def test_the_debugger_accepts_what_is_right() -> None:
    headers, body = sent(Secrets(CURRENT, next=NEXT, previous=PREVIOUS))
    assert verdict(headers, body) == (True, "")
    assert verdict(headers, body, NEXT)[0]  # by webhook-signature
    assert verdict({name.upper(): value for name, value in headers.items()}, body, f" {CURRENT} ") == (True, "")


def test_the_debugger_names_the_part_at_fault() -> None:
    headers, body = sent(Secrets(CURRENT))
    own = {name: value for name, value in headers.items() if name.startswith("X-")}
    again = json.dumps(json.loads(body)).encode()
    cases: list[tuple[dict[str, str], bytes, str, int, str]] = [
        (headers, body, new_secret(), NOW, "secret"),
        (own, body, CURRENT.removeprefix("whsec_"), NOW, "secret"),
        (headers, body + b"\n", CURRENT, NOW, "body"),
        (headers, again, CURRENT, NOW, "body"),
        (headers, b"\xef\xbb\xbf" + body, CURRENT, NOW, "body"),
        ({**own, "X-Webhook-Timestamp": str(NOW + 5)}, body, CURRENT, NOW, "timestamp"),
        ({**own, "X-Webhook-Timestamp": "soon"}, body, CURRENT, NOW, "timestamp"),
        ({"X-Webhook-Signature": headers["webhook-signature"]}, body, CURRENT, NOW, "header"),
        ({**own, "X-Webhook-Signature": own["X-Webhook-Signature"][:40]}, body, CURRENT, NOW, "header"),
        ({}, body, CURRENT, NOW, "header"),
        (headers, body, CURRENT, NOW + 300_001, "expired"),
        (headers, body, CURRENT, NOW - 300_001, "expired"),
    ]
    for number, (given, received, secret, now, cause) in enumerate(cases):
        assert verdict(given, received, secret, now) == (False, cause), number


def test_the_debugger_takes_any_rubbish() -> None:
    for body in (b"", b"\xff\xfe", b"[" * 100_000, b"null", b'{"timestamp": 1e400}'):
        for value in ("", "v1,", "=" * 64, "0" * 64):
            headers = {"webhook-signature": value, "x-webhook-signature": value, "webhook-id": "x"}
            assert not debug_signature(headers=headers, body=body, secret="é", now_ms=0).is_valid
    assert sign_body("é", 1, b"") != ""


def test_headers_are_read_as_copied() -> None:
    assert parse_headers('X-A: 1\n"x-b": "2",\nnonsense\n: 3') == {"x-a": "1", "x-b": "2"}
