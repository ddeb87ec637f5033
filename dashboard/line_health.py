"""A line's health over the last day, as a strip of hours with the latest changes in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.states import get_status
from lines.health_history import HOURS, HealthChange, spread_over_hours

SHOWN = 4
_CLASSES = {"ok": "ok", "degraded": "warn", "down": "bad", "unpaired": "bad"}


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthStrip:
    """``cells`` are (x, width, class, tip) in per cent; ``label`` tells the finding."""

    cells: list[tuple[str, str, str, str]]
    label: str
    changes: list[HealthChange]


def make_health_strip(changes: Sequence[HealthChange], at: datetime) -> HealthStrip | None:
    """None for a line that has told nothing of itself for a day."""
    if not changes:
        return None
    hours = spread_over_hours(list(changes), at)
    width = 100 / HOURS
    cells = [
        (f"{width * place:.2f}", f"{width * 0.82:.2f}", _CLASSES.get(state, ""), f"{start:%H}:00 UTC: {_name(state)}")
        for place, (start, state) in enumerate(hours)
    ]
    unwell = sum(state not in ("", "ok") for _, state in hours)
    label = f"Health, 24 hours: {f'trouble in {unwell} of them' if unwell else 'no trouble'}"
    return HealthStrip(cells=cells, label=label, changes=list(changes[:SHOWN]))


def _name(state: str) -> str:
    return get_status("line", state)[1] if state else "Not known"
