"""Who sent how much, by name."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.ids import API_KEY, public_id
from messaging.line_insights import Share


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderRow:
    name: str
    href: str
    count: int
    total: int


def describe_senders(shares: Sequence[Share]) -> list[SenderRow]:
    total = sum(share.count for share in shares)
    rows = []
    for share in shares:
        name = share.name or "System"
        if share.user_id and not share.api_key_id:
            name = f"{name}, dashboard"
        href = f"/api-keys/{public_id(API_KEY, share.api_key_id)}" if share.api_key_id and share.name else ""
        rows.append(SenderRow(name=name, href=href, count=share.count, total=total))
    return rows
