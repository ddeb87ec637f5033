"""What the palette finds by name: lines, people and conversations, keys, endpoints, other organizations."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.db.models import Q

from accounts.models import ApiKey, Membership, Organization
from core.handles import format_handle
from core.ids import CHAT, LINE, public_id
from dashboard.palette_options import Option
from lines.models import Line
from messaging.models import Chat
from webhooks_app.models import Endpoint

MOST = 4
LOOKED_AT = 5000  # of the newest conversations, so that the time does not grow with them
Groups = list[tuple[str, list[Option]]]


def find_names(organization: Organization, text: str) -> Groups:
    """One query each: lines, conversations, keys, endpoints."""
    text = text.replace("\x00", "")
    if len(text) < 2:
        return []
    digits = "".join(one for one in text if one.isdigit())
    is_number = len(digits) >= 4 and not any(one.isalpha() for one in text)
    return [
        *_find_lines(organization, text, digits if is_number else ""),
        *_find_chats(organization, text, digits if is_number else ""),
        *([] if is_number else [*_find_keys(organization, text), *_find_endpoints(organization, text)]),
    ]


def find_organizations(memberships: Sequence[Membership], current: Membership, text: str) -> Groups:
    """Others that the person belongs to, by name; "switch" shows all."""
    wanted = text.lower()
    found = [
        Option(text=f"Switch to {one.organization.name}", href="", icon="select", switch=one.organization.public_id)
        for one in memberships
        if wanted
        and one.organization_id != current.organization_id
        and wanted in f"switch to {one.organization.name}".lower()
    ]
    return [("Organizations", found[:MOST])] if found else []


def _find_lines(organization: Organization, text: str, digits: str) -> Groups:
    match = Q(handle__contains=digits) if digits else Q(label__icontains=text) | Q(handle__icontains=text)
    rows = Line.objects.filter(match, organization=organization, deleted_at=None).order_by("label", "handle")[:MOST]
    found = [
        Option(
            text=line.label or format_handle(line.handle),
            href=f"/lines/{public_id(LINE, line.pk)}",
            icon="phone",
            note=format_handle(line.handle),
        )
        for line in rows
    ]
    return [("Lines", found)] if found else []


def _find_chats(organization: Organization, text: str, digits: str) -> Groups:
    newest = Chat.objects.filter(organization=organization, last_message_at__isnull=False).order_by(
        "-last_message_at", "-id"
    )
    match = Q(identifier__contains=digits) if digits else Q(name__icontains=text) | Q(identifier__icontains=text)
    rows = Chat.objects.filter(match, pk__in=newest.values("pk")[:LOOKED_AT]).select_related("line")
    found = [
        Option(
            text=f"Conversation with {chat.name or format_handle(chat.identifier)}",
            href=f"/conversations/{public_id(CHAT, chat.pk)}",
            icon="chat",
            note=str(chat.line),
        )
        for chat in rows.order_by("-last_message_at", "-id")[:MOST]
    ]
    return [("Conversations", found)] if found else []


def _find_keys(organization: Organization, text: str) -> Groups:
    match = Q(name__icontains=text) | Q(prefix__startswith=text[:16])
    rows = ApiKey.objects.filter(match, organization=organization).order_by("-id")[:MOST]
    found = [Option(text=k.name, href=f"/api-keys/{k.public_id}", icon="key", note=f"{k.prefix}…") for k in rows]
    return [("API keys", found)] if found else []


def _find_endpoints(organization: Organization, text: str) -> Groups:
    match = Q(url__icontains=text) | Q(description__icontains=text)
    rows = Endpoint.objects.filter(match, organization=organization, deleted_at=None).order_by("-id")[:MOST]
    found = [
        Option(
            text=urlsplit(row.url).netloc, href=f"/webhooks/{row.public_id}", icon="hook", note=urlsplit(row.url).path
        )
        for row in rows
    ]
    return [("Endpoints", found)] if found else []
