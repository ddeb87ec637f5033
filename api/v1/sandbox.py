"""The sandbox: its state, and opening it (spec api §9.11). Any valid key may ask."""

from typing import Literal

import msgspec

from accounts.models import Organization
from api.call import Call
from api.routes import endpoint
from api.sender import actor_of
from core.clock import to_ms, to_ms_or_none
from lines.services.sandbox import SandboxState, get_sandbox, open_sandbox


class UsageOut(msgspec.Struct, frozen=True):
    """Messages of today, UTC."""

    used: int
    limit: int
    remaining: int
    resets_at: int


class SandboxOut(msgspec.Struct, frozen=True):
    """While ``pending``, text the code from the phone to pair to the sandbox number."""

    status: Literal["missing", "pending", "active"]
    activation_code: str | None
    sandbox_line_handle: str
    contact_identifier: str | None
    activated_at: int | None
    usage: UsageOut


def _out(state: SandboxState) -> SandboxOut:
    return SandboxOut(
        status=state.status,  # type: ignore[arg-type]
        activation_code=state.activation_code,
        sandbox_line_handle=state.sandbox_line_handle,
        contact_identifier=state.contact_identifier,
        activated_at=to_ms_or_none(state.activated_at),
        usage=UsageOut(state.used, state.limit, state.remaining, to_ms(state.resets_at)),
    )


@endpoint("GET", "/v1/sandbox", response=SandboxOut, summary="See the state of the sandbox", tag="Sandbox")
def see_sandbox(call: Call[None, None]) -> SandboxOut:
    return _out(get_sandbox(organization=Organization.objects.get(id=call.organization_id)))


@endpoint("POST", "/v1/sandbox", response=SandboxOut, summary="Open the sandbox", tag="Sandbox")
def start_sandbox(call: Call[None, None]) -> SandboxOut:
    organization = Organization.objects.get(id=call.organization_id)
    return _out(open_sandbox(organization=organization, actor=actor_of(call)))
