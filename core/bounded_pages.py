"""Pages of a filtered log within a bounded time, however many rows there are and however few of them match.

An index serves the *driver* in the order of the list; the *rest* of the filter is checked row by row, for at most
``SCAN_ROWS`` rows. A filter that matches next to nothing gives a short page that says how far it looked, and its
cursor goes on from there.

    page = read_bounded_page(driver=Item.objects.filter(organization_id=x), rest=Q(error="expired"), before=…, after=…)

Keys must be UUIDv7, lists are newest first.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from core.cursors import encode_cursor
from core.ids import time_of
from core.pages import PAGE_SIZE, decode_key, read_page

M = TypeVar("M", bound=Model)
SCAN_ROWS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundedPage(Generic[M]):
    """As ``core.pages.Page``; ``searched_to`` is set where the search stopped before the end of the log."""

    rows: list[M]
    older: str | None
    newer: str | None
    searched_to: datetime | None = None


def read_bounded_page(
    *,
    driver: QuerySet[M],
    rest: Q | None = None,
    before: str | None = None,
    after: str | None = None,
    size: int = PAGE_SIZE,
) -> BoundedPage[M]:
    """One query, two if there is a ``rest``."""
    if not rest:
        page = read_page(driver, order=("-id",), before=before, after=after, size=size)
        return BoundedPage(rows=page.rows, older=page.older, newer=page.newer)
    is_backwards = bool(after) and not before
    edge = _find_edge(driver, after if is_backwards else before, is_backwards=is_backwards)
    rows = driver.filter(rest)
    if edge is not None:
        rows = rows.filter(id__lte=edge) if is_backwards else rows.filter(id__gte=edge)
    page = read_page(rows, order=("-id",), before=before, after=after, size=size)
    older, newer, searched_to = page.older, page.newer, None
    if edge is not None and not is_backwards and older is None:
        older, searched_to = encode_cursor(str(edge)), time_of(edge)
    if edge is not None and is_backwards and newer is None:
        newer = encode_cursor(str(edge))
    return BoundedPage(rows=page.rows, older=older, newer=newer, searched_to=searched_to)


def _find_edge(driver: QuerySet[M], cursor: str | None, *, is_backwards: bool) -> UUID | None:
    """The key ``SCAN_ROWS`` rows away from the cursor, read from the index alone; None if the log ends before."""
    key = decode_key(cursor) if cursor else None
    if key is not None:
        driver = driver.filter(id__gt=key) if is_backwards else driver.filter(id__lt=key)
    keys = driver.order_by("id" if is_backwards else "-id").values_list("id", flat=True)
    edge: list[UUID] = list(keys[SCAN_ROWS : SCAN_ROWS + 1])
    return edge[0] if edge else None
