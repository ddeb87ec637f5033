"""What every endpoint of the simulator asks first."""

from typing import Any

from django.conf import settings

from api.call import Call
from core.errors import AuthorizationError, NotFoundError, not_found
from lines.models import Line
from lines.selectors import get_line
from transports.simulator.models import VirtualPhone
from transports.simulator.network import get_phone


def require_simulator() -> None:
    """Raises ``route_not_found`` where the simulator is switched off: there it does not exist."""
    if not settings.SIMULATOR_ENABLED:
        raise NotFoundError("route_not_found", "There is nothing at this path.")


def get_own_phone(call: Call[Any, Any]) -> VirtualPhone:
    """The phone in the path. Another organization's does not exist: ``phone_not_found``."""
    require_simulator()
    return get_phone(owner_id=call.organization_id, handle=call.path["handle"])


def resolve_destination(call: Call[Any, Any], to: str) -> str:
    """What a phone may text: lines of its organization and the shared sandbox line, by handle; groups by guid, which
    check their members themselves. Raises ``line_not_found``.
    """
    if ";+;" in to or to.startswith("chat"):
        return to
    line = _find_line(call, to, param="to")
    if line.transport != "simulator":
        raise not_found("line", param="to")
    return line.handle


def get_own_line(call: Call[Any, Any]) -> Line:
    """The simulated line in the path; not the shared one, whose troubles would be everybody's."""
    require_simulator()
    line = _find_line(call, call.path["id"], param="id")
    if line.transport != "simulator":
        raise not_found("line", param="id")
    if line.is_sandbox:
        raise AuthorizationError("line_not_accessible", "The sandbox line is shared, so nothing can be broken on it.")
    return line


def _find_line(call: Call[Any, Any], name: str, *, param: str) -> Line:
    try:
        line = get_line(organization=call.organization_id, line_id=name)
    except NotFoundError:
        raise not_found("line", param=param) from None
    allowed = call.key.line_ids
    if allowed is not None and line.id not in allowed and not line.is_sandbox:
        raise not_found("line", param=param)
    return line
