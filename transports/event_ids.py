"""Derived event ids (spec transports §2.3): the same thing has the same id by whatever road it comes. Pure."""

import hashlib
import json


def _derive(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, separators=(",", ":"), default=str).encode()).hexdigest()


def message_event_id(line: str, guid: str) -> str:
    return _derive("message", line, guid)


def update_event_id(line: str, guid: str, field: str, value: object) -> str:
    return _derive("update", line, guid, field, value)


def reaction_event_id(line: str, row_guid: str) -> str:
    """For transports that give the reaction's row a guid."""
    return _derive("reaction", line, row_guid)


def reaction_event_id_by_content(
    line: str, *, target: str, part: int, sender: str, type_: str, added: bool, second: int
) -> str:
    """For transports that do not."""
    return _derive("reaction", line, target, part, sender, type_, added, second)


def typing_event_id(line: str, chat: str, handle: str, milliseconds: int) -> str:
    """Typing is not deduplicated, so its time is part of what it is."""
    return _derive("typing", line, chat, handle, milliseconds)


def read_event_id(line: str, chat: str, handle: str, milliseconds: int) -> str:
    return _derive("read", line, chat, handle, milliseconds)


def chat_event_id(line: str, guid: str, change: object) -> str:
    return _derive("chat", line, guid, change)


def health_event_id(line: str, state: str, milliseconds: int) -> str:
    return _derive("health", line, state, milliseconds)
