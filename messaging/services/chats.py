"""Chats come into being through what arrives, and the paired chat of the sandbox (spec sandbox §3)."""

from uuid import UUID

import msgspec
from django.db.models import F, Func, Value

from core.errors import AuthorizationError
from messaging.addressing import Sender, Target
from messaging.inbound import ChatBody
from messaging.models import Chat


def ensure_sandbox_chat(sender: Sender, target: Target) -> Target:
    """The target with the direct chat of the pairing, made if a fault has lost it."""
    if not target.paired_handle:
        raise AuthorizationError("sandbox_not_activated", "Activate the sandbox first.")
    chat = open_direct_chat(
        organization_id=sender.organization_id, line_id=target.line_id, handle=target.paired_handle, has_written=True
    )
    return msgspec.structs.replace(
        target,
        chat_id=chat.id,
        chat_identifier=chat.identifier,
        is_group=False,
        participants=tuple(chat.participants),
        has_received_inbound=chat.has_received_inbound,
    )


def open_direct_chat(*, organization_id: UUID, line_id: UUID, handle: str, has_written: bool = False) -> Chat:
    """Gets or creates the direct chat with a handle; safe against another process doing the same."""
    chat, is_new = Chat.objects.get_or_create(
        organization_id=organization_id,
        line_id=line_id,
        key=f"d:{handle}"[:200],
        defaults={"identifier": handle, "participants": [handle], "has_received_inbound": has_written},
    )
    if has_written and not chat.has_received_inbound and not is_new:
        chat.has_received_inbound = True
        chat.save(update_fields=["has_received_inbound"])
    return chat


def find_chat(*, organization_id: UUID, line_id: UUID, body: ChatBody) -> Chat | None:
    """By key, else by any guid it was ever seen under."""
    chats = Chat.objects.filter(organization_id=organization_id, line_id=line_id)
    if body.identifier is not None:
        chat = chats.filter(key=body.key).first()
        if chat is not None or not body.is_group:
            return chat
    # A group's identifier changes with its members while its guid stays
    return chats.filter(guids__contains=[body.guid]).first() if body.guid else None


def open_chat(*, organization_id: UUID, line_id: UUID, body: ChatBody) -> Chat | None:
    """Finds or creates the chat a transport names, and learns its guid. None if it is only a guid nobody knows."""
    chat = find_chat(organization_id=organization_id, line_id=line_id, body=body)
    if chat is None:
        if body.identifier is None:
            return None
        chat, _ = Chat.objects.get_or_create(
            organization_id=organization_id,
            line_id=line_id,
            key=body.key,
            defaults={
                "identifier": body.identifier,
                "is_group": body.is_group,
                "name": body.name,
                "participants": list(body.participants),
                "guids": [body.guid] if body.guid else [],
                "service": body.service,
            },
        )
    learn_guid(chat, body.guid)
    return chat


def learn_guid(chat: Chat, guid: str) -> None:
    """Guid prefixes change (`any;`, `iMessage;`): every one ever seen leads to the chat."""
    if guid and guid not in chat.guids:
        Chat.objects.filter(id=chat.id).exclude(guids__contains=[guid]).update(
            guids=Func(F("guids"), Value(guid), function="array_append")
        )
        chat.guids.append(guid)


def update_chat(chat: Chat, body: ChatBody) -> bool:
    """Takes over a group's name and members; says whether anything changed."""
    changed = []
    if body.name and body.name != chat.name:
        chat.name = body.name
        changed.append("name")
    if chat.is_group and body.participants and list(body.participants) != chat.participants:
        chat.participants = list(body.participants)
        changed.append("participants")
    if changed:
        chat.save(update_fields=changed)
    return bool(changed)
