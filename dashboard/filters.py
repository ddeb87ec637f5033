"""The filter bar: chips over the query string. Every state of a list is a link that can be shared.

    bar = FilterBar(request, [
        Search("q", "Search ids and text"),
        Choice("state", "State", [("failed", "Failed"), …]),
        TimeRange(),
    ])
    bar.values("state") -> ["failed"]; bar.text("q"); bar.since, bar.until -> datetime or None; bar.query -> text

Works as plain GET forms; with htmx the element named by ``target`` is swapped and the address pushed. Values that are
not among the options are dropped, so a view can trust them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime

PAGING = ("before", "after")
PRESETS = {"1h": "Last hour", "today": "Today", "24h": "Last 24 hours", "7d": "Last 7 days"}
LONG_PRESETS = PRESETS | {"30d": "Last 30 days"}
LENGTHS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}


@dataclass(frozen=True)
class Search:
    """The text box at the left."""

    name: str = "q"
    placeholder: str = "Search"


@dataclass(frozen=True)
class Choice:
    """A chip with check boxes; ``single`` gives radio buttons. ``source``: more is found by searching (pickers)."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    single: bool = False
    source: str = ""


@dataclass(frozen=True)
class TimeRange:
    """A chip with presets (``?time=24h``) and a from-to pair (``?from=…&to=…``)."""

    label: str = "Time"
    presets: Mapping[str, str] = field(default_factory=lambda: PRESETS)


@dataclass(frozen=True, kw_only=True)
class Chip:
    """What the template draws for one filter."""

    name: str
    label: str
    kind: str
    shown: str
    clear_url: str
    options: list[tuple[str, str, bool]] = field(default_factory=list)
    start: str = ""
    end: str = ""
    source: str = ""


class FilterBar:
    """The filters of one request; ``{% include "parts/_filter_bar.html" with bar=bar %}`` draws it."""

    def __init__(
        self, request: HttpRequest, filters: Sequence[Search | Choice | TimeRange], *, target: str = "list"
    ) -> None:
        self.path, self.target = request.path, target
        self._got = request.GET
        self._filters = filters
        self.search = next((one for one in filters if isinstance(one, Search)), None)

    def values(self, name: str) -> list[str]:
        """The chosen values of a ``Choice``, only ones it offers."""
        found = next(one for one in self._filters if isinstance(one, Choice) and one.name == name)
        offered = {value for value, _ in found.options}
        return [value for value in self._got.getlist(name) if value in offered]

    def offers(self, name: str) -> bool:
        """Whether a ``Choice`` has anything to choose."""
        return any(isinstance(one, Choice) and one.name == name and one.options for one in self._filters)

    def text(self, name: str = "q") -> str:
        return self._got.get(name, "").strip()[:200]

    @property
    def search_text(self) -> str:
        return self.text(self.search.name) if self.search else ""

    @property
    def since(self) -> datetime | None:
        """The start of the time filter, from a preset or a date."""
        now = timezone.now()
        preset = self._got.get("time", "")
        if preset == "today":
            return timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        length = LENGTHS.get(preset)
        return now - length if length else self._moment("from")

    @property
    def until(self) -> datetime | None:
        return None if self._got.get("time") in LONG_PRESETS else self._moment("to")

    @property
    def is_set(self) -> bool:
        return bool(self.search_text) or any(chip.shown for chip in self.chips())

    @property
    def query(self) -> str:
        """The query string without the place in the list: for exports and "replay these"."""
        return self._without(*PAGING).urlencode()

    @property
    def kept(self) -> list[tuple[str, str]]:
        """Hidden fields of the search form: everything else that is set."""
        names = (*PAGING, self.search.name) if self.search else PAGING
        return [(name, value) for name, values in self._without(*names).lists() for value in values]

    def kept_for(self, *names: str) -> list[tuple[str, str]]:
        return [(name, value) for name, values in self._without(*PAGING, *names).lists() for value in values]

    def chips(self) -> Iterator[Chip]:
        """The chips in the order of the filters."""
        for one in self._filters:
            if isinstance(one, Choice):
                yield self._choice_chip(one)
            elif isinstance(one, TimeRange):
                yield self._time_chip(one)

    def forms(self) -> list[tuple[Chip, list[tuple[str, str]]]]:
        """Each chip with the hidden fields its form carries."""
        return [(c, self.kept_for(*(("time", "from", "to") if c.kind == "time" else (c.name,)))) for c in self.chips()]

    def _choice_chip(self, one: Choice) -> Chip:
        chosen = self.values(one.name)
        words = [text for value, text in one.options if value in chosen]
        shown = ", ".join(words[:2]) + (f" +{len(words) - 2}" if len(words) > 2 else "")
        options = [(value, text, value in chosen) for value, text in one.options]
        return Chip(
            name=one.name,
            label=one.label,
            kind="one" if one.single else "many",
            shown=shown,
            clear_url=self._url(one.name),
            options=options,
            source=one.source,
        )

    def _time_chip(self, one: TimeRange) -> Chip:
        preset = self._got.get("time", "")
        start, end = self._moment("from"), self._moment("to")
        words = [f"{timezone.localtime(m):%d %b %H:%M}" if m else "" for m in (start, end)]
        dates = " to ".join(words) if all(words) else f"from {words[0]}" if words[0] else f"until {words[1]}"
        return Chip(
            name="time",
            label=one.label,
            kind="time",
            shown=one.presets.get(preset) or (dates if any(words) else ""),
            clear_url=self._url("time", "from", "to"),
            options=[(value, text, value == preset) for value, text in one.presets.items()],
            start=f"{timezone.localtime(start):%Y-%m-%dT%H:%M}" if start else "",
            end=f"{timezone.localtime(end):%Y-%m-%dT%H:%M}" if end else "",
        )

    def _moment(self, name: str) -> datetime | None:
        return read_moment(self._got.get(name, ""))

    def _without(self, *names: str) -> QueryDict:
        rest = self._got.copy()
        for name in names:
            rest.pop(name, None)
        return rest

    def _url(self, *names: str) -> str:
        rest = self._without(*PAGING, *names).urlencode()
        return f"{self.path}?{rest}" if rest else self.path


def read_moment(text: str) -> datetime | None:
    """A moment of an address, in the viewer's zone if it names none; None for what is no moment."""
    try:
        moment = parse_datetime(text)
        return timezone.make_aware(moment) if moment and timezone.is_naive(moment) else moment
    except (ValueError, OverflowError):
        return None
