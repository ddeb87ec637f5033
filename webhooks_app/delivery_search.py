"""How a filtered list of deliveries is read within 50 ms whatever the filter and however many rows there are.

Each list is driven by the index that fits the filter best, newest first, in windows of time that widen (so that only
the partitions that are needed are planned). What the index cannot decide is checked row by row, for at most
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

SCAN_ROWS = 10_000
WINDOWS = (timedelta(hours=6), timedelta(days=2), timedelta(days=9))
_TOP = UUID(int=2**128 - 1)
_BOTTOM = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Plan:
    """``drivers`` are conditions that an index serves in id order, one query each; ``rest`` is checked per row."""

    drivers: tuple[tuple[str, tuple[Any, ...]], ...]
    rest: str
    rest_parameters: tuple[Any, ...]
    low: UUID
    high: UUID


@dataclass(frozen=True, slots=True)
class Found:
    """Keys newest first. ``stopped_at``: looked at everything above this key, and then stopped."""

    ids: list[UUID]
    stopped_at: UUID | None = None


def make_plan(wanted: DeliveryFilter) -> Plan:
    """Chooses the driving index. One statement if the text is a guid, else none."""
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
    if wanted.endpoint_id:
        return "endpoint_id = %s", (wanted.endpoint_id,), bool(wanted.states) and has_states
    if wanted.error or wanted.status in ("3xx", "4xx", "5xx", "none"):
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
    objects = _objects_of_guid(wanted.organization_id, text)
    return "object_id = ANY(%s)", (objects,)


def _objects_of_guid(organization_id: UUID, guid: str) -> list[UUID]:
    """Messages by the platform's id. By table name: conversations are a sibling of this app."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM messaging_message WHERE guid = %s AND organization_id = %s AND line_id IN"
            " (SELECT id FROM lines_line WHERE organization_id = %s OR is_sandbox) LIMIT 100",
            [guid, organization_id, organization_id],
        )
        return [row[0] for row in cursor.fetchall()]


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


def find_older(plan: Plan, *, below: UUID | None, limit: int) -> Found:
    """At most ``limit`` keys below ``below``, newest first."""
    high = min(below or _TOP, plan.high)
    found: list[UUID] = []
    for low in _lows(high, plan.low):
        part = _find_window(plan, low, high, limit - len(found))
        found += part.ids
        if part.stopped_at is not None:
            return Found(found, part.stopped_at)
        if len(found) >= limit:
            break
        high = low
    return Found(found)


def _lows(high: UUID, low: UUID) -> list[UUID]:
    """Where the windows begin: each wider than the one before, the last down to ``low``."""
    top = min(now(), time_of(high)) if high.int >> 80 < 2**46 else now()
    bounds = [uuid7_floor(top - width) for width in WINDOWS]
    return [bound for bound in bounds if low < bound < high] + [low]


def _find_window(plan: Plan, low: UUID, high: UUID, limit: int) -> Found:
    rows = _read(plan, low, high, limit, "DESC")
    if len(rows) >= limit:
        return Found(rows)
    stopped = [bound for driver in plan.drivers if (bound := _scan_bound(driver, low, high, "DESC")) is not None]
    if not stopped:
        return Found(rows)
    edge = max(stopped)  # below it at least one driver has not been looked at
    return Found([key for key in rows if key >= edge], edge)


def find_newer(plan: Plan, *, above: UUID, limit: int) -> Found:
    """At most ``limit`` keys above ``above``: the ones next to it, newest first."""
    low = max(above, plan.low)
    rows = _read(plan, UUID(int=min(low.int + 1, _TOP.int)), plan.high, limit, "ASC")
    return Found(sorted(rows, reverse=True))


def _read(plan: Plan, low: UUID, high: UUID, limit: int, direction: str) -> list[UUID]:
    if not plan.drivers or limit <= 0 or low >= high:
        return []
    parts, parameters = [], []
    for condition, values in plan.drivers:
        parts.append(
            f"(SELECT id FROM (SELECT * FROM webhooks_app_delivery WHERE {condition} AND id >= %s AND id < %s"
            f" ORDER BY id {direction} LIMIT {SCAN_ROWS}) AS near WHERE {plan.rest} ORDER BY id {direction} LIMIT %s)"
        )
        parameters += [*values, low, high, *plan.rest_parameters, limit]
    with connection.cursor() as cursor:
        union = " UNION ALL ".join(parts)
        cursor.execute(f"SELECT id FROM ({union}) AS near ORDER BY id {direction} LIMIT %s", [*parameters, limit])
        return [row[0] for row in cursor.fetchall()]


def _scan_bound(driver: tuple[str, tuple[Any, ...]], low: UUID, high: UUID, direction: str) -> UUID | None:
    """The key of the last row a driver looked at, if it did not get to the end of the window."""
    condition, values = driver
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM webhooks_app_delivery WHERE {condition} AND id >= %s AND id < %s"
            f" ORDER BY id {direction} OFFSET {SCAN_ROWS - 1} LIMIT 1",
            [*values, low, high],
        )
        row = cursor.fetchone()
    return row[0] if row else None


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
