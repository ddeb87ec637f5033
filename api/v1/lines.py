"""The lines a key may use (spec api §9.1), and the meters of a line's limits (an extension)."""

import msgspec

from accounts.models import Organization
from api.call import Call
from api.lists import Page
from api.routes import endpoint
from api.schemas import COMMON_LINE_ERRORS, LineOut
from api.sender import sender_of
from core.clock import to_ms_or_none
from lines.models import HealthState, Line
from lines.selectors import get_line, list_lines
from lines.services.limits import get_meters
from messaging.selectors import get_readable_line

AWAY = (HealthState.DOWN, HealthState.UNPAIRED)


def line_out(line: Line) -> LineOut:
    """Active means that it can send now: not paused, its machine there."""
    return LineOut(
        id=line.public_id,
        handle=line.handle,
        label=line.label or None,
        service=line.service,  # type: ignore[arg-type]
        is_active=line.paused_at is None and line.health not in AWAY,
    )


@endpoint(
    "GET", "/v1/lines", scope="lines:read", response=Page[LineOut], summary="List the lines this key may use",
    tag="Lines",
)  # fmt: skip
def list_key_lines(call: Call[None, None]) -> Page[LineOut]:
    lines = list_lines(organization=call.organization_id, line_ids=call.key.line_ids)
    return Page([line_out(line) for line in lines])


class MeterOut(msgspec.Struct, frozen=True):
    """One limit of a line. ``limit`` null = unlimited; ``resets_at`` null where nothing resets."""

    name: str
    used: float
    limit: float | None
    window: str
    resets_at: int | None


@endpoint(
    "GET", "/v1/lines/{id}/limits", scope="lines:read", response=Page[MeterOut], errors=COMMON_LINE_ERRORS,
    summary="See how much of each limit a line has used", tag="Lines", is_extension=True,
)  # fmt: skip
def list_line_limits(call: Call[None, None]) -> Page[MeterOut]:
    """`{id}` is `ln_…` or the line's handle."""
    found = get_readable_line(sender=sender_of(call), line=call.path["id"])
    line = get_line(organization=call.organization_id, line_id=found.line_id)
    meters = get_meters(line=line, organization=Organization.objects.get(id=call.organization_id))
    return Page([MeterOut(m.name, m.used, m.limit, m.window, to_ms_or_none(m.resets_at)) for m in meters])
