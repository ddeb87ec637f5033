"""What goes wrong on a simulated line: named scenarios, deterministic by seed. Pure decisions, no database.

A scenario decides twice: what happens to a send (``plan_send``), and what a phone's message looks like from the line
(``plan_receive``). Options that a caller may set are those of ``OPTIONS`` with their defaults.
"""

import random
from dataclasses import dataclass, field

NAMES: dict[str, str] = {
    "normal": "Sent, delivered, read",
    "delay": "Arrives after some seconds",
    "read_after": "Read after some seconds",
    "fails_once": "Fails before any effect, then arrives",
    "not_registered": "The recipient is not on iMessage (error 22)",
    "offline_phone": "Sent, never delivered",
    "sms_downgrade": "Goes out as SMS",
    "crash_after_start": "The engine dies after the effect: the outcome is open",
    "crash_before_effect": "The engine dies before the effect: the outcome is open",
    "ghost_row": "A row appears that never gets sent",
    "slow_engine": "Every send takes its time",
    "duplicate_event": "Events arrive twice",
    "out_of_order": "Events arrive in the wrong order",
    "late_chat_join": "A message arrives before its chat is known",
    "attachment_pending": "Files arrive after their message",
    "transcript_late": "The transcript follows the voice memo",
    "edit": "The contact edits each message",
    "unsend": "The contact unsends each message",
    "tapback": "The contact reacts to each message of ours",
    "emoji_tapback": "The contact reacts with an emoji",
    "tapback_unknown": "A reaction to a message nobody knows",
    "group_change": "A group is renamed and its members change",
    "line_deregistered": "Apple deregisters the line",
    "clock_skew": "The source's clock is wrong",
    "backfill_burst": "Old messages arrive in a burst",
    "flaky": "A share of all sends fails, by chance",
}
OPTIONS: dict[str, float] = {
    "delay_seconds": 5.0,
    "delivered_seconds": 0.4,
    "read_seconds": 2.0,
    "late_seconds": 2.0,
    "times": 1,
    "skew_seconds": 90.0,
    "count": 25,
    "share": 0.2,
    "answers": 0,
}


@dataclass(frozen=True, slots=True)
class SendPlan:
    """``result``: confirmed, not_started, rejected, unknown or ghost. Seconds are None for what never happens."""

    result: str = "confirmed"
    code: str = ""
    has_effect: bool = True
    service: str = "iMessage"
    pause_seconds: float = 0.0
    delivered_seconds: float | None = 0.4
    read_seconds: float | None = 2.0
    reaction: str = ""
    reaction_target_known: bool = True
    deregisters: bool = False


@dataclass(frozen=True, slots=True)
class ReceivePlan:
    """How a phone's message is reported. ``later`` are kinds of events that follow after ``late_seconds``."""

    is_doubled: bool = False
    delay_seconds: float = 0.0
    skew_seconds: float = 0.0
    hides_chat: bool = False
    files_pending: bool = False
    transcript_late: bool = False
    backfill: int = 0
    later: tuple[str, ...] = field(default=())
    late_seconds: float = 2.0


def option(options: dict[str, float], name: str) -> float:
    return float(options.get(name, OPTIONS[name]))


def plan_send(name: str, options: dict[str, float], *, seed: int, draw: int, attempt: int) -> SendPlan:
    """What a send leads to. ``draw`` counts the sends of the line, ``attempt`` starts at 1."""
    delivered, read = option(options, "delivered_seconds"), option(options, "read_seconds")
    normal = SendPlan(delivered_seconds=delivered, read_seconds=delivered + read)
    late = option(options, "delay_seconds")
    match name:
        case "delay":
            return SendPlan(delivered_seconds=late, read_seconds=late + read)
        case "read_after":
            return SendPlan(delivered_seconds=delivered, read_seconds=late)
        case "fails_once" if attempt <= option(options, "times"):
            return SendPlan(result="not_started", code="engine_error", has_effect=False)
        case "not_registered":
            return SendPlan(result="rejected", code="not_registered", has_effect=False)
        case "offline_phone":
            return SendPlan(delivered_seconds=None, read_seconds=None)
        case "sms_downgrade":
            return SendPlan(service="SMS", delivered_seconds=None, read_seconds=None)
        case "crash_after_start":
            return SendPlan(result="unknown", code="engine_error", delivered_seconds=delivered, read_seconds=None)
        case "crash_before_effect" if attempt <= option(options, "times"):
            return SendPlan(result="unknown", code="engine_error", has_effect=False)
        case "ghost_row":
            return SendPlan(result="ghost", code="ghost_row", delivered_seconds=None, read_seconds=None)
        case "slow_engine":
            return SendPlan(pause_seconds=late, delivered_seconds=delivered, read_seconds=None)
        case "tapback":
            return SendPlan(delivered_seconds=delivered, read_seconds=delivered + read, reaction="like")
        case "emoji_tapback":
            return SendPlan(delivered_seconds=delivered, read_seconds=delivered + read, reaction="🎉")
        case "tapback_unknown":
            return SendPlan(delivered_seconds=delivered, reaction="like", reaction_target_known=False)
        case "line_deregistered":
            return SendPlan(result="rejected", code="line_deregistered", has_effect=False, deregisters=True)
        case "flaky" if random.Random(seed * 1_000_003 + draw).random() < option(options, "share"):
            return SendPlan(result="not_started", code="engine_error", has_effect=False)
    return normal


def plan_receive(name: str, options: dict[str, float], *, seed: int, draw: int) -> ReceivePlan:
    """How the line hears of a phone's message."""
    late = option(options, "late_seconds")
    match name:
        case "duplicate_event":
            return ReceivePlan(is_doubled=True, late_seconds=late)
        case "out_of_order":
            return ReceivePlan(delay_seconds=late if draw % 2 == 0 else 0.0)
        case "late_chat_join":
            return ReceivePlan(hides_chat=True, late_seconds=late)
        case "attachment_pending":
            return ReceivePlan(files_pending=True, late_seconds=late)
        case "transcript_late":
            return ReceivePlan(transcript_late=True, late_seconds=late)
        case "clock_skew":
            sign = 1 if random.Random(seed * 1_000_003 + draw).random() < 0.5 else -1
            return ReceivePlan(skew_seconds=sign * option(options, "skew_seconds"))
        case "backfill_burst":
            return ReceivePlan(backfill=int(option(options, "count")))
        case "edit" | "unsend" | "group_change":
            return ReceivePlan(later=(name,), late_seconds=late)
    return ReceivePlan()
