"""Which webhooks a key may see and change. One that touches a line the key may not use does not exist for it."""

from uuid import UUID

from api.call import CallingKey
from core.errors import invalid, not_found
from core.ids import WEBHOOK, has_prefix, parse_id
from lines.models import Line
from webhooks_app.models import Endpoint


def list_reachable_lines(key: CallingKey) -> list[UUID]:
    """Keys of the lines the key reaches: the organization's, as far as allowed, and the sandbox. One query."""
    lines = Line.objects.filter(deleted_at=None).values_list("id", "organization_id", "is_sandbox").order_by("id")
    rows = lines.filter(organization_id=key.organization_id) | lines.filter(is_sandbox=True)
    return [line_id for line_id, _, is_shared in rows if is_shared or key.line_ids is None or line_id in key.line_ids]


def get_endpoint(key: CallingKey, text: str, *, param: str = "id") -> Endpoint:
    """By ``wh_`` id. Raises ``webhook_not_found`` for what is deleted, another organization's or out of reach."""
    if not has_prefix(WEBHOOK, text):
        raise invalid(param, f"`{param}` must be an id that starts with `{WEBHOOK}_`.")
    endpoint_id = parse_id(WEBHOOK, text)
    rows = Endpoint.objects.filter(organization_id=key.organization_id, deleted_at=None)
    endpoint = rows.filter(id=endpoint_id).first() if endpoint_id else None
    if endpoint is None or not _reaches(key, endpoint):
        raise not_found("webhook", param=param)
    return endpoint


def list_endpoints_of_line(key: CallingKey, line_id: UUID) -> list[Endpoint]:
    """Oldest first: those for this line and those for every line."""
    rows = Endpoint.objects.filter(organization_id=key.organization_id, deleted_at=None).order_by("id")
    return [endpoint for endpoint in rows if endpoint.line_ids is None or line_id in endpoint.line_ids]


def _reaches(key: CallingKey, endpoint: Endpoint) -> bool:
    if key.line_ids is None:
        return True
    if endpoint.line_ids is None:
        return False
    outside = [line_id for line_id in endpoint.line_ids if line_id not in key.line_ids]
    return not outside or Line.objects.filter(id__in=outside, is_sandbox=True).count() == len(outside)
