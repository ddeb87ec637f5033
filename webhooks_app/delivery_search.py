"""How a filtered list of deliveries is read within 50 ms whatever the filter and however many rows there are.

Each list is driven by the index that fits the filter best, newest first: first in the newest days (so that few
partitions are planned), then in the rest. What the index cannot decide is checked row by row, for at most
``SCAN_ROWS`` rows: a filter that matches next to nothing then gives a short page, which says how far it looked and
where to go on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from core.clock import now
from core.ids import (
    CHAT,
    DELIVERY,
    EVENT,
    LINE,
    MESSAGE,
    OUTBOX,
    REACTION,
    REPLAY,
    WEBHOOK,
    parse_id,
    time_of,
    uuid7_floor,
)
from webhooks_app.filters import STATES, DeliveryFilter

SCAN_ROWS = 3_000
NEWEST = timedelta(days=2)
_TOP = UUID(int=2**128 - 1)
_BOTTOM = UUID(int=0)
# Messages by the platform's id. By table name: conversations are a sibling of this app.
_OBJECTS = (
    "SELECT id FROM messaging_message WHERE guid = %s AND organization_id = %s AND line_id IN"
    " (SELECT id FROM lines_line WHERE organization_id = %s OR is_sandbox) LIMIT 100"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """``drivers`` are conditions that an index serves in id order, one query each; ``rest`` is checked per row."""

    drivers: tuple[tuple[str, tuple[Any, ...]], ...]
    rest: str
    rest_parameters: tuple[Any, ...]
    low: UUID
    high: UUID
    is_exact: bool = False  # few rows, anywhere in time: the newest days are not worth a statement of their own


@dataclass(frozen=True, slots=True)
class Found:
    """Rows newest first, the key first in each. ``stopped_at``: looked at everything above it, and then stopped."""

    rows: list[tuple[Any, ...]]
    stopped_at: UUID | None = None

    @property
    def ids(self) -> list[UUID]:
        return [row[0] for row in self.rows]


def make_plan(wanted: DeliveryFilter) -> Plan:
    """Chooses the driving index."""
    states = _possible_states(wanted)
    # The indexes that have the state leave out what was delivered: next to everything, so it is found without them.
    is_rare = states is not None and "delivered" not in states
    driver, parameters, has_state = _driver(wanted, is_rare)
    drivers: tuple[tuple[str, tuple[Any, ...]], ...] = ((driver, parameters),)
    rest, rest_parameters = _rest(wanted)
    if states == ():
        drivers = ()
    elif has_state:
        drivers = tuple((f"{driver} AND state = %s", (*parameters, state)) for state in states or ())
    elif states is not None:
        rest.append("state = ANY(%s)")
        rest_parameters.append(list(states))
    return Plan(
        drivers,
        " AND ".join(rest),
        tuple(rest_parameters),
        uuid7_floor(wanted.since) if wanted.since else _BOTTOM,
        uuid7_floor(wanted.until) if wanted.until else _TOP,
        is_exact=bool(wanted.text),
    )


def _possible_states(wanted: DeliveryFilter) -> tuple[str, ...] | None:
    """The states that what is asked for can be in; None = any. An answer that is no success has not been delivered."""
    states = wanted.states or STATES
    if wanted.error or wanted.status in ("3xx", "4xx", "5xx", "none"):
        return tuple(state for state in states if state != "delivered")
    return wanted.states or None


def _driver(wanted: DeliveryFilter, has_states: bool) -> tuple[str, tuple[Any, ...], bool]:
    """(condition, its parameters, whether the index also has the state)."""
    if wanted.text:
        return (*_text_driver(wanted), False)
    if wanted.chat_id:
        return "chat_id = %s", (wanted.chat_id,), False
    is_wrong = bool(wanted.error) or wanted.status in ("3xx", "4xx", "5xx", "none")
    if wanted.endpoint_id and not is_wrong:
        return "endpoint_id = %s", (wanted.endpoint_id,), has_states
    if is_wrong:
        return "organization_id = %s AND last_error <> ''", (wanted.organization_id,), False
    if has_states:
        return "organization_id = %s", (wanted.organization_id,), True
    if wanted.line_id:
        return "line_id = %s", (wanted.line_id,), False
    return "organization_id = %s", (wanted.organization_id,), False


def _text_driver(wanted: DeliveryFilter) -> tuple[str, tuple[Any, ...]]:
    text = wanted.text
    for prefix, column in (
        (DELIVERY, "id"), (EVENT, "event_id"), (MESSAGE, "object_id"), (REACTION, "object_id"), (OUTBOX, "object_id"),
        (CHAT, "chat_id"), (LINE, "line_id"), (WEBHOOK, "endpoint_id"), (REPLAY, "replay_id"),
    ):  # fmt: skip
        key = parse_id(prefix, text)
        if key is not None:
            if column == "replay_id":
                return "organization_id = %s AND replay_id = %s", (wanted.organization_id, key)
            return f"{column} = %s", (key,)
    return f"object_id = ANY(ARRAY({_OBJECTS}))", (text, wanted.organization_id, wanted.organization_id)


def _rest(wanted: DeliveryFilter) -> tuple[list[str], list[Any]]:
    checks: list[tuple[str, Any]] = [("organization_id = %s", wanted.organization_id)]
    if wanted.line_ids is not None:
        checks.append(("line_id = ANY(%s)", list(wanted.line_ids)))
    if wanted.endpoint_id:
        checks.append(("endpoint_id = %s", wanted.endpoint_id))
    if wanted.events:
        checks.append(("event_type = ANY(%s)", list(wanted.events)))
    if wanted.line_id:
        checks.append(("line_id = %s", wanted.line_id))
    if wanted.chat_id:
        checks.append(("chat_id = %s", wanted.chat_id))
    if wanted.error:
        checks.append(("last_error = %s", wanted.error))
    where, parameters = [check for check, _ in checks], [value for _, value in checks]
    if wanted.status == "none":
        where.append("last_status IS NULL AND last_attempt_at IS NOT NULL")
    elif wanted.status:
        hundred = int(wanted.status[0]) * 100
        where.append("last_status BETWEEN %s AND %s")
        parameters += [hundred, hundred + 99]
    return where, parameters


def find_older(plan: Plan, *, below: UUID | None, limit: int, columns: str = "d.id") -> Found:
    """At most ``limit`` rows below ``below``, newest first. Two statements at most, one where the newest days suffice.

    ``columns`` of the delivery ``d`` and its endpoint ``e``; the first is ``d.id``.
    """
    high = min(below or _TOP, plan.high)
    found: list[tuple[Any, ...]] = []
    for low in _lows(high, plan):
        part = _read(plan, low, high, limit - len(found), "DESC", columns)
        found += part.rows
        if part.stopped_at is not None or len(found) >= limit:
            return Found(found, part.stopped_at)
        high = low
    return Found(found)


def _lows(high: UUID, plan: Plan) -> list[UUID]:
    """Where the windows begin: the newest days, of which few partitions are planned, then all the rest."""
    if plan.is_exact:
        return [plan.low]
    top = min(now(), time_of(high)) if high.int >> 80 < 2**46 else now()
    newest = uuid7_floor(top - NEWEST)
    return [newest, plan.low] if plan.low < newest < high else [plan.low]


def find_newer(plan: Plan, *, above: UUID, limit: int, columns: str = "d.id") -> Found:
    """At most ``limit`` rows above ``above``: the ones next to it, newest first. One statement."""
    low = UUID(int=min(max(above, plan.low).int + 1, _TOP.int))
    found = _read(plan, low, plan.high, limit, "ASC", columns)
    return Found(sorted(found.rows, key=lambda row: row[0].int, reverse=True))


def _read(plan: Plan, low: UUID, high: UUID, limit: int, direction: str, columns: str) -> Found:
    """One window. A driver that has looked at ``SCAN_ROWS`` rows also returns the last of them, to go on from there."""
    if not plan.drivers or limit <= 0 or low >= high:
        return Found([])
    near = (
        f"(SELECT *, {plan.rest} AS is_hit FROM (SELECT *, row_number() OVER (ORDER BY id {direction}) AS place FROM"
        f" (SELECT * FROM webhooks_app_delivery WHERE {{}} AND id >= %s AND id < %s ORDER BY id {direction}"
        f" LIMIT {SCAN_ROWS}) AS looked_at) AS placed WHERE ({plan.rest}) OR place = {SCAN_ROWS}"
        f" ORDER BY id {direction} LIMIT %s)"
    )
    parameters: list[Any] = []
    for _, values in plan.drivers:
        parameters += [*plan.rest_parameters, *values, low, high, *plan.rest_parameters, limit]
    union = " UNION ALL ".join(near.format(condition) for condition, _ in plan.drivers)
    statement = (
        f"SELECT {columns}, d.is_hit, d.place = {SCAN_ROWS} FROM ({union}) AS d"
        f" LEFT JOIN webhooks_app_endpoint e ON e.id = d.endpoint_id ORDER BY d.id {direction} LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, limit + len(plan.drivers)])
        rows = cursor.fetchall()
    found = [row[:-2] for row in rows if row[-2]][:limit]
    stopped = [row[0] for row in rows if row[-1]]
    if direction == "ASC" or not stopped or len(found) == limit:
        return Found(found)
    edge = max(stopped)  # below it at least one driver has not been looked at
    return Found([row for row in found if row[0] >= edge], edge)


def count_matching(plan: Plan, *, cap: int) -> tuple[int, bool]:
    """How many match, and whether that is a lower bound: counting ends at ``cap`` and at the bound of a scan."""
    if not plan.drivers:
        return 0, False
    parts, parameters = [], []
    for condition, values in plan.drivers:
        parts.append(
            f"(SELECT id, {plan.rest} AS hit FROM webhooks_app_delivery WHERE {condition} AND id >= %s AND id < %s"
            f" ORDER BY id DESC LIMIT {cap + 1})"
        )
        parameters += [*plan.rest_parameters, *values, plan.low, plan.high]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FILTER (WHERE hit), count(*) FROM ({' UNION ALL '.join(parts)}) AS seen", parameters
        )
        hits, seen = cursor.fetchone()
    return min(hits, cap), hits > cap or seen > cap


def searched_to(found: Found) -> datetime | None:
    return time_of(found.stopped_at) if found.stopped_at else None
