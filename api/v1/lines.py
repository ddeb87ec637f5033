"""The lines a key may use (spec api §9.1)."""

from api.call import Call
from api.lists import Page
from api.routes import endpoint
from api.schemas import LineOut
from lines.models import HealthState, Line
from lines.selectors import list_lines

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
