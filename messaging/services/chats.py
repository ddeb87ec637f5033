"""Chats come into being through what arrives, and the paired chat of the sandbox (spec sandbox §3)."""

from dataclasses import replace
from uuid import UUID

from core.errors import AuthorizationError
from messaging.addressing import Sender, Target
from messaging.models import Chat


def ensure_sandbox_chat(sender: Sender, target: Target) -> Target:
    """The target with the direct chat of the pairing, made if a fault has lost it."""
    if not target.paired_handle:
        raise AuthorizationError("sandbox_not_activated", "Activate the sandbox first.")
    chat = open_direct_chat(
        organization_id=sender.organization_id, line_id=target.line_id, handle=target.paired_handle, has_written=True
    )
    return replace(
        target,
        chat_id=chat.id,
        chat_identifier=chat.identifier,
        is_group=False,
        participants=tuple(chat.participants),
        has_received_inbound=chat.has_received_inbound,
    )


def open_direct_chat(*, organization_id: UUID, line_id: UUID, handle: str, has_written: bool = False) -> Chat:
    """Gets or creates the direct chat with a handle; safe against another process doing the same."""
    chat, _ = Chat.objects.get_or_create(
        organization_id=organization_id,
        line_id=line_id,
        key=f"d:{handle}",
        defaults={
            "identifier": handle,
            "participants": [handle],
            "has_received_inbound": has_written,
        },
    )
    return chat
