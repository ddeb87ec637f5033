"""The simulator as a transport: inline, so a dispatch has its effect and its outcome at once (spec transports §4)."""

import time
from collections.abc import Iterator, Mapping
from datetime import timedelta

from django.core.files.storage import default_storage
from django.db import transaction

from core.clock import now, to_ms
from core.handles import normalise_handle
from transports.base import (
    CAPABILITIES,
    Capability,
    ChatRef,
    Claim,
    Disposition,
    Event,
    Health,
    LineRef,
    Outcome,
)
from transports.simulator import wire
from transports.simulator.handles import is_simulated
from transports.simulator.models import DispatchFence, PhoneChat, PhoneMessage, VirtualPhone
from transports.simulator.network import draw_scenario, get_direct_chat, new_guid
from transports.simulator.scenarios import SendPlan, plan_send
from transports.simulator.schedule import schedule_events

_CHUNK = 64 * 1024


class SimulatorTransport:
    """Carries sends to virtual phones. No network; refuses any handle that could be real."""

    kind = "simulator"
    mode = "inline"

    def probe(self, line: LineRef) -> Health:
        scenario, _ = draw_scenario(line.handle)
        if scenario.name == "line_deregistered":
            return Health(state="down", reasons=("line_deregistered",), checked_at=now())
        return Health(state="ok", checked_at=now(), latency_ms=0.1)

    def capabilities(self, line: LineRef) -> Mapping[str, Capability]:
        return {name: Capability(level="native") for name in CAPABILITIES}

    def dispatch(self, claim: Claim) -> Outcome:
        """One part of an item. The effect and the fence are one transaction, so a try that reconcile has closed
        cannot come back later."""
        if not _may_reach(claim):
            return Outcome(
                disposition=Disposition.REJECTED,
                code="recipient_unreachable",
                detail="A simulated line reaches simulated handles only.",
            )
        scenario, draw = draw_scenario(claim.line.handle, claim.chat.identifier)
        plan = plan_send(scenario.name, scenario.options, seed=scenario.seed, draw=draw, attempt=claim.attempt)
        if plan.pause_seconds:
            time.sleep(plan.pause_seconds)
        with transaction.atomic():
            if _is_closed(claim):
                return Outcome(disposition=Disposition.UNKNOWN, code="delivery_unknown", detail="The try was closed.")
            return _act(claim, plan)

    def reconcile(self, claim: Claim) -> Outcome:
        """Looks the key up in the network's store, and closes this try: whoever still has it can do nothing."""
        with transaction.atomic():
            DispatchFence.objects.update_or_create(key=claim.key, defaults={"closed_attempt": claim.attempt})
            found = PhoneMessage.objects.filter(dispatch_key=str(claim.key)).order_by("id").first()
        if found is None:
            return Outcome(disposition=Disposition.NOT_STARTED, code="engine_error", detail="The network never saw it.")
        if found.error:
            return Outcome(disposition=Disposition.REJECTED, code="ghost_row", guid=found.guid)
        return Outcome(disposition=Disposition.CONFIRMED, guid=found.guid, sent_at=found.sent_at, service=found.service)

    def catch_up(self, line: LineRef, cursor: str) -> Iterator[Event]:
        """Everything said on the line since a message's guid, oldest first."""
        rows = PhoneMessage.objects.filter(chat__line_handle=line.handle).select_related("chat")
        last = PhoneMessage.objects.filter(guid=cursor).first() if cursor else None
        if last is not None:
            rows = rows.filter(id__gt=last.id)
        for message in rows.order_by("id").iterator(chunk_size=200):
            yield wire.message_event(message)

    def open_media(self, line: LineRef, ref: str) -> Iterator[bytes]:
        with default_storage.open(ref) as stored:
            while chunk := stored.read(_CHUNK):
                yield chunk

    def lookup(self, line: LineRef, address: str) -> str:
        phone = VirtualPhone.objects.filter(handle=normalise_handle(address)).first()
        return str(phone.service) if phone is not None else "unknown"

    def close(self) -> None:
        return None


def _may_reach(claim: Claim) -> bool:
    peers = [] if claim.chat.is_group else [claim.chat.identifier]
    return all(is_simulated(handle) for handle in [claim.line.handle, *peers])


def _is_closed(claim: Claim) -> bool:
    fence = DispatchFence.objects.select_for_update().filter(pk=claim.key).first()
    if fence is not None:
        return claim.attempt <= fence.closed_attempt
    DispatchFence.objects.create(key=claim.key, closed_attempt=0)
    return False


def _act(claim: Claim, plan: SendPlan) -> Outcome:
    if plan.deregisters:
        schedule_events(
            claim.line.handle, [(0.0, wire.health_event(claim.line.handle, "down", ["line_deregistered"], now()))]
        )
    if plan.result in ("not_started", "rejected"):
        disposition = Disposition.NOT_STARTED if plan.result == "not_started" else Disposition.REJECTED
        return Outcome(disposition=disposition, code=plan.code)
    chat = _find_chat(claim.line, claim.chat)
    if chat is None:
        return Outcome(disposition=Disposition.REJECTED, code="chat_not_found")
    if claim.operation in ("send", "audio"):
        return _send(claim, chat, plan)
    return _signal(claim, chat)


def _find_chat(line: LineRef, ref: ChatRef) -> PhoneChat | None:
    if not ref.is_group:
        return get_direct_chat(line_handle=line.handle, peer=ref.identifier)
    endings = [guid.rpartition(";")[2] for guid in ref.guids] or [ref.identifier]
    return PhoneChat.objects.filter(guid__in=[f"any;+;{end}" for end in endings], is_group=True).first()


def _send(claim: Claim, chat: PhoneChat, plan: SendPlan) -> Outcome:
    if not plan.has_effect:
        return Outcome(disposition=Disposition.UNKNOWN, code=plan.code)
    file = claim.file
    message = PhoneMessage.objects.create(
        chat=chat,
        guid=new_guid(),
        dispatch_key=str(claim.key),
        sender=claim.line.handle,
        is_from_line=True,
        text=claim.text,
        files=[]
        if file is None
        else [
            {
                "ref": file.ref,
                "filename": file.filename,
                "mime_type": file.mime_type,
                "size": file.size,
                "is_audio_message": file.is_audio_message,
            }
        ],
        service=plan.service,
        reply_to_guid=claim.reply_to_guid or "",
        sent_at=now(),
        error=1 if plan.result == "ghost" else 0,
    )
    _schedule_fate(message, plan)
    if plan.result == "unknown":
        return Outcome(disposition=Disposition.UNKNOWN, code=plan.code)
    if plan.result == "ghost":
        return Outcome(disposition=Disposition.REJECTED, code="ghost_row", guid=message.guid)
    return Outcome(
        disposition=Disposition.CONFIRMED, guid=message.guid, sent_at=message.sent_at, service=message.service
    )


def _schedule_fate(message: PhoneMessage, plan: SendPlan) -> None:
    """Delivered and read, as far as the phone is on and tells; a reaction where the scenario wants one."""
    chat, line = message.chat, message.chat.line_handle
    phone = None if chat.is_group else VirtualPhone.objects.filter(handle=chat.participants[0]).first()
    events: list[tuple[float, Event]] = []
    is_reachable = phone is None or (phone.is_online and phone.service == "imessage")
    if plan.delivered_seconds is not None and is_reachable:
        at = message.sent_at + timedelta(seconds=plan.delivered_seconds)
        message.delivered_at = at
        events.append((plan.delivered_seconds, wire.update_event(line, message.guid, "delivered_at", to_ms(at), at)))
        if plan.read_seconds is not None and phone is not None and phone.sends_read_receipts:
            at = message.sent_at + timedelta(seconds=plan.read_seconds)
            message.read_at = at
            events.append((plan.read_seconds, wire.update_event(line, message.guid, "read_at", to_ms(at), at)))
    if plan.reaction and not chat.is_group:
        target = message.guid if plan.reaction_target_known else new_guid()
        reaction = wire.reaction_event(
            line,
            target=target,
            sender=chat.participants[0],
            is_from_me=False,
            type_=plan.reaction,
            added=True,
            row_guid=new_guid(),
            at=now() + timedelta(seconds=1),
        )
        events.append((1.0, reaction))
    if message.delivered_at or message.read_at:
        message.save(update_fields=["delivered_at", "read_at"])
    schedule_events(line, events)


def _signal(claim: Claim, chat: PhoneChat) -> Outcome:
    """Tapbacks, typing and read marks of ours, as the phone shows them."""
    if claim.operation == "react":
        target = PhoneMessage.objects.select_for_update().filter(chat=chat, guid=claim.target_guid or "").first()
        if target is None:
            return Outcome(disposition=Disposition.REJECTED, code="chat_not_found", detail="No such message.")
        kept = [r for r in target.reactions if r["sender"] != claim.line.handle]
        mine = [{"type": claim.reaction, "sender": claim.line.handle, "at": to_ms(now())}] if claim.is_on else []
        target.reactions = kept + mine
        target.save(update_fields=["reactions"])
    elif claim.operation == "read":
        PhoneMessage.objects.filter(chat=chat, is_from_line=False, read_at=None).update(read_at=now())
    elif claim.operation == "typing":
        PhoneChat.objects.filter(pk=chat.pk).update(line_typing_at=now() if claim.is_on else None)
    return Outcome(disposition=Disposition.CONFIRMED, guid=new_guid(), sent_at=now())
