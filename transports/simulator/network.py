"""The simulated network: phones, chats, and what people do with them. Each action returns what the line will hear.

Callers hand the returned events to ``messaging.services.receive.store_events`` in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Count, F

from core.clock import now, to_ms
from core.errors import InvalidRequestError, NotFoundError, invalid
from core.handles import is_handle, normalise_handle
from transports.base import Event, EventKind, Phase
from transports.simulator import wire
from transports.simulator.handles import is_simulated, random_handle
from transports.simulator.models import LineScenario, PhoneChat, PhoneMessage, VirtualPhone
from transports.simulator.scenarios import NAMES, OPTIONS, ReceivePlan, plan_receive
from transports.simulator.schedule import schedule_events

MAX_TEXT = 20_000


def new_guid() -> str:
    """An upper-case UUID, as Messages makes them."""
    return str(uuid4()).upper()


# --- phones ----------------------------------------------------------------------------------------------------------
def create_phone(
    *, owner_id: UUID, handle: str | None = None, name: str = "", service: str = "imessage"
) -> VirtualPhone:
    """A phone of an organization. Creating one's own again returns it; somebody else's handle is taken."""
    if handle is not None:
        handle = normalise_handle(handle)
        if not is_handle(handle) or not is_simulated(handle):
            raise invalid(
                "handle", "A virtual phone's handle is +155501 and five digits, or ends in .test or .example."
            )
    if service not in VirtualPhone.Service.values:
        raise invalid("service", "`service` must be imessage or sms.")
    for _ in range(20):
        wanted = handle or random_handle()
        phone, is_new = VirtualPhone.objects.get_or_create(
            handle=wanted, defaults={"owner_id": owner_id, "name": name[:80], "service": service}
        )
        if is_new or (handle and phone.owner_id == owner_id):
            return phone
        if handle:
            raise InvalidRequestError("handle_taken", "This handle is in use.", param="handle", status=409)
    raise InvalidRequestError("handle_taken", "No free handle was found.", param="handle", status=409)


def get_phone(*, owner_id: UUID, handle: str) -> VirtualPhone:
    phone = VirtualPhone.objects.filter(owner_id=owner_id, handle=normalise_handle(handle)).first()
    if phone is None:
        raise NotFoundError("phone_not_found", "No such virtual phone.", param="handle")
    return phone


def list_phones(*, owner_id: UUID) -> list[VirtualPhone]:
    return list(VirtualPhone.objects.filter(owner_id=owner_id).order_by("id"))


# --- chats -----------------------------------------------------------------------------------------------------------
def get_direct_chat(*, line_handle: str, peer: str) -> PhoneChat:
    chat, _ = PhoneChat.objects.get_or_create(
        guid=f"any;-;{line_handle};{peer}",
        defaults={"line_handle": line_handle, "participants": [peer]},
    )
    return chat


def create_group(*, line_handle: str, participants: Sequence[str], name: str = "") -> PhoneChat:
    """A group of phones and one line."""
    return PhoneChat.objects.create(
        guid=f"any;+;chat{uuid4().int % 10**18}",
        line_handle=line_handle,
        is_group=True,
        name=name,
        participants=[normalise_handle(p) for p in participants],
    )


def find_chat(*, phone: VirtualPhone, to: str) -> PhoneChat:
    """The chat that a phone means by a line's handle or a group's guid; direct ones come into being."""
    if ";+;" in to or to.startswith("chat"):
        group = PhoneChat.objects.filter(guid__endswith=to.rpartition(";")[2], is_group=True).first()
        if group is None or phone.handle not in group.participants:
            raise NotFoundError("chat_not_found", "No such group on this phone.", param="to")
        return group
    return get_direct_chat(line_handle=normalise_handle(to), peer=phone.handle)


# --- what a phone does -----------------------------------------------------------------------------------------------
@transaction.atomic
def send_from_phone(
    *,
    phone: VirtualPhone,
    to: str,
    text: str | None = None,
    files: Sequence[dict[str, Any]] = (),
    reply_to: str | None = None,
    sent_at: datetime | None = None,
) -> tuple[PhoneMessage, str, list[Event]]:
    """A message from a phone. Returns it, the line's handle, and the events that the line hears now."""
    if not text and not files:
        raise invalid("text", "A message needs `text`, `attachments` or `audio`.")
    chat = find_chat(phone=phone, to=to)
    message = PhoneMessage.objects.create(
        chat=chat,
        guid=new_guid(),
        sender=phone.handle,
        is_from_line=False,
        text=text,
        files=list(files),
        service="SMS" if phone.service == "sms" else "iMessage",
        reply_to_guid=reply_to or "",
        sent_at=sent_at or now(),
        delivered_at=now(),
    )
    return message, chat.line_handle, _report(message)


def _report(message: PhoneMessage) -> list[Event]:
    """The events of a phone's message, bent by the line's scenario; what comes later is scheduled."""
    line = message.chat.line_handle
    scenario, draw = draw_scenario(line, message.sender)
    plan = plan_receive(scenario.name, scenario.options, seed=scenario.seed, draw=draw)
    event = wire.message_event(
        message, skew_ms=int(plan.skew_seconds * 1000), hides_chat=plan.hides_chat, pending=plan.files_pending
    )
    schedule_events(line, _follow_ups(message, plan))
    if plan.delay_seconds:
        schedule_events(line, [(plan.delay_seconds, event)])
        return []
    return [*_backfill(message, plan.backfill), event, *([event] if plan.is_doubled else [])]


def _follow_ups(message: PhoneMessage, plan: ReceivePlan) -> list[tuple[float, Event]]:
    chat, late = message.chat, plan.late_seconds
    events: list[Event] = []
    if plan.hides_chat:
        hidden = {**wire.chat_body(chat), "guid": wire.hidden_guid(message)}
        events.append(wire.chat_event(chat, EventKind.CHAT_UPSERT, {"chat": hidden}, now()))
    if plan.files_pending:
        events += [
            wire.update_event(chat.line_handle, message.guid, "media_ready", {**file, "position": n}, now())
            for n, file in enumerate(message.files)
        ]
    if plan.transcript_late:
        value = {"text": message.text or "A transcript that came late.", "position": 0}
        events.append(wire.update_event(chat.line_handle, message.guid, "transcription", value, now()))
    for kind in plan.later:
        if kind == "edit":
            value = {"text": f"{message.text} (edited)", "at": to_ms(now() + timedelta(seconds=late))}
            events.append(wire.update_event(chat.line_handle, message.guid, "edited", value, now()))
        elif kind == "unsend":
            value = {"at": to_ms(now() + timedelta(seconds=late))}
            events.append(wire.update_event(chat.line_handle, message.guid, "unsent", value, now()))
        elif chat.is_group:
            change = {"name": f"{chat.name or 'Group'} (renamed)", "removed": chat.participants[-1:]}
            events.append(wire.chat_event(chat, EventKind.CHAT_CHANGE, change, now()))
    return [(late, event) for event in events]


def _backfill(message: PhoneMessage, count: int) -> list[Event]:
    old = [
        PhoneMessage(
            chat=message.chat,
            guid=new_guid(),
            sender=message.sender,
            is_from_line=False,
            text=f"Old message {n + 1}",
            sent_at=message.sent_at - timedelta(days=30, minutes=count - n),
        )
        for n in range(count)
    ]
    PhoneMessage.objects.bulk_create(old)
    return [wire.message_event(row, phase=Phase.BACKFILL) for row in old]


@transaction.atomic
def react_from_phone(
    *, phone: VirtualPhone, message_guid: str, type: str, added: bool = True
) -> tuple[PhoneMessage, str, list[Event]]:
    """A tapback of a phone on a message of one of its chats. ``type`` is one of the six words, or an emoji."""
    message = _find_message(phone, message_guid)
    at = now()
    _note_reaction(message, sender=phone.handle, type_=type, added=added, at=at)
    event = wire.reaction_event(
        message.chat.line_handle,
        target=message.guid,
        sender=phone.handle,
        is_from_me=False,
        type_=type,
        added=added,
        row_guid=new_guid(),
        at=at,
    )
    return message, message.chat.line_handle, [event]


def type_on_phone(*, phone: VirtualPhone, to: str, is_typing: bool) -> tuple[str, list[Event]]:
    chat = find_chat(phone=phone, to=to)
    return chat.line_handle, [wire.typing_event(chat, phone.handle, is_typing, now())]


@transaction.atomic
def read_on_phone(*, phone: VirtualPhone, to: str) -> tuple[str, list[Event]]:
    """Opening a chat: everything of ours in it is read, and the line hears of it if the phone tells."""
    chat = find_chat(phone=phone, to=to)
    at = now()
    unread = PhoneMessage.objects.filter(chat=chat, is_from_line=True, read_at=None)
    guids = list(unread.order_by("sent_at", "id").values_list("guid", flat=True))
    unread.update(read_at=at, delivered_at=at)
    if not guids or not phone.sends_read_receipts:
        return chat.line_handle, []
    updates = [wire.update_event(chat.line_handle, guid, "read_at", to_ms(at), at) for guid in guids[-50:]]
    return chat.line_handle, [*updates, wire.read_event(chat, phone.handle, at)]


@transaction.atomic
def edit_on_phone(*, phone: VirtualPhone, message_guid: str, text: str) -> tuple[PhoneMessage, str, list[Event]]:
    message = _find_message(phone, message_guid, own=True)
    at = now()
    message.history = [*message.history, {"text": message.text, "at": to_ms(at)}]
    message.text, message.edited_at = text, at
    message.save(update_fields=["history", "text", "edited_at"])
    value = {"text": text, "at": to_ms(at)}
    line = message.chat.line_handle
    return message, line, [wire.update_event(line, message.guid, "edited", value, at)]


@transaction.atomic
def unsend_on_phone(*, phone: VirtualPhone, message_guid: str) -> tuple[PhoneMessage, str, list[Event]]:
    message = _find_message(phone, message_guid, own=True)
    at = now()
    message.text, message.unsent_at = None, at
    message.save(update_fields=["text", "unsent_at"])
    line = message.chat.line_handle
    return message, line, [wire.update_event(line, message.guid, "unsent", {"at": to_ms(at)}, at)]


def list_phone_messages(*, phone: VirtualPhone, chat: PhoneChat | None = None, limit: int = 500) -> list[PhoneMessage]:
    """What the phone shows, oldest first: of one chat, or of all its chats."""
    rows = PhoneMessage.objects.select_related("chat").filter(chat__participants__contains=[phone.handle])
    if chat is not None:
        rows = rows.filter(chat=chat)
    return list(rows.order_by("-sent_at", "-id")[:limit])[::-1]


def list_phone_chats(*, phone: VirtualPhone) -> list[PhoneChat]:
    return list(PhoneChat.objects.filter(participants__contains=[phone.handle]).order_by("id")[:100])


def _find_message(phone: VirtualPhone, guid: str, *, own: bool = False) -> PhoneMessage:
    rows = PhoneMessage.objects.select_related("chat").filter(guid=guid, chat__participants__contains=[phone.handle])
    message = (rows.filter(sender=phone.handle) if own else rows).select_for_update(of=("self",)).first()
    if message is None:
        raise NotFoundError("message_not_found", "No such message on this phone.", param="message_guid")
    return message


def _note_reaction(message: PhoneMessage, *, sender: str, type_: str, added: bool, at: datetime) -> None:
    kept = [r for r in message.reactions if r["sender"] != sender]
    message.reactions = [*kept, {"type": type_, "sender": sender, "at": to_ms(at)}] if added else kept
    message.save(update_fields=["reactions"])


# --- scenarios -------------------------------------------------------------------------------------------------------
def set_scenario(*, line_handle: str, name: str, seed: int = 1, options: dict[str, Any] | None = None) -> LineScenario:
    """Raises ``invalid_parameter_value`` for a name or option that does not exist."""
    if name not in NAMES:
        raise invalid("name", f"`name` must be one of {', '.join(NAMES)}.")
    for key, value in (options or {}).items():
        if key not in OPTIONS:
            raise invalid(key, f"There is no option `{key}`; the options are {', '.join(OPTIONS)}.")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100_000:
            raise invalid(key, f"`{key}` must be a number from 0 to 100,000.")
    scenario, _ = LineScenario.objects.update_or_create(
        line_handle=line_handle, defaults={"name": name, "seed": seed, "options": options or {}, "draws": 0}
    )
    return scenario


def draw_scenario(line_handle: str, peer: str = "") -> tuple[LineScenario, int]:
    """The scenario of one phone on a line, else the line's, and the number of this draw; without one it is normal."""
    found = LineScenario.objects.in_bulk([phone_key(line_handle, peer), line_handle])
    scenario = found.get(phone_key(line_handle, peer)) or found.get(line_handle)
    if scenario is None:
        return LineScenario(line_handle=line_handle), 0
    if scenario.name != "normal":
        LineScenario.objects.filter(pk=scenario.pk).update(draws=F("draws") + 1)
        scenario.refresh_from_db(fields=["draws"])
    return scenario, scenario.draws


def phone_key(line_handle: str, peer: str) -> str:
    """Where a scenario of a single phone is kept: on a shared line, one person's experiment must not be another's."""
    return f"{line_handle}>{peer}"


def count_double_sends(line_handle: str | None = None) -> int:
    """How many sends reached the network more than once: the simulator's own count, which must stay 0."""
    rows = PhoneMessage.objects.exclude(dispatch_key="")
    if line_handle is not None:
        rows = rows.filter(chat__line_handle=line_handle)
    return rows.values("dispatch_key").annotate(n=Count("id")).filter(n__gt=1).count()
