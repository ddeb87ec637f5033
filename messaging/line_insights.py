"""What conversations tell about a line: who waits for an answer, why sends failed, who sends how much."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Max

from core.ids import uuid7_floor
from messaging.models import Chat, OutboxItem

MESSAGE_OPERATIONS = ("send", "audio")


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """How many messages one key, or one person, handed in; both None = the phone itself or the system."""

    api_key_id: UUID | None
    user_id: int | None
    count: int


def count_streaks(line_ids: Collection[UUID]) -> dict[UUID, int]:
    """For each line the most unanswered messages in a row to one contact. One query; lines without are absent."""
    rows = Chat.objects.filter(line_id__in=list(line_ids), unanswered__gt=0).values("line_id")
    return {row["line_id"]: row["most"] for row in rows.annotate(most=Max("unanswered")).order_by()}


def list_unanswered(*, line_id: UUID, limit: int = 10) -> list[Chat]:
    """Chats with the most messages in a row that nobody answered, most first."""
    rows = Chat.objects.filter(line_id=line_id, unanswered__gt=0)
    return list(rows.order_by("-unanswered", "-last_outbound_at")[:limit])


def count_failures(*, line_id: UUID, since: datetime, limit: int = 8) -> list[tuple[str, int]]:
    """Failed items since then by their error, most first."""
    rows = OutboxItem.objects.filter(line_id=line_id, id__gte=uuid7_floor(since), status="failed")
    counted = rows.values("error").annotate(count=Count("id")).order_by("-count", "error")[:limit]
    return [(row["error"] or "unknown", row["count"]) for row in counted]


def count_senders(*, line_id: UUID, since: datetime, limit: int = 8) -> list[Share]:
    """Who handed in how many messages since then, most first."""
    rows = OutboxItem.objects.filter(
        line_id=line_id, id__gte=uuid7_floor(since), operation__in=MESSAGE_OPERATIONS
    ).values("api_key_id", "user_id")
    counted = rows.annotate(count=Count("id")).order_by("-count")[:limit]
    return [Share(api_key_id=row["api_key_id"], user_id=row["user_id"], count=row["count"]) for row in counted]
