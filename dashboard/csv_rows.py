"""Tables as CSV, streamed row by row."""

import csv
from collections.abc import Iterable, Iterator, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
MARK = "\ufeff"  # by which spreadsheets know UTF-8


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, value: str) -> str:
        return value


def write_rows(columns: Sequence[str], rows: Iterable[Iterable[object]], *, mark: str = MARK) -> Iterator[str]:
    """The head, then a line for each row."""
    writer = csv.writer(_Echo())
    yield mark + writer.writerow(columns)
    for row in rows:
        yield writer.writerow([defuse(cell) for cell in row])


def defuse(cell: object) -> object:
    """A spreadsheet must not run what somebody wrote: text like a formula gets an apostrophe; numbers, such as those of
    phones, stay."""
    is_formula = isinstance(cell, str) and cell.startswith(_FORMULA) and not cell[1:].isdigit()
    return f"'{cell}" if is_formula else cell
