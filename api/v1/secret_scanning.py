"""Where a scanner of public code reports keys it has found. Open: whoever holds a key can use it, so may end it."""

import hashlib
from typing import Any, Literal

import msgspec

from accounts.services.leaks import MOST_TOKENS, LeakedToken, report_leaked_tokens
from api.call import Call
from api.parsing import check_content_type, invalid_json, read_body
from api.routes import endpoint


class FoundToken(msgspec.Struct, frozen=True):
    """One finding: the key, its kind by the scanner's name, the page it was found on, and what kind of page."""

    token: str
    type: str = ""
    url: str = ""
    source: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """About one reported key, named by the hexadecimal SHA-256 of it: this answer must not carry keys."""

    token_hash: str
    token_type: str
    label: Literal["true_positive", "false_positive"]


class Verdicts(msgspec.Struct, frozen=True):
    data: list[Verdict]


_decoder = msgspec.json.Decoder(list[FoundToken | str])


@endpoint(
    "POST", "/api/secret-scanning", access="open", response=Verdicts, is_upload=True, is_extension=True,
    errors=("invalid_json", "unsupported_media_type", "body_too_large"), summary="Report leaked keys", tag="Keys",
)  # fmt: skip
def report_secrets(call: Call[Any, Any]) -> Verdicts:
    check_content_type(call.request)
    try:
        found = _decoder.decode(read_body(call.request))
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid_json(
            "The body must be a JSON list of keys, or of objects with `token`, `type` and `url`."
        ) from None
    tokens = [FoundToken(token=one) if isinstance(one, str) else one for one in found[:MOST_TOKENS]]
    source = next((one.source for one in tokens if one.source), "") or call.user_agent or "secret scanning"
    known = report_leaked_tokens(
        tokens=[LeakedToken(token=one.token, url=one.url) for one in tokens], source=source[:60]
    )
    return Verdicts(
        [
            Verdict(
                hashlib.sha256(one.token.encode()).hexdigest(),
                one.type or "messages_api_key",
                "true_positive" if known[one.token] else "false_positive",
            )
            for one in tokens
        ]
    )
