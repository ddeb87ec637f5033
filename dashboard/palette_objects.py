"""What ids stand for: the object of the current organization behind any id, with a word about it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from accounts.api_requests import get_request
from accounts.models import ApiKey, Organization
from core.handles import format_handle
from core.ids import parse_id
from lines.models import Line
from messaging.models import Chat, Message, OutboxItem
from messaging.viewer.states import state_of_item
from webhooks_app.models import Delivery, DeliveryState, Endpoint, Replay

_ID = re.compile(r"([a-z]+)_([0-9a-f]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundObject:
    """``group`` names its kind; ``note`` says what it is or how it is."""

    group: str
    icon: str
    href: str
    note: str


def _message(organization: Organization, key: UUID) -> str | None:
    row = Message.objects.filter(pk=key, organization_id=organization.id).only("sender", "is_from_me").first()
    return None if row is None else "Sent" if row.is_from_me else f"From {format_handle(row.sender)}"


def _item(organization: Organization, key: UUID) -> str | None:
    row = OutboxItem.objects.filter(pk=key, organization_id=organization.id).first()
    return None if row is None else state_of_item(row).word


def _chat(organization: Organization, key: UUID) -> str | None:
    row = Chat.objects.filter(pk=key, organization=organization).first()
    return None if row is None else str(row)


def _delivery(organization: Organization, key: UUID) -> str | None:
    row = Delivery.objects.filter(pk=key, organization_id=organization.id).first()
    return None if row is None else f"{row.event_type}, {DeliveryState(row.state).label.lower()}"


def _endpoint(organization: Organization, key: UUID) -> str | None:
    row = Endpoint.objects.filter(pk=key, organization=organization, deleted_at=None).first()
    return None if row is None else urlsplit(row.url).netloc


def _replay(organization: Organization, key: UUID) -> str | None:
    row = Replay.objects.filter(pk=key, organization=organization).first()
    return None if row is None else row.get_state_display()


def _line(organization: Organization, key: UUID) -> str | None:
    row = Line.objects.filter(pk=key, organization=organization, deleted_at=None).first()
    return None if row is None else format_handle(row.handle)


def _key(organization: Organization, key: UUID) -> str | None:
    row = ApiKey.objects.filter(pk=key, organization=organization).first()
    return None if row is None else row.name


# prefix -> (group, icon, address, how its word is found)
OBJECTS: dict[str, tuple[str, str, str, Callable[[Organization, UUID], str | None]]] = {
    "msg": ("Message", "chat", "/messages/{}", _message),
    "obx": ("Outbox", "send", "/logs/outbox/{}", _item),
    "cht": ("Conversation", "chat", "/conversations/{}", _chat),
    "dlv": ("Delivery", "hook", "/webhooks/deliveries/{}", _delivery),
    "wh": ("Endpoint", "hook", "/webhooks/{}", _endpoint),
    "rpl": ("Replay", "reload", "/webhooks/replays/{}", _replay),
    "ln": ("Line", "phone", "/lines/{}", _line),
    "key": ("API key", "key", "/api-keys/{}", _key),
}


def find_by_id(organization: Organization, text: str) -> FoundObject | None:
    """The organization's object with this whole id; None for other organizations' and unknown ones. One query."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    if match.group(1) == "req":
        request = get_request(organization=organization, request_id=text)
        if request is None:
            return None
        note = f"{request.method} {request.route}, {request.status}"
        return FoundObject(group="Request", icon="log", href=f"/logs/requests/{text}", note=note)
    known, key = OBJECTS.get(match.group(1)), parse_id(match.group(1), text)
    if known is None or key is None:
        return None
    group, icon, address, find = known
    found = find(organization, key)
    return None if found is None else FoundObject(group=group, icon=icon, href=address.format(text), note=found)


def address_of(text: str) -> str:
    """The page of an object by its id, whether or not it is still there; "" for ids without one."""
    known = OBJECTS.get(text.partition("_")[0])
    return known[2].format(text) if known else ""
