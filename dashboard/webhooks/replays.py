"""A replay as the pages show it: what it sends, how far it is, how long it takes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.clock import from_ms, now
from dashboard.formatting import MISSING
from dashboard.states import STATES
from webhooks_app.models import Replay, ReplayState

ONLY_WORDS = {"failed": "failed", "missing": "not accepted", "all": "all"}
SETTLING_SECONDS = 90


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayRow:
    """``share`` is 0 to 1 of what is to be sent; ``seconds_left`` None = not known or over."""

    replay: Replay
    what: str
    waiting: int
    share: float
    per_second: float | None
    seconds_left: float | None
    is_over: bool
    is_watched: bool

    @property
    def percent(self) -> str:
        """Width of the bar."""
        return f"{self.share * 100:.1f}"

    @property
    def rate_word(self) -> str:
        if self.per_second is None:
            return MISSING
        return f"{self.per_second:,.0f}" if self.per_second >= 10 else f"{self.per_second:.1f}"

    @property
    def known_total(self) -> int:
        return max(self.replay.total, self.replay.queued)


def describe_replay(replay: Replay, at: datetime | None = None) -> ReplayRow:
    at = at or now()
    total = max(replay.total, replay.queued)
    settled = replay.delivered + replay.failed
    waiting = max(0, replay.queued - settled)
    elapsed = max(0.001, ((replay.finished_at or at) - replay.created_at).total_seconds())
    is_running = replay.state == ReplayState.RUNNING
    speed = replay.queued / elapsed if replay.queued and elapsed > 1 else None
    is_over = replay.state in (ReplayState.DONE, ReplayState.CANCELLED)
    since_end = (at - replay.finished_at).total_seconds() if replay.finished_at else 0.0
    return ReplayRow(
        replay=replay,
        what=describe_filter(replay.filter),
        waiting=waiting,
        share=min(1.0, settled / total) if total else (1.0 if is_over else 0.0),
        per_second=speed,
        seconds_left=max(0, total - replay.queued) / (speed or replay.per_second) if is_running else None,
        is_over=is_over,
        is_watched=not is_over or (waiting > 0 and since_end < SETTLING_SECONDS),
    )


def describe_filter(filter_: dict[str, Any]) -> str:
    """``failed, since 12 Nov 10:00``: what was chosen, in words."""
    if "only" in filter_:
        since, until = (f"{from_ms(filter_[name]):%-d %b %H:%M}" for name in ("since", "until"))
        return f"{ONLY_WORDS.get(filter_['only'], filter_['only']).capitalize()}, {since} to {until} UTC"
    words: list[str] = []
    for name, value in filter_.get("query", []):
        if name == "state":
            words.append(STATES["delivery"].get(value, ("", value))[1])
        elif name in ("since", "until"):
            words.append(f"{name} {from_ms(int(value)):%-d %b %H:%M} UTC")
        elif name == "event":
            words.append(value)
        elif name == "status":
            words.append("no answer" if value == "none" else value)
        elif name == "error":
            words.append(value.replace("_", " "))
        elif name == "q":
            words.append(f"“{value[:20]}…”" if len(value) > 20 else f"“{value}”")
        elif name in ("line", "chat"):
            words.append(f"one {'conversation' if name == 'chat' else name}")
    return ", ".join(words) or "Every delivery"
