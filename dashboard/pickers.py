"""Choosing among many lines, keys or endpoints: the chosen ones and the first few, the rest by searching.

    choice = make_choice(request, "line", "Line", "lines")           # a chip of a filter bar
    picker = make_picker(request, "lines", chosen=[…])               # check boxes of a form

A page holds at most ``SHOWN`` options besides the chosen ones, whatever the organization has. The search box asks
``/pick``; without scripts ``?all=<name>`` lists up to ``MOST``.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import BooleanField, Case, Model, Q, QuerySet, Value, When

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
    find, describe, order = _SOURCES[source]
    rows = find(organization, search.replace("\x00", "").strip()[:80], list(chosen))
    is_chosen = Case(When(pk__in=list(chosen), then=Value(True)), default=Value(False), output_field=BooleanField())
    if chosen:
        rows, order = rows.annotate(is_chosen=is_chosen), ("-is_chosen", *order)
    found = list(rows.order_by(*order)[: limit + len(chosen) + 1])
    has_more = bool(search) or len(found) > limit + len(chosen)
    shown = [describe(row) for row in found[: limit + len(chosen)]]
    return Picker(source=source, options=shown, chosen=frozenset(chosen), has_more=has_more)


def make_picker(request: PageRequest, source: str, *, name: str, chosen: Collection[UUID] = ()) -> Picker:
    """The options of a form's field ``name``."""
    limit = MOST if name in request.GET.getlist("all") else SHOWN
    return list_options(source, request.organization, chosen=list(chosen)[:MOST], limit=limit)


def pick_lines(request: PageRequest, source: str) -> "PickLines":
    """What a form asks once it knows which lines are chosen."""
    return lambda values: make_picker(request, source, name="line_ids", chosen=parse_chosen(source, values))


def make_choice(request: PageRequest, name: str, label: str, source: str) -> Choice:
    """A chip from which one is chosen; a value that is not the organization's is not offered."""
    chosen = parse_id(_PREFIXES[source], request.GET.get(name, ""))
    picker = make_picker(request, source, name=name, chosen=[chosen] if chosen else [])
    options = [(option.value, option.text) for option in picker.options]
    return Choice(name, label, options, single=True, source=source if picker.has_more else "")


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
    return keys.only("id", "name", "prefix")


def _find_endpoints(organization: Organization, search: str, chosen: list[UUID]) -> QuerySet[Endpoint]:
    """A deleted endpoint is offered when it is asked for by its id: its log stays readable."""
    wanted = Q(deleted_at=None) & Q(url__icontains=search) if search else Q(deleted_at=None)
    return Endpoint.objects.filter(wanted | Q(pk__in=chosen), organization=organization).only("id", "url")


def _line(line: Line) -> Option:
    note = format_handle(line.handle) if line.label else ""
    return Option(key=line.pk, value=public_id(LINE, line.pk), text=str(line), note=note)


def _key(key: ApiKey) -> Option:
    return Option(key=key.pk, value=public_id(API_KEY, key.pk), text=key.name, note=f"{key.prefix}…")


def _endpoint(endpoint: Endpoint) -> Option:
    text = endpoint.url.removeprefix("https://").removeprefix("http://").removesuffix("/")
    return Option(key=endpoint.pk, value=public_id(WEBHOOK, endpoint.pk), text=text)


PickLines = Callable[[Sequence[str]], Picker]
_PREFIXES = {"lines": LINE, "own_lines": LINE, "keys": API_KEY, "endpoints": WEBHOOK}
_Source = tuple[Callable[[Organization, str, list[UUID]], QuerySet[Model]], Callable[[Model], Option], tuple[str, ...]]
_SOURCES: dict[str, _Source] = {
    "lines": (_find_lines, _line, ("is_sandbox", "label", "handle")),  # type: ignore[dict-item]
    "own_lines": (_find_own_lines, _line, ("label", "handle")),  # type: ignore[dict-item]
    "keys": (_find_keys, _key, ("-id",)),  # type: ignore[dict-item]
    "endpoints": (_find_endpoints, _endpoint, ("id",)),  # type: ignore[dict-item]
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
