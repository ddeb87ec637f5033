"""Choosing among many lines, keys or endpoints: the chosen ones and the first few, the rest by searching.

    choice = make_choice(request, "line", "Line", "lines")           # a chip of a filter bar
    picker = make_picker(request, "lines", chosen=[…])               # check boxes of a form

A page holds at most ``SHOWN`` options besides the chosen ones, whatever the organization has. The search box asks
``/pick``; without scripts ``?all=<name>`` lists up to ``MOST``.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, Q, QuerySet, Value, When

from accounts.models import ApiKey, Organization
from core.handles import format_handle, normalise_handle
from core.ids import API_KEY, LINE, WEBHOOK, parse_id, public_id
from dashboard.access import PageRequest
from dashboard.filters import Choice
from lines.models import Line
from webhooks_app.models import Endpoint

SHOWN = 50
MOST = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    key: UUID
    value: str
    text: str
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picker:
    """``has_more``: there are options that are not listed, so a search box is shown."""

    source: str
    options: Sequence[Option]
    chosen: frozenset[UUID]
    has_more: bool


def list_options(
    source: str, organization: Organization, *, search: str = "", chosen: Collection[UUID] = (), limit: int = SHOWN
) -> Picker:
    """The chosen ones first, then what matches ``search`` by name. One query."""
    rows = list(_query(source, organization, search, chosen, limit))
    return _make(source, rows, chosen, limit, is_search=bool(search))


def _query(
    source: str, organization: Organization, search: str, chosen: Collection[UUID], limit: int
) -> "QuerySet[Any, _Row]":
    """Source, key and two texts, one row more than is shown."""
    find, texts, order, _ = _SOURCES[source]
    rows = find(organization, search.replace("\x00", "").strip()[:80], list(chosen))
    if chosen:
        is_chosen = Case(When(pk__in=list(chosen), then=Value(True)), default=Value(False))
        rows, order = rows.annotate(is_chosen=is_chosen), ("-is_chosen", *order)
    kind = Value(source, output_field=CharField())
    return rows.order_by(*order).values_list(kind, "pk", *texts)[: limit + len(chosen) + 1]


def _make(source: str, rows: list["_Row"], chosen: Collection[UUID], limit: int, *, is_search: bool = False) -> Picker:
    most, describe = limit + len(chosen), _SOURCES[source][3]
    options = [Option(key=key, value=public_id(_PREFIXES[source], key), **describe(*texts)) for _, key, *texts in rows]
    has_more = is_search or len(rows) > most
    return Picker(source=source, options=options[:most], chosen=frozenset(chosen), has_more=has_more)


def make_picker(request: PageRequest, source: str, *, name: str, chosen: Collection[UUID] = ()) -> Picker:
    """The options of a form's field ``name``."""
    limit = MOST if name in request.GET.getlist("all") else SHOWN
    return list_options(source, request.organization, chosen=list(chosen)[:MOST], limit=limit)


def pick_lines(request: PageRequest, source: str) -> "PickLines":
    """What a form asks once it knows which lines are chosen."""
    return lambda values: make_picker(request, source, name="line_ids", chosen=parse_chosen(source, values))


def make_choice(request: PageRequest, name: str, label: str, source: str) -> Choice:
    """A chip from which one is chosen; a value that is not the organization's is not offered."""
    return make_choices(request, [(name, label, source)])[0]


def make_choices(request: PageRequest, wanted: Sequence[tuple[str, str, str]]) -> list[Choice]:
    """Several chips, (name, label, source) each. One query for all."""
    asked = {name: parse_chosen(source, request.GET.getlist(name)[-1:]) for name, _, source in wanted}
    limits = {name: MOST if name in request.GET.getlist("all") else SHOWN for name, _, _ in wanted}
    first, *others = [_query(source, request.organization, "", asked[name], limits[name]) for name, _, source in wanted]
    rows = list(first.union(*others, all=True) if others else first)
    choices = []
    for name, label, source in wanted:
        picker = _make(source, [row for row in rows if row[0] == source], asked[name], limits[name])
        options = [(option.value, option.text) for option in picker.options]
        choices.append(Choice(name, label, options, single=True, source=source if picker.has_more else ""))
    return choices


def _find_own_lines(organization: Organization, search: str, chosen: list[UUID]) -> QuerySet[Line]:
    return _search_lines(Line.objects.filter(organization=organization, deleted_at=None), search, chosen)


def _find_lines(organization: Organization, search: str, chosen: list[UUID]) -> QuerySet[Line]:
    """The sandbox line too: an organization gets its events as far as it is paired."""
    lines = Line.objects.filter(Q(organization=organization) | Q(is_sandbox=True), deleted_at=None)
    return _search_lines(lines, search, chosen)


def _search_lines(lines: QuerySet[Line], search: str, chosen: list[UUID]) -> QuerySet[Line]:
    if search:
        match = Q(label__icontains=search) | Q(handle__icontains=normalise_handle(search))
        lines = lines.filter(match | Q(pk__in=chosen))
    return lines


def _find_keys(organization: Organization, search: str, chosen: list[UUID]) -> QuerySet[ApiKey]:
    keys = ApiKey.objects.filter(organization=organization)
    if search:
        keys = keys.filter(Q(name__icontains=search) | Q(prefix__startswith=search[:16]) | Q(pk__in=chosen))
    return keys


def _find_endpoints(organization: Organization, search: str, chosen: list[UUID]) -> QuerySet[Endpoint]:
    """A deleted endpoint is offered when it is asked for by its id: its log stays readable."""
    wanted = Q(deleted_at=None) & Q(url__icontains=search) if search else Q(deleted_at=None)
    return Endpoint.objects.filter(wanted | Q(pk__in=chosen), organization=organization)


def _line(label: str, handle: str) -> dict[str, str]:
    return {"text": label or handle, "note": format_handle(handle) if label else ""}


def _key(name: str, prefix: str) -> dict[str, str]:
    return {"text": name, "note": f"{prefix}…"}


def _endpoint(url: str, _: str) -> dict[str, str]:
    return {"text": url.removeprefix("https://").removeprefix("http://").removesuffix("/")}


PickLines = Callable[[Sequence[str]], Picker]
_PREFIXES = {"lines": LINE, "own_lines": LINE, "keys": API_KEY, "endpoints": WEBHOOK}
_Row = tuple[Any, ...]
_Find = Callable[[Organization, str, list[UUID]], QuerySet[Any]]
# How to find rows, their two texts, their order, and the words of an option
_SOURCES: dict[str, tuple[_Find, tuple[str, str], tuple[str, ...], Callable[..., dict[str, str]]]] = {
    "lines": (_find_lines, ("label", "handle"), ("is_sandbox", "label", "handle"), _line),
    "own_lines": (_find_own_lines, ("label", "handle"), ("label", "handle"), _line),
    "keys": (_find_keys, ("name", "prefix"), ("-id",), _key),
    "endpoints": (_find_endpoints, ("url", "description"), ("id",), _endpoint),
}


def parse_chosen(source: str, values: Sequence[str]) -> list[UUID]:
    """Keys of what is chosen, given as public ids or, by forms, as keys."""
    found = []
    for value in values[:MOST]:
        key = parse_id(_PREFIXES[source], value)
        try:
            found.append(key or UUID(value))
        except ValueError:
            continue
    return found
