"""Reading the API request log: bounded lists, one request, and what was refused lately."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Q, Subquery

from accounts.models import ApiKey, ApiRequest, Organization
from core.bounded_pages import BoundedPage, read_bounded_page
from core.ids import uuid7_floor

STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx")


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestFilter:
    """Empty members do not filter. ``request_id`` is exact."""

    api_key_id: UUID | None = None
    methods: Sequence[str] = ()
    routes: Sequence[str] = ()
    status_classes: Sequence[str] = ()
    error_codes: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    request_id: str = ""


def list_requests(
    *, organization: Organization, wanted: RequestFilter, before: str | None = None, after: str | None = None
) -> BoundedPage[ApiRequest]:
    """One page without the bodies, newest first, each with ``key_name``. At most two queries."""
    name = ApiKey.objects.filter(pk=OuterRef("api_key_id"), organization=organization).values("name")[:1]
    rows = ApiRequest.objects.filter(organization_id=organization.id).defer("request_body", "response_body")
    rows = rows.annotate(key_name=Subquery(name))
    if wanted.request_id:
        rows = rows.filter(request_id=wanted.request_id)
    if wanted.since:
        rows = rows.filter(id__gte=uuid7_floor(wanted.since))
    if wanted.until:
        rows = rows.filter(id__lt=uuid7_floor(wanted.until))
    driver, rest = _split(wanted)
    return read_bounded_page(driver=rows.filter(driver), rest=rest, before=before, after=after)


def _split(wanted: RequestFilter) -> tuple[Q, Q]:
    """What one index serves in the list's order, and what is checked row by row."""
    only_errors = bool(wanted.error_codes) or (
        bool(wanted.status_classes) and not {"2xx", "3xx"} & set(wanted.status_classes)
    )
    parts = [
        (Q(api_key_id=wanted.api_key_id), wanted.api_key_id is not None),
        (Q(status__gte=400, error_code__in=wanted.error_codes), bool(wanted.error_codes)),
        (Q(route__in=wanted.routes), bool(wanted.routes)),
        (Q(status__gte=400), only_errors and not wanted.error_codes),
        (_in_classes(wanted.status_classes), bool(wanted.status_classes)),
        (Q(method__in=wanted.methods), bool(wanted.methods)),
    ]
    conditions = [condition for condition, is_set in parts if is_set]
    is_indexed = wanted.api_key_id is not None or only_errors or len(wanted.routes) == 1
    driver = conditions.pop(0) if conditions and is_indexed else Q()
    rest = Q()
    for condition in conditions:
        rest &= condition
    return driver, rest


def _in_classes(classes: Sequence[str]) -> Q:
    found = Q()
    for name in classes:
        hundred = int(name[0]) * 100
        found |= Q(status__gte=hundred, status__lt=hundred + 100)
    return found


# Jumps from one route to the next in the index instead of reading every row
_ROUTES = """
WITH RECURSIVE found AS (
  (SELECT route FROM accounts_apirequest WHERE organization_id = %(org)s ORDER BY route LIMIT 1)
  UNION ALL
  SELECT (SELECT route FROM accounts_apirequest
          WHERE organization_id = %(org)s AND route > found.route ORDER BY route LIMIT 1)
  FROM found WHERE found.route IS NOT NULL)
SELECT route FROM found WHERE route <> '' LIMIT 100
"""


def list_routes(*, organization: Organization) -> list[str]:
    """The routes that the organization has used, by name. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_ROUTES, {"org": organization.id})
        return [row[0] for row in cursor.fetchall()]


def get_request(*, organization: Organization, request_id: str) -> ApiRequest | None:
    """A request of the organization by ``req_…``; None if it has none such."""
    return (
        ApiRequest.objects.filter(organization_id=organization.id, request_id=request_id[:20]).order_by("-id").first()
    )


def name_keys(*, organization: Organization, keys: Iterable[UUID | None]) -> dict[UUID, str]:
    """What to call keys, revoked ones included. One query."""
    wanted = {key for key in keys if key is not None}
    return dict(ApiKey.objects.filter(organization=organization, pk__in=wanted).values_list("id", "name"))
