"""What ids stand for: the object of the current organization behind any id or its beginning, and how it is."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import QuerySet

from accounts.api_requests import get_request
from accounts.models import ApiKey, Organization
from core.clock import now
from core.handles import format_handle
from core.ids import DELIVERY, MESSAGE, public_id
from dashboard.keys import get_state
from dashboard.states import STATES
from events.models import Event
from events.types import PUBLIC_EVENTS
from lines.models import Line
from messaging.models import Chat, Message, OutboxItem, Reaction
from messaging.viewer.states import state_of_item, state_of_message
from webhooks_app.catalogue import TEST_EVENT
from webhooks_app.models import Attempt, Delivery, Endpoint, Replay

LEAST_DIGITS = 6  # of an id's beginning: the first twelve are its time, so fewer stand for hours of rows
MOST = 5
TOLD = (*PUBLIC_EVENTS, TEST_EVENT)
_ID = re.compile(r"([a-z]+)_([0-9a-f]+)")
QUOTES = "\"'`“”‘’,;:()[]{}<> \t"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundObject:
    """``group`` names its kind; ``note`` says what it is, ``shape`` and ``word`` how it is."""

    id: str
    group: str
    icon: str
    href: str
    note: str
    shape: str = ""
    word: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind. ``describe`` gives an object's note, shape and word; ``place`` its address where that is another's."""

    group: str
    icon: str
    address: str
    rows: Callable[[Organization], "QuerySet[Any]"]
    describe: Callable[[Any], tuple[str, str, str]]
    place: Callable[[Any], str] | None = None


def _message(row: Message) -> tuple[str, str, str]:
    if not row.is_from_me:
        return f"From {format_handle(row.sender)}", "", ""
    state = state_of_message(row)
    return "From your line", state.kind, state.word


def _item(row: OutboxItem) -> tuple[str, str, str]:
    state = state_of_item(row)
    return row.get_operation_display(), state.kind, state.word


def _delivery(row: Delivery) -> tuple[str, str, str]:
    return (row.event_type, *STATES["delivery"][row.state])


def _endpoint(row: Endpoint) -> tuple[str, str, str]:
    return (urlsplit(row.url).netloc, *STATES["endpoint"]["on" if row.is_active else "off"])


def _line(row: Line) -> tuple[str, str, str]:
    return " ".join(filter(None, (row.label, format_handle(row.handle)))), "", ""


def _key(row: ApiKey) -> tuple[str, str, str]:
    state, words = get_state(row, now())
    return row.name, STATES["key"][state][0], words


def _chat(row: Chat) -> tuple[str, str, str]:
    return row.name or format_handle(row.identifier), "", ""


def _place_of_event(row: Event) -> str:
    return f"/webhooks/deliveries?q={row.public_id}"


def _place_of_attempt(row: Attempt) -> str:
    return f"/webhooks/deliveries/{public_id(DELIVERY, row.delivery_id)}?attempt={row.number}"


OBJECTS: dict[str, Kind] = {
    "msg": Kind(
        group="Message",
        icon="chat",
        address="/messages/{}",
        rows=lambda organization: Message.objects.filter(organization_id=organization.id),
        describe=_message,
    ),
    "obx": Kind(
        group="Outbox",
        icon="send",
        address="/logs/outbox/{}",
        rows=lambda organization: OutboxItem.objects.filter(organization_id=organization.id),
        describe=_item,
    ),
    "rxn": Kind(
        group="Reaction",
        icon="chat",
        address="",
        rows=lambda organization: Reaction.objects.filter(message__organization_id=organization.id),
        describe=lambda row: (f"{row.emoji or row.type} by {format_handle(row.sender)}", "", ""),
        place=lambda row: f"/messages/{public_id(MESSAGE, row.message_id)}",
    ),
    "cht": Kind(
        group="Conversation",
        icon="chat",
        address="/conversations/{}",
        rows=lambda organization: Chat.objects.filter(organization=organization),
        describe=_chat,
    ),
    "dlv": Kind(
        group="Delivery",
        icon="hook",
        address="/webhooks/deliveries/{}",
        rows=lambda organization: Delivery.objects.filter(organization_id=organization.id),
        describe=_delivery,
    ),
    "att": Kind(
        group="Attempt",
        icon="hook",
        address="",
        rows=lambda organization: Attempt.objects.filter(organization_id=organization.id),
        describe=lambda row: (f"Attempt {row.number}, {row.status or row.error.replace('_', ' ')}", "", ""),
        place=_place_of_attempt,
    ),
    "evt": Kind(
        group="Event",
        icon="bolt",
        address="",
        rows=lambda organization: Event.objects.filter(organization_id=organization.id, type__in=TOLD),
        describe=lambda row: (row.type, "", ""),
        place=_place_of_event,
    ),
    "wh": Kind(
        group="Endpoint",
        icon="hook",
        address="/webhooks/{}",
        rows=lambda organization: Endpoint.objects.filter(organization=organization, deleted_at=None),
        describe=_endpoint,
    ),
    "rpl": Kind(
        group="Replay",
        icon="reload",
        address="/webhooks/replays/{}",
        rows=lambda organization: Replay.objects.filter(organization=organization),
        describe=lambda row: ("", *STATES["replay"][row.state]),
    ),
    "ln": Kind(
        group="Line",
        icon="phone",
        address="/lines/{}",
        rows=lambda organization: Line.objects.filter(organization=organization, deleted_at=None),
        describe=_line,
    ),
    "key": Kind(
        group="API key",
        icon="key",
        address="/api-keys/{}",
        rows=lambda organization: ApiKey.objects.filter(organization=organization),
        describe=_key,
    ),
    "org": Kind(
        group="Organization",
        icon="settings",
        address="",
        rows=lambda organization: Organization.objects.filter(pk=organization.pk),
        describe=lambda row: (row.name, "", ""),
        place=lambda row: "/settings",
    ),
}


def clean_id(text: str) -> str:
    """What was pasted, without what stood around it."""
    return text.strip(QUOTES).lower()


def list_by_id(organization: Organization, text: str) -> list[FoundObject]:
    """The organization's objects with this id or this beginning of one, newest first; at most ``MOST``. One query."""
    match = _ID.fullmatch(text)
    if match is None:
        return []
    if match.group(1) == "req":
        return _list_requests(organization, text)
    kind, digits = OBJECTS.get(match.group(1)), match.group(2)
    if kind is None or not LEAST_DIGITS <= len(digits) <= 32:
        return []
    floor, ceiling = UUID(hex=digits.ljust(32, "0")), UUID(hex=digits.ljust(32, "f"))
    rows = kind.rows(organization).filter(pk__gte=floor, pk__lte=ceiling).order_by("-pk")[:MOST]
    return [_make(match.group(1), kind, row) for row in rows]


def _make(prefix: str, kind: Kind, row: Any) -> FoundObject:
    shown = public_id(prefix, row.pk)
    note, shape, word = kind.describe(row)
    href = kind.place(row) if kind.place else kind.address.format(shown)
    return FoundObject(id=shown, group=kind.group, icon=kind.icon, href=href, note=note, shape=shape, word=word)


def _list_requests(organization: Organization, text: str) -> list[FoundObject]:
    request = get_request(organization=organization, request_id=text)
    if request is None:
        return []
    shape = "ok" if request.status < 400 else "bad"
    note = f"{request.method} {request.route or request.path}"
    return [
        FoundObject(
            id=text,
            group="Request",
            icon="log",
            href=f"/logs/requests/{text}",
            note=note,
            shape=shape,
            word=str(request.status),
        )
    ]


def address_of(text: str) -> str:
    """The page of an object by its id, whether or not it is still there; "" for ids without one."""
    known = OBJECTS.get(text.partition("_")[0])
    return known.address.format(text) if known else ""
