"""Which transport serves a line."""

from functools import cache

from transports.base import Transport
from transports.simulator.transport import SimulatorTransport


@cache
def get_transport(kind: str) -> Transport:
    """Raises ``KeyError`` for a kind that is not installed."""
    return {"simulator": SimulatorTransport}[kind]()
