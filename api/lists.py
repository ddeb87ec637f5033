"""The list envelope of spec api §4 and the query members of lists that page."""

from typing import Annotated, Generic, TypeVar

import msgspec

T = TypeVar("T")
DEFAULT_LIMIT, MAX_LIMIT = 50, 100

Limit = Annotated[int, msgspec.Meta(ge=1, description="How many, 1 to 100; more is read as 100.")]
CursorText = Annotated[str, msgspec.Meta(description="`next_cursor` of the page before.")]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page. Lists that do not page say ``has_more: false`` and hold everything."""

    data: list[T]
    has_more: bool = False
    next_cursor: str | None = None


def clamp(limit: int) -> int:
    return min(limit, MAX_LIMIT)
