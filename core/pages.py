"""Lists by keyset: Older and Newer, no offsets, no totals.

    page = read_page(queryset, order=("is_ended", "-id"), before=get("before"), after=get("after"))
    page.rows, page.older, page.newer      # cursors for ?before= and ?after=, or None at the end

``before`` shows what comes after the cursor's row in the list's order (older rows, where newest come first).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from core.cursors import decode_cursor, encode_cursor
from core.errors import InvalidRequestError

T = TypeVar("T")
M = TypeVar("M", bound=Model)
PAGE_SIZE = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[T]):
    """Rows in the list's order, and the cursors of the pages beside it."""

    rows: list[T]
    older: str | None
    newer: str | None


def read_page(
    queryset: QuerySet[M],
    *,
    order: Sequence[str],
    before: str | None = None,
    after: str | None = None,
    size: int = PAGE_SIZE,
) -> Page[M]:
    """One page, one query. ``order``: field names or annotations, ``-`` for descending, the last one unique.

    A cursor that does not fit the list is taken as none: the reader gets the first page.
    """
    try:
        return _read(queryset, order, before, after, size)
    except (ValidationError, ValueError, InvalidRequestError):
        return _read(queryset, order, None, None, size)


def _read(queryset: QuerySet[M], order: Sequence[str], before: str | None, after: str | None, size: int) -> Page[M]:
    is_backwards = bool(after) and not before
    direction = [_flip(field) for field in order] if is_backwards else list(order)
    cursor = before or after
    if cursor:
        values = decode_cursor(cursor, *[str] * len(order))
        queryset = queryset.filter(_beyond(direction, [str(value) for value in values]))
    rows = list(queryset.order_by(*direction)[: size + 1])
    has_more, rows = len(rows) > size, rows[:size]
    if is_backwards:
        rows.reverse()
    has_older = bool(rows) and (has_more or is_backwards)
    has_newer = bool(rows) and (has_more if is_backwards else bool(before))
    return Page(
        rows=rows,
        older=_cursor(rows[-1], order) if has_older else None,
        newer=_cursor(rows[0], order) if has_newer else None,
    )


def decode_key(cursor: str) -> UUID | None:
    """The key in a cursor of a list that is ordered by key alone; None if it is not one."""
    try:
        (text,) = decode_cursor(cursor, str)
        return UUID(str(text))
    except (ValueError, InvalidRequestError):
        return None


def _flip(field: str) -> str:
    return field[1:] if field.startswith("-") else f"-{field}"


def _beyond(direction: Sequence[str], values: Sequence[str]) -> Q:
    """Rows that come after the cursor's row: (a, b) > (x, y) written out, as directions may differ."""
    condition = Q(pk__in=[])
    equal = Q()
    for field, value in zip(direction, values, strict=True):
        name = field.lstrip("-")
        condition |= equal & Q(**{f"{name}__{'lt' if field.startswith('-') else 'gt'}": value})
        equal &= Q(**{name: value})
    return condition


def _cursor(row: Model, order: Sequence[str]) -> str:
    return encode_cursor(*(str(_value(row, field.lstrip("-"))) for field in order))


def _value(row: Any, path: str) -> Any:
    for part in path.split("__"):
        row = getattr(row, part)
    return row
