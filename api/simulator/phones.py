"""Virtual phones: list, make, and do what their owners do."""

from typing import Annotated, Any, Literal

import msgspec
from django.db import transaction

from api.call import Call
from api.lists import Page
from api.routes import endpoint
from api.schemas import FileRef
from api.simulator.access import get_own_phone, require_simulator, resolve_destination
from core.clock import to_ms, to_ms_or_none
from core.errors import invalid
from messaging.services.files import get_file
from messaging.services.simulated import report_events
from transports.simulator.models import PhoneMessage, VirtualPhone
from transports.simulator.network import (
    MAX_TEXT,
    create_phone,
    list_phone_messages,
    list_phones,
    react_from_phone,
    read_on_phone,
    send_from_phone,
    type_on_phone,
)

LineOrGroup = Annotated[str, msgspec.Meta(description="A line's handle or id, or the guid of a group.")]
MAX_REACTION = 32


class CreatePhone(msgspec.Struct, frozen=True):
    """Without a handle the phone gets a free number, ``+155501xxxxx``."""

    handle: str | None = None
    name: str = ""
    service: Literal["imessage", "sms"] = "imessage"


class PhoneOut(msgspec.Struct, frozen=True):
    handle: str
    name: str
    service: str
    is_online: bool
    created_at: int


class SendFromPhone(msgspec.Struct, frozen=True):
    """Text, files, or both; or one voice memo."""

    to: LineOrGroup
    text: str | None = None
    attachments: list[FileRef] | None = None
    audio: FileRef | None = None
    reply_to: str | None = None


class PhoneReactionOut(msgspec.Struct, frozen=True):
    type: str
    sender: str
    at: int


class PhoneMessageOut(msgspec.Struct, frozen=True):
    """A message as the phone shows it: ``is_from_me`` is true for what this phone sent."""

    guid: str
    from_: str = msgspec.field(name="from")
    is_from_me: bool
    text: str | None
    attachments: list[str | None]
    service: str
    reply_to: str | None
    sent_at: int
    delivered_at: int | None
    read_at: int | None
    reactions: list[PhoneReactionOut]


class ReactFromPhone(msgspec.Struct, frozen=True):
    """``type`` is one of the six words or an emoji."""

    message_guid: str
    type: str
    added: bool = True


class TypeOnPhone(msgspec.Struct, frozen=True):
    to: LineOrGroup
    is_typing: bool = True


class ReadOnPhone(msgspec.Struct, frozen=True):
    to: LineOrGroup


class Done(msgspec.Struct, frozen=True):
    """``events`` is how many events the line heard at once."""

    events: int


def phone_out(phone: VirtualPhone) -> PhoneOut:
    return PhoneOut(phone.handle, phone.name, phone.service, phone.is_online, to_ms(phone.created_at))


def message_out(message: PhoneMessage, phone: VirtualPhone) -> PhoneMessageOut:
    return PhoneMessageOut(
        guid=message.guid,
        from_=message.sender,
        is_from_me=message.sender == phone.handle,
        text=message.text,
        attachments=[file.get("filename") for file in message.files],
        service=message.service,
        reply_to=message.reply_to_guid or None,
        sent_at=to_ms(message.sent_at),
        delivered_at=to_ms_or_none(message.delivered_at),
        read_at=to_ms_or_none(message.read_at),
        reactions=[PhoneReactionOut(r["type"], r["sender"], r["at"]) for r in message.reactions],
    )


@endpoint(
    "GET", "/simulator/v1/phones", scope="messages:write", response=Page[PhoneOut],
    summary="List the organization's virtual phones", tag="Simulator", is_extension=True,
)  # fmt: skip
def list_virtual_phones(call: Call[None, None]) -> Page[PhoneOut]:
    require_simulator()
    return Page([phone_out(phone) for phone in list_phones(owner_id=call.organization_id)], False, None)


@endpoint(
    "POST", "/simulator/v1/phones", scope="messages:write", body=CreatePhone, response=PhoneOut, status=201,
    errors=("handle_taken",), summary="Make a virtual phone", tag="Simulator", is_extension=True,
)  # fmt: skip
def create_virtual_phone(call: Call[CreatePhone, None]) -> PhoneOut:
    require_simulator()
    body = call.body
    return phone_out(
        create_phone(owner_id=call.organization_id, handle=body.handle, name=body.name, service=body.service)
    )


@endpoint(
    "GET", "/simulator/v1/phones/{handle}/messages", scope="messages:write", response=Page[PhoneMessageOut],
    errors=("phone_not_found",), summary="List what a phone shows, oldest first", tag="Simulator", is_extension=True,
)  # fmt: skip
def list_messages_on_phone(call: Call[None, None]) -> Page[PhoneMessageOut]:
    phone = get_own_phone(call)
    return Page([message_out(message, phone) for message in list_phone_messages(phone=phone)], False, None)


@endpoint(
    "POST", "/simulator/v1/phones/{handle}/messages", scope="messages:write", body=SendFromPhone,
    response=PhoneMessageOut, status=201,
    errors=("phone_not_found", "line_not_found", "chat_not_found", "file_not_found"),
    summary="Send from a phone", tag="Simulator", is_extension=True,
)  # fmt: skip
def send_as_phone(call: Call[SendFromPhone, None]) -> PhoneMessageOut:
    phone, body = get_own_phone(call), call.body
    to = resolve_destination(call, body.to)
    if len(body.text or "") > MAX_TEXT:
        raise invalid("text", f"`text` has {MAX_TEXT:,} characters at most.")
    files = [_file(call, file_id, param="attachments") for file_id in body.attachments or ()]
    if body.audio is not None:
        files.append({**_file(call, body.audio, param="audio"), "is_audio_message": True})
    with transaction.atomic():
        message, line_handle, events = send_from_phone(
            phone=phone, to=to, text=body.text, files=files, reply_to=body.reply_to
        )
        report_events(line_handle, events)
    return message_out(message, phone)


@endpoint(
    "POST", "/simulator/v1/phones/{handle}/reactions", scope="messages:write", body=ReactFromPhone,
    response=PhoneMessageOut, errors=("phone_not_found", "message_not_found"),
    summary="React from a phone", tag="Simulator", is_extension=True,
)  # fmt: skip
def react_as_phone(call: Call[ReactFromPhone, None]) -> PhoneMessageOut:
    phone, body = get_own_phone(call), call.body
    if len(body.type) > MAX_REACTION:
        raise invalid("type", "`type` is one of the six words, or an emoji.")
    with transaction.atomic():
        message, line_handle, events = react_from_phone(
            phone=phone, message_guid=body.message_guid, type=body.type, added=body.added
        )
        report_events(line_handle, events)
    return message_out(message, phone)


@endpoint(
    "POST", "/simulator/v1/phones/{handle}/typing", scope="messages:write", body=TypeOnPhone, response=Done,
    errors=("phone_not_found", "line_not_found", "chat_not_found"),
    summary="Start or stop typing on a phone", tag="Simulator", is_extension=True,
)  # fmt: skip
def type_as_phone(call: Call[TypeOnPhone, None]) -> Done:
    phone, body = get_own_phone(call), call.body
    to = resolve_destination(call, body.to)
    with transaction.atomic():
        line_handle, events = type_on_phone(phone=phone, to=to, is_typing=body.is_typing)
        report_events(line_handle, events)
    return Done(len(events))


@endpoint(
    "POST", "/simulator/v1/phones/{handle}/read", scope="messages:write", body=ReadOnPhone, response=Done,
    errors=("phone_not_found", "line_not_found", "chat_not_found"),
    summary="Open a chat on a phone: everything in it is read", tag="Simulator", is_extension=True,
)  # fmt: skip
def read_as_phone(call: Call[ReadOnPhone, None]) -> Done:
    phone, body = get_own_phone(call), call.body
    to = resolve_destination(call, body.to)
    with transaction.atomic():
        line_handle, events = read_on_phone(phone=phone, to=to)
        report_events(line_handle, events)
    return Done(len(events))


def _file(call: Call[Any, Any], file_id: str, *, param: str) -> dict[str, Any]:
    file = get_file(organization_id=call.organization_id, file_id=file_id, param=param)
    return {"ref": file.storage_key, "filename": file.filename, "mime_type": file.mime_type, "size": file.size}
