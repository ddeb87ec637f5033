"""The signature debugger: headers, body and secret as received in, a verdict out. Pure.

It tries what usually goes wrong: another secret, a body that was parsed and written again, a header of the other
scheme, an old request, a key that was decoded when it should not be.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from webhooks_app.signing import SECRET_PREFIX, sign_body, sign_standard, standard_key

TOLERANCE_MS = 300_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that was looked at. ``state``: ok, warn, bad or missing. ``text`` says what and why."""

    name: str
    state: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """``is_valid``: a correct verifier accepts this request at ``now_ms``. ``cause`` names the part at fault, or "".

    Causes: secret, timestamp, body, header, expired.
    """

    is_valid: bool
    cause: str
    summary: str
    checks: list[Check]


def parse_headers(text: str) -> dict[str, str]:
    """``Name: value`` lines, as copied from a log; names in lower case. Lines without a colon are left out."""
    headers: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip():
            headers[name.strip().strip("\"'").lower()] = value.strip().rstrip(",").strip("\"'")
    return headers


def debug_signature(*, headers: Mapping[str, str], body: bytes, secret: str, now_ms: int) -> Verdict:
    """What is right and wrong with a request as it was received. Never raises."""
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    secret = secret.strip()
    checks: list[Check] = []
    own, own_cause = _check_own(lower, body, secret, checks)
    standard, standard_cause = _check_standard(lower, body, secret, checks)
    expired = _check_time(lower, now_ms, checks)
    if not (own or standard):
        cause = own_cause or standard_cause or "header"
        return Verdict(is_valid=False, cause=cause, summary=_SUMMARIES[cause], checks=checks)
    if expired:
        return Verdict(is_valid=False, cause="expired", summary=_SUMMARIES["expired"], checks=checks)
    return Verdict(is_valid=True, cause="", summary="The signature is valid.", checks=checks)


_SUMMARIES = {
    "secret": "The secret is not the one this request was signed with.",
    "timestamp": "The timestamp that was checked is not the one that was signed.",
    "body": "The body was changed between the sender and your check.",
    "header": "The header that carries the signature is missing or is not what it should be.",
    "expired": "The signature is right, but the request is older than five minutes.",
}


def _check_own(lower: Mapping[str, str], body: bytes, secret: str, checks: list[Check]) -> tuple[bool, str]:
    name = "X-Webhook-Signature"
    given = lower.get("x-webhook-signature", "")
    if not given:
        checks.append(Check(name=name, state="missing", text="The request has no such header."))
        return False, ""
    if given.startswith("v1,"):
        checks.append(Check(name=name, state="bad", text="This is the value of webhook-signature."))
        return False, "header"
    digest = given.removeprefix("sha256=").lower()
    if digest != given:
        checks.append(Check(name=name, state="warn", text="The header holds lower-case hex alone, without sha256=."))
    if len(digest) != 64 or not all(c in "0123456789abcdef" for c in digest):
        checks.append(Check(name=name, state="bad", text="It is not 64 hexadecimal digits: it was cut or changed."))
        return False, "header"
    stamp = lower.get("x-webhook-timestamp", "")
    return _judge(
        name, checks, body, secret, digest, stamp, lambda key, at, text: sign_body(key, at, text), _own_secrets(secret)
    )


def _check_standard(lower: Mapping[str, str], body: bytes, secret: str, checks: list[Check]) -> tuple[bool, str]:
    name = "webhook-signature"
    given = lower.get("webhook-signature", "")
    if not given:
        checks.append(Check(name=name, state="missing", text="The request has no such header."))
        return False, ""
    delivery_id = lower.get("webhook-id", "")
    if not delivery_id:
        checks.append(Check(name=name, state="bad", text="webhook-id is missing, and it is part of what is signed."))
        return False, "header"
    entries = [entry for entry in given.split(" ") if entry.startswith("v1,")]
    if not entries:
        checks.append(Check(name=name, state="bad", text="It has no entry that begins with v1,."))
        return False, "header"
    try:
        standard_key(secret)
    except ValueError:
        checks.append(Check(name=name, state="bad", text="The secret is not whsec_ and base64: was it cut?"))
        return False, "secret"

    def sign(key: str, at: int, text: bytes) -> str:
        return sign_standard(standard_key(key), delivery_id, at, text)

    causes = [
        _judge(name, [], body, secret, entry, lower.get("webhook-timestamp", ""), sign, iter(())) for entry in entries
    ]
    best = max(range(len(causes)), key=lambda n: (causes[n][0], causes[n][1] not in ("secret", "")))
    return _judge(name, checks, body, secret, entries[best], lower.get("webhook-timestamp", ""), sign, iter(()))


Sign = Callable[[str, int, bytes], str]


def _judge(
    name: str,
    checks: list[Check],
    body: bytes,
    secret: str,
    given: str,
    stamp: str,
    sign: Sign,
    secrets: Iterator[tuple[str, str]],
) -> tuple[bool, str]:
    """Whether a signature is right; if not, the first change to body, time or secret that makes it right."""
    moment = int(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) <= 16 else None
    if moment is not None and hmac.compare_digest(sign(secret, moment, body), given):
        checks.append(Check(name=name, state="ok", text="It matches this body, timestamp and secret."))
        return True, ""
    for at, what in _other_times(moment, body, name):
        if hmac.compare_digest(sign(secret, at, body), given):
            checks.append(Check(name=name, state="bad", text=f"It matches with {what}."))
            return False, "timestamp"
    if moment is None:
        checks.append(Check(name=name, state="bad", text="The timestamp header is missing or not a number."))
        return False, "timestamp"
    for changed, what in _other_bodies(body):
        if hmac.compare_digest(sign(secret, moment, changed), given):
            text = f"It matches the body {what}. Verify the raw bytes, before anything parses them."
            checks.append(Check(name=name, state="bad", text=text))
            return False, "body"
    for key, what in secrets:
        if hmac.compare_digest(sign(key, moment, body), given):
            checks.append(Check(name=name, state="bad", text=f"It matches with {what}."))
            return False, "secret"
    text = "It matches neither this secret nor a usual change of the body: check the secret first."
    checks.append(Check(name=name, state="bad", text=text))
    return False, "secret"


def _other_times(moment: int | None, body: bytes, name: str) -> Iterator[tuple[int, str]]:
    stated = _body_timestamp(body)
    scale = 1 if name.startswith("X-") else 1000
    if stated is not None and stated // scale != moment:
        yield stated // scale, "the timestamp in the body, which differs from the header's"
    if moment is not None:
        yield moment * 1000, "the timestamp in milliseconds: the header was in seconds"
        yield moment // 1000, "the timestamp in seconds: the header was in milliseconds"


def _body_timestamp(body: bytes) -> int | None:
    try:
        value = json.loads(body)["timestamp"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**16 else None


def _other_bodies(body: bytes) -> Iterator[tuple[bytes, str]]:
    stripped = body.strip()
    if stripped != body:
        yield stripped, "without the white space around it: a line end was added"
    yield body + b"\n", "with a line end after it, which was cut off"
    yield body.replace(b"\r\n", b"\n"), "with plain line ends: something turned them into CRLF"
    if body.startswith(b"\xef\xbb\xbf"):
        yield body[3:], "without the byte order mark that was put before it"
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError):
        return
    for plain in (False, True):
        # Never sorted: the sender's order is lost once a parser has sorted, and then nothing matches.
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=plain)
        yield text.encode(), "written without spaces: it was parsed and serialised again"


def _own_secrets(secret: str) -> Iterator[tuple[str, str]]:
    if not secret.startswith(SECRET_PREFIX):
        yield SECRET_PREFIX + secret, "whsec_ before the secret: the prefix is part of the key here"
    else:
        yield secret.removeprefix(SECRET_PREFIX), "the secret without whsec_: it must be used whole here"
        try:
            raw = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return
        yield raw, "the decoded secret: it must be used whole here"


def _check_time(lower: Mapping[str, str], now_ms: int, checks: list[Check]) -> bool:
    own, standard = lower.get("x-webhook-timestamp", ""), lower.get("webhook-timestamp", "")
    if own.isascii() and own.isdigit() and len(own) <= 16:
        sent = int(own)
    elif standard.isascii() and standard.isdigit() and len(standard) <= 13:
        sent = int(standard) * 1000
    else:
        checks.append(Check(name="Age", state="missing", text="There is no timestamp to judge the age by."))
        return False
    age = now_ms - sent
    if abs(age) <= TOLERANCE_MS:
        checks.append(Check(name="Age", state="ok", text=f"Sent {abs(age) / 1000:.0f} s ago, within five minutes."))
        return False
    if age < 0:
        text = f"Sent {-age / 1000:.0f} s in the future: is your server's clock behind?"
    else:
        text = f"Sent {age / 1000:.0f} s ago. Verifiers refuse what is older than 300 s; each retry is signed afresh."
    checks.append(Check(name="Age", state="bad", text=text))
    return True
