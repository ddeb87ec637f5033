"""From what a caller wrote (`from`, `to`, a file, a message) to rows, in one select, and the checks in the order of
spec api §3: line, access, sandbox, recipient, chat, file and reply target, capability, whether the line can send now.
"""

import json
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings

from core.errors import AuthorizationError, InvalidRequestError, invalid, missing, not_found
from core.handles import normalise_handle
from core.ids import CHAT, FILE, LINE, MESSAGE, has_prefix, parse_id
from core.steps import Statement, Steps, run_steps

MAX_ADDRESS = 120
MAX_GUID = 120


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts: an API key or a person of the organization. ``line_ids`` None = every line, else only those.

    ``allowed_recipients`` empty = everybody. ``has_owner`` is False for a credential that no account owns.
    """

    organization_id: UUID
    api_key_id: UUID | None = None
    user_id: int | None = None
    line_ids: frozenset[UUID] | None = None
    allowed_recipients: frozenset[str] = frozenset()
    daily_send_budget: int | None = None
    request_id: str = ""
    has_owner: bool = True


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Values after their syntax was checked; nothing has been looked up yet."""

    line_id: UUID | None = None
    line_handle: str = ""
    chat_id: UUID | None = None
    handle: str | None = None
    file_id: UUID | None = None
    message_id: UUID | None = None
    message_guid: str = ""


class Target(msgspec.Struct, frozen=True):
    """What one select found. ``chat_id``, ``file_id`` and ``message_id`` are None where there is no such row."""

    line_id: UUID
    line_handle: str
    is_sandbox: bool
    service: str
    transport: str
    is_active: bool
    capabilities: Mapping[str, Any]
    pairing_status: str | None
    paired_handle: str | None
    sandbox_limit: int
    chat_id: UUID | None
    chat_identifier: str | None
    is_group: bool
    participants: tuple[str, ...]
    has_received_inbound: bool
    file_id: UUID | None
    file_mime_type: str | None
    file_has_voice: bool
    message_id: UUID | None
    message_guid: str | None
    is_strict: bool


_SELECT = """
SELECT l.id, l.handle, l.is_sandbox, l.service, l.transport,
       l.paused_at IS NULL AND l.health NOT IN ('down', 'unpaired'), l.capabilities::text,
       p.status, p.contact_identifier, {limit},
       c.id, c.identifier, coalesce(c.is_group, false), coalesce(c.participants, '{{}}'),
       coalesce(c.has_received_inbound, false), {file}, {message}, l.is_strict
FROM lines_line l
LEFT JOIN lines_sandboxpairing p ON l.is_sandbox AND p.organization_id = %(org)s AND p.line_id = l.id
LEFT JOIN messaging_chat c ON c.line_id = l.id AND c.organization_id = %(org)s AND {chat}
{joins}
WHERE {line} AND l.deleted_at IS NULL AND (l.organization_id = %(org)s OR l.is_sandbox)
"""
_LIMIT = "(SELECT o.sandbox_daily_messages FROM accounts_organization o WHERE l.is_sandbox AND o.id = %(org)s)"


def parse_line(text: str | None, *, param: str = "from") -> Address:
    """A line's handle or ``ln_`` id. Raises 400 errors naming ``param``."""
    if text is None or not text.strip():
        raise missing(param)
    check_text(text, param=param, limit=MAX_ADDRESS)
    if has_prefix(LINE, text):
        return Address(line_id=_parse_key(LINE, text, param))
    refuse_other_ids(text, param)
    return Address(line_handle=normalise_handle(text))


def parse_chat(text: str | None, *, param: str = "to") -> Address:
    """A peer's handle or ``cht_`` id."""
    if text is None or not text.strip():
        raise missing(param)
    check_text(text, param=param, limit=MAX_ADDRESS)
    if has_prefix(CHAT, text):
        return Address(chat_id=_parse_key(CHAT, text, param))
    refuse_other_ids(text, param)
    return Address(handle=normalise_handle(text))


def parse_message(text: str | None, *, param: str) -> Address:
    """``msg_`` id or platform guid."""
    if not text or not text.strip():
        raise missing(param)
    check_text(text, param=param, limit=MAX_GUID)
    if has_prefix(MESSAGE, text):
        return Address(message_id=_parse_key(MESSAGE, text, param))
    refuse_other_ids(text, param)
    return Address(message_guid=text.strip())


def parse_file(text: str | None, *, param: str) -> Address:
    if not text:
        raise missing(param)
    check_text(text, param=param, limit=MAX_ADDRESS)
    return Address(file_id=_parse_key(FILE, text, param))


def check_text(text: str, *, param: str, limit: int) -> None:
    """What PostgreSQL and JSON cannot hold, or is too long: 400."""
    if len(text) > limit:
        raise invalid(param, f"`{param}` may have {limit:,} characters at most.")
    if "\0" in text:
        raise invalid(param, f"`{param}` contains a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise invalid(param, f"`{param}` contains half of a surrogate pair.") from None


def _parse_key(prefix: str, text: str, param: str) -> UUID:
    if not has_prefix(prefix, text):
        raise invalid(param, f"`{param}` must be an id that starts with `{prefix}_`.")
    # Well prefixed but not one of ours: no row has it, so the caller learns "not found", not "invalid"
    return parse_id(prefix, text) or UUID(int=0)


_PREFIXES = ("ln", "cht", "msg", "rxn", "obx", "wh", "ind", "rcp", "file", "dlv", "req", "org")


def refuse_other_ids(text: str, param: str) -> None:
    """An id of another kind is a mistake worth naming; a handle never looks like one."""
    head, mark, _ = text.partition("_")
    if mark and head in _PREFIXES and "@" not in text:
        raise invalid(param, f"`{param}` cannot be an id that starts with `{head}_`.")


def find_target(
    sender: Sender, line: Address, chat: Address, *, file: Address | None = None, message: Address | None = None
) -> Target:
    """One select for everything. Raises ``line_not_found``; every other check is the caller's, see ``check_…``."""
    return run_steps(find_target_steps(sender, line, chat, file=file, message=message))


def find_target_steps(
    sender: Sender, line: Address, chat: Address, *, file: Address | None = None, message: Address | None = None
) -> Steps[Target]:
    """``find_target`` for who must not wait: see ``core.steps``."""
    row = yield Statement(*target_query(sender, line, chat, file=file, message=message))
    if row is None:
        raise not_found("line", param="from")
    return to_target(row)


def target_query(
    sender: Sender, line: Address, chat: Address, *, file: Address | None = None, message: Address | None = None
) -> tuple[str, dict[str, Any]]:
    """The select whose columns are the members of ``Target``, and its values."""
    values: dict[str, Any] = {"org": sender.organization_id, "line": line.line_id or line.line_handle}
    by_chat = "id" if chat.chat_id is not None else "handle" if chat.handle is not None else "pairing"
    if chat.chat_id is not None:
        values["chat"] = chat.chat_id
    elif chat.handle is not None:
        values["chat"] = f"d:{chat.handle}"[:200]
    by_message = ""
    if file is not None:
        values["file"] = file.file_id
    if message is not None:
        by_message = "id" if message.message_id else "guid"
        values["message"] = message.message_id or message.message_guid
    return _write_select(line.line_id is not None, by_chat, file is not None, by_message), values


@cache
def _write_select(is_line_id: bool, by_chat: str, has_file: bool, by_message: str) -> str:
    """The select for what is asked: one text for each shape, so that it is prepared once."""
    chats = {
        "id": "c.id = %(chat)s",
        "handle": "c.key = %(chat)s",
        "pairing": "l.is_sandbox AND c.key = 'd:' || p.contact_identifier",
    }
    joins = []
    if has_file:
        joins.append("LEFT JOIN messaging_file f ON f.id = %(file)s AND f.organization_id = %(org)s")
    if by_message:
        match = "m.id = %(message)s" if by_message == "id" else "m.guid = %(message)s AND m.line_id = l.id"
        joins.append(f"LEFT JOIN messaging_message m ON m.chat_id = c.id AND {match}")
    return _SELECT.format(
        limit=_LIMIT,
        file="f.id, f.mime_type, f.audio_caf_key <> ''" if has_file else "NULL, NULL, false",
        message="m.id, m.guid" if by_message else "NULL, NULL",
        chat=chats[by_chat],
        joins=" ".join(joins),
        line="l.id = %(line)s" if is_line_id else "l.handle = %(line)s",
    )


_read_capabilities = lru_cache(maxsize=256)(json.loads)


def to_target(row: tuple[Any, ...]) -> Target:
    """A row of ``target_query``."""
    limit = settings.SANDBOX_DAILY_MESSAGES if row[9] is None else row[9]
    return Target(
        *(*row[:6], _read_capabilities(row[6]), row[7], row[8], limit, *row[10:13], tuple(row[13]), *row[14:])
    )


def check_line(sender: Sender, target: Target) -> None:
    """Access and sandbox state: 403. The sandbox line is open to every key, whatever its restriction."""
    if target.is_sandbox:
        if not sender.has_owner:
            raise AuthorizationError("sandbox_requires_owner", "The sandbox needs a key that an account owns.")
        if target.pairing_status != "active":
            raise AuthorizationError(
                "sandbox_not_activated", "Activate the sandbox first: text its code to the sandbox number."
            )
    elif sender.line_ids is not None and target.line_id not in sender.line_ids:
        raise AuthorizationError("line_not_accessible", "This key may not use this line.", param="from")


def check_sandbox_contact(target: Target, chat: Address) -> None:
    """On the sandbox line only the paired number can be addressed: 400."""
    if not target.is_sandbox:
        return
    handle = chat.handle if chat.chat_id is None else target.chat_identifier
    if handle is not None and handle != target.paired_handle:
        raise InvalidRequestError(
            "sandbox_contact_mismatch", "The sandbox reaches only the number that activated it.", param="to"
        )


def check_active(target: Target) -> None:
    if not target.is_active:
        raise invalid("from", "This line is not active: it is paused, or its machine is away.")


def check_capability(target: Target, name: str, *, param: str | None = None) -> None:
    """Refuses what the machine behind the line is known not to do. An unasked simulator does everything."""
    level = target.capabilities.get(name)
    if isinstance(level, Mapping):
        level = level.get("level")
    if level is None:
        is_basic = name in ("send.text", "send.file")
        level = "native" if is_basic or target.transport == "simulator" else "none"
    if level == "none":
        raise InvalidRequestError(
            "advanced_features_required", f"The machine behind this line cannot do this ({name}).", param=param
        )
