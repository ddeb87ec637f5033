"""POST /api/secret-scanning: a scanner hands in keys it has found; ours are revoked at once."""

from typing import Any

import msgspec

from accounts.services.leaks import MOST_TOKENS, LeakedToken, report_leaked_tokens
from accounts.tokens import visible_prefix
from api.call import Call
from api.routes import endpoint


class Found(msgspec.Struct, frozen=True):
    """A token, and where it was found."""

    token: str
    url: str = ""
    type: str = ""


class Report(msgspec.Struct, frozen=True):
    """What was found, at most 1,000 tokens, and by whom."""

    tokens: list[Found]
    source: str = "api"


class Verdict(msgspec.Struct, frozen=True):
    """``is_ours`` true: it was a key of this server, and no longer works."""

    token_prefix: str
    is_ours: bool


class ReportOut(msgspec.Struct, frozen=True):
    data: list[Verdict]


@endpoint(
    "POST", "/api/secret-scanning", access="open", body=Report, response=ReportOut,
    summary="Report leaked keys", tag="Secret scanning",
)  # fmt: skip
def report_leaks(call: Call[Report, Any]) -> ReportOut:
    """Whoever holds a token can use it, so no other proof is asked for."""
    found = [LeakedToken(token=item.token, url=item.url) for item in call.body.tokens[:MOST_TOKENS]]
    verdicts = report_leaked_tokens(tokens=found, source=call.body.source)
    return ReportOut([Verdict(visible_prefix(token), is_ours) for token, is_ours in verdicts.items()])
