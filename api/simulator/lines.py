"""Simulated lines: make one, and choose what goes wrong on it."""

import msgspec
from django.db import transaction

from accounts.models import Organization
from api.call import Call
from api.routes import endpoint
from api.sender import actor_of
from api.simulator.access import get_own_line, require_simulator
from core.clock import now
from core.errors import invalid
from core.handles import normalise_handle
from lines.services.provisioning import create_simulated_line
from messaging.services.simulated import report_events
from transports.simulator.handles import is_simulated
from transports.simulator.network import set_scenario
from transports.simulator.wire import health_event


class CreateLine(msgspec.Struct, frozen=True):
    """Without a handle the line gets a free number."""

    handle: str | None = None
    label: str = ""


class SimulatedLineOut(msgspec.Struct, frozen=True):
    id: str
    handle: str
    label: str


class SetScenario(msgspec.Struct, frozen=True):
    """``name`` is a scenario; its options stand beside it, as in docs/transports.md."""

    name: str
    seed: int = 1


class ScenarioOut(msgspec.Struct, frozen=True):
    name: str
    seed: int
    options: dict[str, float]


@endpoint(
    "POST", "/simulator/v1/lines", scope="messages:write", body=CreateLine, response=SimulatedLineOut, status=201,
    summary="Make a dedicated simulated line", tag="Simulator", is_extension=True,
)  # fmt: skip
def create_line(call: Call[CreateLine, None]) -> SimulatedLineOut:
    require_simulator()
    body = call.body
    if call.key.line_ids is not None:
        raise invalid("handle", "A key that is restricted to lines cannot make another one.")
    if body.handle and not is_simulated(normalise_handle(body.handle)):
        raise invalid("handle", "A simulated line's handle is +1555 01 and five digits, or ends in .test or .example.")
    owner = Organization.objects.get(id=call.organization_id)
    line = create_simulated_line(organization=owner, handle=body.handle, label=body.label, actor=actor_of(call))
    return SimulatedLineOut(line.public_id, line.handle, line.label)


@endpoint(
    "PUT", "/simulator/v1/lines/{id}/scenario", scope="messages:write", body=SetScenario, response=ScenarioOut,
    errors=("line_not_found", "line_not_accessible"),
    summary="Choose what goes wrong on a line", tag="Simulator", is_extension=True,
)  # fmt: skip
def choose_scenario(call: Call[SetScenario, None]) -> ScenarioOut:
    line, body = get_own_line(call), call.body
    if not -(2**63) <= body.seed < 2**63:
        raise invalid("seed", "`seed` is a number of 64 bits.")
    options = {name: value for name, value in call.payload.items() if name not in ("name", "seed")}
    with transaction.atomic():
        scenario = set_scenario(line_handle=line.handle, name=body.name, seed=body.seed, options=options)
        if "line_deregistered" in line.health_reasons and body.name != "line_deregistered":
            report_events(line.handle, [health_event(line.handle, "ok", [], now())])
    return ScenarioOut(scenario.name, scenario.seed, scenario.options)
