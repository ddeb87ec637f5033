"""The filter of delivery lists: one object for pages, the API, replays and their URLs. Pure apart from error types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from core.clock import from_ms, to_ms
from core.errors import invalid
from core.ids import CHAT, LINE, WEBHOOK, parse_id, public_id
from events.types import PUBLIC_EVENTS
from webhooks_app.error_texts import ERROR_CLASSES

STATES = ("pending", "retrying", "delivered", "failed", "held", "cancelled")
STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx", "none")
MAX_TEXT_LENGTH = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryFilter:
    """Empty members do not filter. ``line_ids`` is what the reader may see (None = all), ``line_id`` what is asked for.

    ``status`` is a class such as ``5xx``, or ``none`` for no answer. ``text`` is an id of any kind, or a guid.
    """

    organization_id: UUID
    endpoint_id: UUID | None = None
    events: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    line_id: UUID | None = None
    chat_id: UUID | None = None
    status: str = ""
    error: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    line_ids: frozenset[UUID] | None = None

    @property
    def is_empty(self) -> bool:
        own = ("organization_id", "line_ids")
        return not any(getattr(self, field.name) for field in fields(self) if field.name not in own)

    def to_query(self) -> list[tuple[str, str]]:
        """The parameters that ``parse_filter`` reads: a URL with them can be shared."""
        pairs = [
            ("endpoint", public_id(WEBHOOK, self.endpoint_id) if self.endpoint_id else ""),
            *(("event", name) for name in self.events),
            *(("state", name) for name in self.states),
            ("line", public_id(LINE, self.line_id) if self.line_id else ""),
            ("chat", public_id(CHAT, self.chat_id) if self.chat_id else ""),
            ("status", self.status),
            ("error", self.error),
            ("since", str(to_ms(self.since)) if self.since else ""),
            ("until", str(to_ms(self.until)) if self.until else ""),
            ("q", self.text),
        ]
        return [(name, value) for name, value in pairs if value]


def parse_filter(
    parameters: Mapping[str, Sequence[str]],
    *,
    organization_id: UUID,
    line_ids: frozenset[UUID] | None = None,
) -> DeliveryFilter:
    """Reads ``endpoint, event*, state*, line, chat, status, error, since, until`` (Unix ms) and ``q``.

    Raises ``invalid_parameter_value`` naming the parameter. Unknown parameters are ignored.
    """

    def one(name: str) -> str:
        values = parameters.get(name) or [""]
        return values[-1].strip()

    def key(name: str, prefix: str) -> UUID | None:
        text = one(name)
        found = parse_id(prefix, text) if text else None
        if text and found is None:
            raise invalid(name, f"`{name}` must be an id such as {prefix}_….")
        return found

    return DeliveryFilter(
        organization_id=organization_id,
        endpoint_id=key("endpoint", WEBHOOK),
        events=_choices(parameters, "event", PUBLIC_EVENTS),
        states=_choices(parameters, "state", STATES),
        line_id=key("line", LINE),
        chat_id=key("chat", CHAT),
        status=(_choices({"status": [one("status")]}, "status", STATUS_CLASSES) or ("",))[0],
        error=(_choices({"error": [one("error")]}, "error", ERROR_CLASSES) or ("",))[0],
        since=_moment("since", one("since")),
        until=_moment("until", one("until")),
        text=one("q")[:MAX_TEXT_LENGTH],
        line_ids=line_ids,
    )


def _choices(parameters: Mapping[str, Sequence[str]], name: str, allowed: Sequence[str]) -> tuple[str, ...]:
    given = {value.strip() for value in parameters.get(name) or () if value.strip()}
    unknown = sorted(given - set(allowed))
    if unknown:
        raise invalid(name, f"`{name}` must be one of {', '.join(allowed)}.")
    return tuple(value for value in allowed if value in given)


def _moment(name: str, text: str) -> datetime | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 14):
        raise invalid(name, f"`{name}` must be a time in Unix milliseconds.")
    try:
        return from_ms(int(text))
    except (ValueError, OverflowError, OSError):
        raise invalid(name, f"`{name}` must be a time in Unix milliseconds.") from None
