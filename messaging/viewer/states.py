"""Honest states (design ui §1, §5): one word per state, never one that claims more than is known."""

from dataclasses import dataclass
from datetime import datetime

from messaging.models import Message, OutboxItem, OutboxStatus

UNKNOWN_CODES = ("delivery_unknown", "ghost_row")

# Why a send failed, in words, with what to do; docs/outbox.md explains each code at length.
FAILURES = {
    "recipient_unreachable": "the recipient could not be reached.",
    "not_registered": "the recipient is not on iMessage.",
    "file_unreadable": "the Mac could not read the file.",
    "chat_not_found": "the Mac does not know this conversation.",
    "advanced_features_required": "the Mac behind the line cannot do this.",
    "capability_missing": "the Mac behind the line cannot do this.",
    "media_unsupported": "this kind of file cannot be sent.",
    "media_too_large": "the file is too large.",
    "permission_denied": "the Mac lacks a permission.",
    "messages_app_down": "Messages is not running on the Mac.",
    "line_deregistered": "Apple has deregistered this line.",
    "line_offline": "the line was offline until the deadline.",
    "rate_limited": "Apple slowed the line down.",
    "partial_delivery": "only a part of it arrived.",
    "engine_error": "the Mac's engine reported an error.",
    "expired": "its time had passed.",
}


# Why a strict line keeps a send back, by the name of the meter
HOLDS = {
    "reach_outs": "the line's reach-outs of today are used up.",
    "unanswered": "the contact has not answered the last messages. An answer lets it go at once.",
    "ratio": "the line sends far more than it hears.",
}


@dataclass(frozen=True, slots=True)
class State:
    """``kind`` picks the shape (design ui §5), ``word`` is what is read, ``at`` since when."""

    kind: str
    word: str
    at: datetime | None = None
    reason: str = ""
    code: str = ""


def describe_failure(code: str | None) -> str:
    """The reason as the end of "Not sent: …"."""
    if not code:
        return "no reason was given."
    if code.startswith("imessage_error_"):
        return f"Apple's error {code.removeprefix('imessage_error_')}."
    return FAILURES.get(code, f"{code.replace('_', ' ')}.")


def state_of_message(message: Message) -> State:
    """Of a message that is in the platform's store."""
    if message.failed_at is not None:
        return State("bad", "Not sent", message.failed_at, describe_failure(message.error), message.error)
    if message.read_at is not None:
        return State("ok", "Read", message.read_at)
    if message.delivered_at is not None:
        return State("ok", "Delivered", message.delivered_at)
    return State("ok", "Sent", message.sent_at)


def state_of_item(item: OutboxItem) -> State:
    """Of something that is still on its way out, or never left."""
    if item.status == OutboxStatus.FAILED:
        if item.error in UNKNOWN_CODES:
            return State("warn", "Unknown", item.completed_at, "nobody can tell whether it arrived.", item.error or "")
        return State("bad", "Not sent", item.completed_at, describe_failure(item.error), item.error or "")
    if item.status == OutboxStatus.SENT:
        return State("ok", "Sent", item.completed_at)
    if item.status == OutboxStatus.CLAIMED:
        return State("wait", "Claimed", item.claimed_at)
    if item.held_reason:
        reason = HOLDS.get(item.held_reason, f"{item.held_reason.replace('_', ' ')} is used up.")
        return State("held", "Held", item.resumes_at, reason, item.held_reason)
    return State("wait", "Accepted", item.created_at)
