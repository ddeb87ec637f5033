"""Endpoints as the pages show them: state in words, what happens next, health as charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from core.clock import now
from dashboard.webhooks.attempts import describe_answer
from webhooks_app.endpoint_hours import Hour
from webhooks_app.error_texts import describe_error
from webhooks_app.models import Endpoint
from webhooks_app.retry import BREAKER_FAILURES, FIRST_WARNING, SECOND_WARNING, SWITCH_OFF
from webhooks_app.services.secrets import OVERLAP

_HOUR = timedelta(hours=1)
OFF_WORDS = {
    "paused": "Off",
    "gone_410": "Switched off: it answered 410",
    "failing_5_days": "Switched off after 5 days of failures",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointRow:
    """An endpoint with the words beside it. ``state`` is one of kind ``endpoint``."""

    endpoint: Endpoint
    host: str
    path: str
    state: str
    words: str
    lines: str
    last: str
    answer: str
    rates: list[float]
    rate: float | None

    @property
    def trend(self) -> str:
        return f"Success over 24 hours, {self.rate * 100:.0f} per cent" if self.rate is not None else "Nothing sent"

    @property
    def tone(self) -> str:
        return "bad" if self.rate is not None and self.rate < 0.95 else "mute"


@dataclass(frozen=True, kw_only=True, slots=True)
class NextStep:
    """What happens by itself, and when. ``tone`` is empty, warn or bad."""

    text: str
    at: datetime | None = None
    tone: str = ""


def split_url(url: str) -> tuple[str, str]:
    """Host and the rest: the host is in ink, the path faint."""
    parts = urlsplit(url)
    return parts.netloc, (parts.path if parts.path != "/" else "") + (f"?{parts.query}" if parts.query else "")


def describe_endpoint(
    endpoint: Endpoint, line_names: Mapping[UUID, str], hours: Sequence[Hour] = (), at: datetime | None = None
) -> EndpointRow:
    host, path = split_url(endpoint.url)
    state, words = get_state(endpoint)
    delivered, attempts = sum(h.delivered for h in hours), sum(h.attempts for h in hours)
    return EndpointRow(
        endpoint=endpoint,
        host=host,
        path=path,
        state=state,
        words=words,
        lines=describe_lines(endpoint, line_names),
        last=describe_last(endpoint),
        answer=describe_last_answer(endpoint),
        rates=_fill_rates(hours, at or now()),
        rate=delivered / attempts if attempts else None,
    )


def get_state(endpoint: Endpoint) -> tuple[str, str]:
    """State and words, such as ``retrying``, "3 failures in a row"."""
    if not endpoint.is_active:
        reason = endpoint.disabled_reason or "paused"
        return ("off" if reason == "paused" else "disabled"), OFF_WORDS.get(reason, "Switched off")
    failures = endpoint.consecutive_failures
    if failures >= BREAKER_FAILURES:
        return "failing", f"Failing, {failures:,} in a row"
    if failures:
        return "retrying", f"{failures} failure{'s' if failures > 1 else ''} in a row"
    return "on", "On"


def describe_lines(endpoint: Endpoint, line_names: Mapping[UUID, str]) -> str:
    if endpoint.line_ids is None:
        return "All lines"
    known = [line_names[line_id] for line_id in endpoint.line_ids if line_id in line_names]
    return known[0] if len(known) == 1 else f"{len(known)} lines"


def describe_last(endpoint: Endpoint) -> str:
    """Why the last attempt was not accepted, in two or three words; "" if it was."""
    return describe_error(endpoint.last_error).title if endpoint.last_error else ""


def describe_last_answer(endpoint: Endpoint) -> str:
    """As ``describe_last``, short enough for a tag."""
    return describe_answer(endpoint.last_status, endpoint.last_error)


def _fill_rates(hours: Sequence[Hour], at: datetime) -> list[float]:
    """24 rates; an hour in which nothing was sent repeats the one before."""
    if not hours:
        return []
    first = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=23)
    known = {(span.starts_at - first) // _HOUR: span.success_share for span in hours}
    rates: list[float] = []
    for index in range(24):
        rate = known.get(index)
        rates.append(rate if rate is not None else (rates[-1] if rates else 1.0))
    return rates


def list_next_steps(endpoint: Endpoint, at: datetime) -> list[NextStep]:
    """Everything that will happen to this endpoint without anybody's doing, the nearest first."""
    steps: list[NextStep] = []
    if endpoint.is_active and endpoint.consecutive_failures >= BREAKER_FAILURES:
        probe = endpoint.breaker_open_until
        text = "After 20 failures in a row, one delivery at a time is tried every 30 seconds"
        steps.append(NextStep(text=text, at=probe if probe and probe > at else None, tone="warn"))
    if endpoint.is_active and endpoint.failing_since:
        since = endpoint.failing_since
        for length, text in (
            (FIRST_WARNING, "The admins are told by e-mail if nothing is accepted until then"),
            (SECOND_WARNING, "The admins are told again"),
            (SWITCH_OFF, "The endpoint is switched off if nothing is accepted until then"),
        ):
            if since + length > at:
                steps.append(NextStep(text=text, at=since + length, tone="bad" if length == SWITCH_OFF else "warn"))
    if endpoint.next_secret and endpoint.staged_at:
        steps.append(NextStep(text="The next secret becomes the current one", at=endpoint.staged_at + OVERLAP))
    if endpoint.previous_secret and endpoint.previous_until and endpoint.previous_until > at:
        steps.append(NextStep(text="The old secret stops signing", at=endpoint.previous_until))
    return sorted(steps, key=lambda step: step.at or at)
