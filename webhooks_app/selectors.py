"""Reading endpoints, deliveries and attempts. Every read is of one organization and bounded."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models

from core.clock import to_ms
from core.cursors import decode_cursor, encode_cursor
from core.errors import InvalidRequestError, not_found
from core.ids import DELIVERY, REPLAY, WEBHOOK, parse_id
from core.pages import Page, read_page
from events.models import Event
from webhooks_app.delivery_search import count_matching, find_newer, find_older, make_plan, searched_to
from webhooks_app.filters import DeliveryFilter
from webhooks_app.models import Attempt, Delivery, Endpoint, Replay
from webhooks_app.signing import build_body

PAGE_SIZE = 50
COUNT_CAP = 10_000
_DELIVERY = [field.attname for field in Delivery._meta.concrete_fields]
# What lists show of an endpoint; the rest, secrets among it, is left in the database
_ENDPOINT = ["id", "organization_id", "url", "description", "is_active", "deleted_at"]
_COLUMNS = ", ".join([*(f"d.{name}" for name in _DELIVERY), *(f"e.{name}" for name in _ENDPOINT)])
MAX_ATTEMPTS_SHOWN = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryRow:
    """A row of a list: the delivery and where it goes to. ``endpoint`` is kept after its deletion."""

    delivery: Delivery
    endpoint: Endpoint


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryPage:
    """Newest first; ``older`` and ``newer`` are cursors for ``before`` and ``after``.

    ``searched_to`` is set when the search stopped before the end: follow ``older`` to look further back.
    """

    rows: list[DeliveryRow]
    older: str | None
    newer: str | None
    searched_to: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """``is_more``: at least this many."""

    count: int
    is_more: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryDetail:
    """A delivery with all that is known of it. Attempts newest first; ``data`` is JSON text, "" once it is past
    retention."""

    delivery: Delivery
    endpoint: Endpoint
    data: str
    attempts: list[Attempt]

    def body_of(self, attempt: Attempt | None) -> str:
        """The request body, byte for byte as an attempt sent it; for None as it would be sent, without a time."""
        if not self.data:
            return ""
        moment = to_ms_down(attempt) if attempt else 0
        return build_body(self.delivery.event_type, self.data, moment, self.delivery.public_id).decode()


def to_ms_down(attempt: Attempt) -> int:
    """The timestamp an attempt was signed with."""
    sent = str(attempt.request_headers.get("X-Webhook-Timestamp", ""))
    return int(sent) if sent.isdigit() else to_ms(attempt.started_at)


# --- endpoints -------------------------------------------------------------------------------------------------------


def count_takers(*, organization_id: UUID) -> dict[str, int]:
    """How many endpoints take each event. One query."""
    rows = Endpoint.objects.filter(organization_id=organization_id, deleted_at=None)
    names = rows.annotate(name=models.Func("events", function="unnest", output_field=models.CharField())).values("name")
    return {row["name"]: row["takers"] for row in names.annotate(takers=models.Count("id"))}


def list_takers(*, organization_id: UUID, event: str, limit: int = PAGE_SIZE) -> list[Endpoint]:
    """Endpoints that take an event, oldest first."""
    rows = Endpoint.objects.filter(organization_id=organization_id, deleted_at=None, events__contains=[event])
    return list(rows.order_by("id")[:limit])


def list_endpoint_page(*, organization_id: UUID, before: str | None = None, after: str | None = None) -> Page[Endpoint]:
    """One page of the endpoints that are not deleted, oldest first."""
    rows = Endpoint.objects.filter(organization_id=organization_id, deleted_at=None)
    return read_page(rows, order=("id",), before=before, after=after)


def get_endpoint(*, organization_id: UUID, endpoint: str | UUID) -> Endpoint:
    """By key or ``wh_…``. Raises ``webhook_not_found``."""
    key = parse_id(WEBHOOK, endpoint) if isinstance(endpoint, str) else endpoint
    found = Endpoint.objects.select_related("organization").filter(organization_id=organization_id, deleted_at=None)
    row = found.filter(id=key).first() if key else None
    if row is None:
        raise not_found("webhook")
    return row


def count_failing_endpoints(*, organization_id: UUID) -> int:
    """Endpoints whose latest attempts all failed."""
    failing = Endpoint.objects.filter(organization_id=organization_id, deleted_at=None, is_active=True)
    return failing.exclude(failing_since=None).count()


# --- deliveries ------------------------------------------------------------------------------------------------------


def list_deliveries(
    *, wanted: DeliveryFilter, before: str | None = None, after: str | None = None, limit: int = PAGE_SIZE
) -> DeliveryPage:
    """One page. One statement, two for a filter that matches little; each at most 50 ms at ten million rows.

    Raises ``invalid_parameter_value`` for a cursor this list has not returned.
    """
    plan = make_plan(wanted)
    if after and not before:
        found = find_newer(plan, above=_parse(after, "after"), limit=limit + 1, columns=_COLUMNS)
        has_newer, rows = len(found.rows) > limit, found.rows[-limit:]
        older = encode_cursor(rows[-1][0].hex) if rows else None
        newer = encode_cursor(rows[0][0].hex) if has_newer else None
        return DeliveryPage(rows=_make_rows(rows), older=older, newer=newer)
    below = _parse(before, "before") if before else None
    found = find_older(plan, below=below, limit=limit + 1, columns=_COLUMNS)
    rows = found.rows[:limit]
    last = rows[-1][0] if len(found.rows) > limit else found.stopped_at
    return DeliveryPage(
        rows=_make_rows(rows),
        older=encode_cursor(last.hex) if last else None,
        newer=encode_cursor(rows[0][0].hex) if rows and before else None,
        searched_to=searched_to(found) if len(found.rows) <= limit else None,
    )


def list_new_deliveries(*, wanted: DeliveryFilter, after: str, limit: int = PAGE_SIZE) -> DeliveryPage:
    """What came since the newest row that is shown: for "12 new". ``newer`` is set if there are more still."""
    return list_deliveries(wanted=wanted, after=after, limit=limit)


def count_deliveries(*, wanted: DeliveryFilter, cap: int = COUNT_CAP) -> Count:
    """Exact up to ``cap``."""
    count, is_more = count_matching(make_plan(wanted), cap=cap)
    return Count(count=count, is_more=is_more)


def cursor_of(delivery: Delivery) -> str:
    """The cursor of a row: ``before`` shows what is older, ``after`` what is newer than it."""
    return encode_cursor(delivery.id.hex)


def get_delivery(
    *, organization_id: UUID, delivery: str | UUID, line_ids: frozenset[UUID] | None = None
) -> DeliveryDetail:
    """By key or ``dlv_…``, with its attempts. Raises ``delivery_not_found``. Three statements."""
    data = Event.objects.filter(id=models.OuterRef("event_id")).values("data")[:1]
    rows = Delivery.objects.annotate(event_data=models.Subquery(data))
    row = _find_delivery(rows, organization_id, delivery, line_ids)
    attempts = Attempt.objects.filter(delivery_id=row.id, id__gte=row.id).order_by("-id")
    return DeliveryDetail(
        delivery=row,
        endpoint=Endpoint.objects.get(id=row.endpoint_id),
        data=vars(row)["event_data"] or "",
        attempts=list(attempts[:MAX_ATTEMPTS_SHOWN]),
    )


def find_delivery(*, organization_id: UUID, delivery: str | UUID, line_ids: frozenset[UUID] | None = None) -> Delivery:
    """The row alone. Raises ``delivery_not_found``."""
    return _find_delivery(Delivery.objects.all(), organization_id, delivery, line_ids)


def _find_delivery(
    rows: models.QuerySet[Delivery], organization_id: UUID, delivery: str | UUID, line_ids: frozenset[UUID] | None
) -> Delivery:
    key = parse_id(DELIVERY, delivery) if isinstance(delivery, str) else delivery
    row = rows.filter(id=key, organization_id=organization_id).first() if key else None
    if row is None or (line_ids is not None and row.line_id not in line_ids):
        raise not_found("delivery")
    return row


def get_replay(*, organization_id: UUID, replay: str | UUID) -> Replay:
    """By key or ``rpl_…``. Raises ``replay_not_found``."""
    key = parse_id(REPLAY, replay) if isinstance(replay, str) else replay
    row = Replay.objects.filter(id=key, organization_id=organization_id).first() if key else None
    if row is None:
        raise not_found("replay")
    return row


def list_replays(*, organization_id: UUID, before: str | None = None, after: str | None = None) -> Page[Replay]:
    """The newest first."""
    replays = Replay.objects.filter(organization_id=organization_id)
    return read_page(replays, order=("-id",), before=before, after=after)


def _parse(text: str, param: str) -> UUID:
    (key,) = decode_cursor(text, str, param=param)
    try:
        return UUID(hex=str(key))
    except ValueError:
        raise InvalidRequestError(
            "invalid_parameter_value", f"`{param}` is not a cursor that this list has returned.", param=param
        ) from None


def _make_rows(rows: list[tuple[Any, ...]]) -> list[DeliveryRow]:
    """Of rows of ``_COLUMNS``; what belongs to no endpoint any more is left out."""
    width = len(_DELIVERY)
    return [
        DeliveryRow(
            delivery=Delivery.from_db("default", _DELIVERY, row[:width]),
            endpoint=Endpoint.from_db("default", _ENDPOINT, row[width:]),
        )
        for row in rows
        if row[width] is not None
    ]
