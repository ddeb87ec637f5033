"""Reading lines. The sandbox line is everybody's, once their pairing is active."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import ExtractHour

from accounts.models import Organization
from core.errors import not_found
from core.handles import normalise_handle
from core.ids import LINE, parse_id
from lines.limit_math import DAY
from lines.models import Line, LineHour, SandboxPairing


def list_lines(*, organization: Organization | UUID, line_ids: Collection[UUID] | None = None) -> list[Line]:
    """The organization's lines, oldest first, and the sandbox line once activated. ``line_ids`` restricts the former.

    One query.
    """
    key = organization if isinstance(organization, UUID) else organization.id
    return list(_find_lines(key, line_ids).order_by("is_sandbox", "id"))


def list_simulated_lines(*, organization: Organization, handle: str, limit: int = 200) -> list[Line]:
    """Lines that a virtual phone can write to, of ``list_lines``: the one with ``handle``, the sandbox, the oldest."""
    lines = _find_lines(organization.id).filter(transport="simulator")
    first = Case(When(handle=handle, then=0), When(is_sandbox=True, then=1), default=2)
    return sorted(lines.order_by(first, "id")[:limit], key=lambda line: (not line.is_sandbox, line.id))


def _find_lines(key: UUID, line_ids: Collection[UUID] | None = None) -> QuerySet[Line]:
    own = Q(organization_id=key)
    if line_ids is not None:
        own &= Q(id__in=list(line_ids))
    active = SandboxPairing.objects.filter(organization_id=key, status=SandboxPairing.Status.ACTIVE)
    shared = Q(is_sandbox=True, id__in=active.values("line_id"))
    return Line.objects.filter(own | shared, deleted_at=None)


def get_line(*, organization: Organization | UUID, line_id: UUID | str) -> Line:
    """A line of the organization, or the sandbox line, by key, ``ln_`` id or handle. Raises ``line_not_found``."""
    key = organization if isinstance(organization, UUID) else organization.id
    lines = Line.objects.filter(Q(organization_id=key) | Q(is_sandbox=True), deleted_at=None)
    if isinstance(line_id, str):
        parsed = parse_id(LINE, line_id)
        found = lines.filter(id=parsed) if parsed else lines.filter(handle=normalise_handle(line_id))
    else:
        found = lines.filter(id=line_id)
    line = found.first()
    if line is None:
        raise not_found("line", param="from")
    return line


def get_oldest_line(*, organization: Organization) -> Line | None:
    """Of its own lines."""
    return Line.objects.filter(organization=organization, deleted_at=None, is_sandbox=False).order_by("id").first()


def get_sandbox_line() -> Line | None:
    """The operator's shared line; None before ``ensure_sandbox_line`` has run."""
    return Line.objects.filter(is_sandbox=True, handle=settings.SANDBOX_LINE_HANDLE, deleted_at=None).first()


def count_lines(*, organization: Organization) -> int:
    return Line.objects.filter(organization=organization, deleted_at=None).count()


def search_lines(*, organization: Organization, search: str = "", states: Collection[str] = ()) -> QuerySet[Line]:
    """The organization's lines and the shared sandbox line, for the table; ``search`` in handle and label.

    ``states`` are values of ``HealthState``, or ``paused``, which goes before health.
    """
    lines = Line.objects.filter(Q(organization=organization) | Q(is_sandbox=True), deleted_at=None)
    if search:
        digits = normalise_handle(search)
        lines = lines.filter(Q(label__icontains=search) | Q(handle__icontains=search) | Q(handle__icontains=digits))
    if states:
        found = Q(paused_at=None, health__in=states)
        lines = lines.filter(found | Q(paused_at__isnull=False) if "paused" in states else found)
    return lines


def count_by_hour(*, line_ids: Collection[UUID], day: datetime) -> dict[UUID, dict[int, int]]:
    """Per line, the messages in and out in each hour of the UTC day that begins at ``day``. One query."""
    rows = LineHour.objects.filter(line_id__in=list(line_ids), hour__gte=day, hour__lt=day + DAY)
    rows = rows.annotate(place=ExtractHour("hour", tzinfo=UTC), count=F("inbound") + F("outbound"))
    found: dict[UUID, dict[int, int]] = {}
    for line_id, place, count in rows.values_list("line_id", "place", "count"):
        found.setdefault(line_id, {})[place] = count
    return found


def list_lines_by_key(*, organization: Organization, keys: Iterable[UUID]) -> list[Line]:
    """The organization's and the sandbox line, by name, without deleted ones. One query, none without keys."""
    wanted = set(keys)
    if not wanted:
        return []
    readable = Q(organization=organization) | Q(is_sandbox=True)
    return list(Line.objects.filter(readable, pk__in=wanted, deleted_at=None).order_by("label", "handle"))


def name_lines(*, organization: Organization, keys: Iterable[UUID]) -> dict[UUID, str]:
    """What to call lines, by key. One query, none without keys."""
    return {line.pk: str(line) for line in list_lines_by_key(organization=organization, keys=keys)}
