"""Who sent how much, by name."""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import ApiKey, User
from messaging.line_insights import Share


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderRow:
    name: str
    href: str
    count: int
    total: int


def describe_senders(shares: Sequence[Share]) -> list[SenderRow]:
    """Two queries, whatever the number."""
    keys = ApiKey.objects.in_bulk([share.api_key_id for share in shares if share.api_key_id])
    people = User.objects.in_bulk([share.user_id for share in shares if share.user_id])
    total = sum(share.count for share in shares)
    rows = []
    for share in shares:
        key = keys.get(share.api_key_id) if share.api_key_id else None
        person = people.get(share.user_id) if share.user_id else None
        name = key.name if key else f"{person.display_name}, dashboard" if person else "System"
        href = f"/api-keys/{key.public_id}" if key else ""
        rows.append(SenderRow(name=name, href=href, count=share.count, total=total))
    return rows
