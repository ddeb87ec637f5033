from lines.models.alert import AlertRule, AlertSent
from lines.models.counters import LineDayContact, LineHour, OrganizationHour
from lines.models.line import HealthState, Line, Node
from lines.models.request import LineRequest
from lines.models.sandbox import SandboxPairing, SandboxUsage

__all__ = [
    "AlertRule",
    "AlertSent",
    "HealthState",
    "Line",
    "LineDayContact",
    "LineHour",
    "LineRequest",
    "Node",
    "OrganizationHour",
    "SandboxPairing",
    "SandboxUsage",
]
