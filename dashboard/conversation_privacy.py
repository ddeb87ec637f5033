"""Who sees message text (design ui §5 Bubble): masked for members without the right, each unmasking on record."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Q, QuerySet
from django.db.models.functions import JSONObject

from accounts.models import AuditEntry, Organization
from accounts.services.audit import Actor, record_change
from core.clock import now
from dashboard.access import PageRequest
from messaging.models import Chat

OPENED, UNMASKED = "conversation.opened", "conversation.unmasked"
UNMASK_SECONDS = 900
UNMASKINGS = 10
_SESSION_KEY = "unmasked"


@dataclass(frozen=True, slots=True)
class Unmasking:
    """The text of a chat was shown to somebody who does not see it otherwise."""

    name: str
    at: datetime


def is_masked(request: PageRequest, chat: Chat) -> bool:
    """Whether this person sees bars instead of text in this chat now."""
    if request.membership.sees_text:
        return False
    until = request.session.get(_SESSION_KEY, {}).get(chat.id.hex, 0)
    return bool(until < now().timestamp())


def unmask(request: PageRequest, chat: Chat) -> None:
    """Shows the text of one chat to one person for 15 minutes, and records it."""
    shown = dict(request.session.get(_SESSION_KEY, {}))
    shown[chat.id.hex] = now().timestamp() + UNMASK_SECONDS
    request.session[_SESSION_KEY] = shown
    _record(request, chat, UNMASKED)


def mark_opened(request: PageRequest, chat: Chat) -> None:
    """Clears the unread and failed marks; notes the person once a day."""
    Chat.objects.filter(Q(unread__gt=0) | Q(failed__gt=0), pk=chat.pk).update(unread=0, failed=0)
    seen = _today(chat.public_id, request.organization, OPENED).filter(actor=request.user)
    if not seen.exists():
        _record(request, chat, OPENED)


def list_openers(chat: Chat) -> list[str]:
    """Names of who opened or unmasked it today, first comers first. Of a chat read by ``with_openers``."""
    return list(dict.fromkeys(vars(chat)["opened_by"]))[:5]


def with_openers(chats: QuerySet[Chat], chat_id: str, organization: Organization) -> QuerySet[Chat]:
    """Adds who opened or unmasked the chat of this public id today, and the last times its text was shown."""
    entries = _today(chat_id, organization, OPENED, UNMASKED).order_by("id")
    shown = AuditEntry.objects.filter(organization=organization, action=UNMASKED, target_id=chat_id).order_by("-id")
    row = JSONObject(name="actor_label", at="created_at")
    return chats.annotate(
        opened_by=ArraySubquery(entries.values("actor_label")),
        unmaskings=ArraySubquery(shown.values(json=row)[:UNMASKINGS]),
    )


def list_unmaskings(chat: Chat) -> list[Unmasking]:
    """The last times that its text was shown to somebody, newest first. Of a chat read by ``with_openers``."""
    return [Unmasking(row["name"], datetime.fromisoformat(row["at"])) for row in vars(chat)["unmaskings"]]


def _today(chat_id: str, organization: Organization, *actions: str) -> QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(
        organization=organization,
        target_id=chat_id,
        action__in=actions,
        created_at__gte=now() - timedelta(hours=24),
    )


def _record(request: PageRequest, chat: Chat, action: str) -> None:
    record_change(
        organization=request.organization,
        actor=Actor.from_request(request),
        action=action,
        target_id=chat.public_id,
        target_label=str(chat),
    )
