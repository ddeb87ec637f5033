"""Who sent how much over a line, and why sends failed: each number with the list behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.ids import API_KEY, public_id
from dashboard.line_charts import link_to_outbox
from dashboard.log_words import OUTBOX_ERRORS, outbox_anchor
from lines.models import Line
from messaging.line_insights import Share
from messaging.viewer.states import describe_failure


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderRow:
    """``href`` is the key; ``sent`` the list of what it sent."""

    name: str
    href: str
    sent: str
    count: int
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureRow:
    """``anchor`` explains the code; ``href`` lists the sends that failed with it."""

    code: str
    words: str
    anchor: str
    href: str
    count: int


def describe_senders(line: Line, shares: Sequence[Share], since: datetime) -> list[SenderRow]:
    total = sum(share.count for share in shares)
    rows = []
    for share in shares:
        name = share.name or "System"
        if share.user_id and not share.api_key_id:
            name = f"{name}, dashboard"
        key = public_id(API_KEY, share.api_key_id) if share.api_key_id and share.name else ""
        href = f"/api-keys/{key}" if key else ""
        sent = link_to_outbox(line, start=since, key=key) if key else ""
        rows.append(SenderRow(name=name, href=href, sent=sent, count=share.count, total=total))
    return rows


def describe_failures(line: Line, failures: Sequence[tuple[str, int]], since: datetime) -> list[FailureRow]:
    return [
        FailureRow(
            code=code,
            words=_begin(describe_failure(code)),
            anchor=outbox_anchor(code),
            href=_link(line, code, since),
            count=count,
        )
        for code, count in failures
    ]


def _begin(text: str) -> str:
    """The end of a sentence as one of its own, with iMessage written as it is."""
    return text[:1].upper() + text[1:].removesuffix(".")


def _link(line: Line, code: str, since: datetime) -> str:
    """The log filters by codes that have a name; Apple's numbers are among all that failed."""
    if code in OUTBOX_ERRORS:
        return link_to_outbox(line, start=since, error=code)
    return link_to_outbox(line, start=since, state="failed")
