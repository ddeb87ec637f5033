"""Per-minute roll-ups and the health of endpoints, from a batch of outcomes. In the caller's transaction.

Rows are locked in the order of their keys, so that engines that share endpoints never wait for each other in a circle.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection

from webhooks_app.histogram import BOUNDS_MS, SIZE
from webhooks_app.retry import BREAKER_FAILURES, BREAKER_SECONDS
from webhooks_app.services.jobs import Outcome
from webhooks_app.services.rows import iso

# Of each endpoint, as jobs name it, and second in which the span begins: what became of attempts, and their durations.
Spans = dict[tuple[str, int], tuple[list[int], list[int]]]
# One array of texts for each column: cheaper to write and to read than a parameter for each value.
_ROLLUP = """
INSERT INTO {table} AS m
    (endpoint_id, organization_id, {column}, delivered, retried, failed, histogram)
SELECT r.endpoint_id, r.organization_id, to_timestamp(r.start), r.delivered, r.retried, r.failed, r.histogram::int[]
FROM unnest(%s::uuid[], %s::uuid[], %s::float8[], %s::int[], %s::int[], %s::int[], %s::text[])
    AS r (endpoint_id, organization_id, start, delivered, retried, failed, histogram)
ON CONFLICT (endpoint_id, {column}) DO UPDATE SET delivered = m.delivered + excluded.delivered,
    retried = m.retried + excluded.retried, failed = m.failed + excluded.failed,
    histogram = (SELECT array_agg(coalesce(a, 0) + coalesce(b, 0) ORDER BY place)
                 FROM unnest(m.histogram, excluded.histogram) WITH ORDINALITY AS both_ (a, b, place))
"""
# ok: some attempt was accepted; streak: failures after the last accepted one; since: the first of that streak.
_HEALTH = f"""
UPDATE webhooks_app_endpoint e SET
    consecutive_failures = CASE WHEN v.ok THEN v.streak ELSE e.consecutive_failures + v.streak END,
    breaker_open_until = CASE WHEN CASE WHEN v.ok THEN v.streak ELSE e.consecutive_failures + v.streak END
        >= {BREAKER_FAILURES} THEN v.last_at + interval '{BREAKER_SECONDS} seconds' END,
    failing_since = CASE WHEN v.ok THEN v.since ELSE coalesce(e.failing_since, v.since) END,
    warned_at = CASE WHEN v.ok THEN NULL ELSE e.warned_at END,
    warnings_sent = CASE WHEN v.ok THEN 0 ELSE e.warnings_sent END,
    last_success_at = coalesce(v.success_at, e.last_success_at),
    last_attempt_at = greatest(e.last_attempt_at, v.last_at), last_status = v.status, last_error = v.error,
    is_active = e.is_active AND NOT v.gone,
    disabled_at = CASE WHEN v.gone AND e.is_active THEN v.last_at ELSE e.disabled_at END,
    disabled_reason = CASE WHEN v.gone AND e.is_active THEN 'gone_410' ELSE e.disabled_reason END
FROM unnest(%s::uuid[], %s::bool[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::smallint[],
    %s::text[], %s::bool[]) AS v (id, ok, streak, since, success_at, last_at, status, error, gone)
WHERE e.id = v.id
"""


def _moment(seconds: float | None) -> str:
    return "NULL" if seconds is None else iso(seconds)


def write_minutes(outcomes: Sequence[Outcome]) -> None:
    """One upsert for the minutes and one for the hours that occur, of every endpoint."""
    minutes: Spans = {}
    for outcome in outcomes:
        job = outcome.job
        if job.trigger == "test":
            continue
        key = (job.owner, int(outcome.started_at) // 60 * 60)
        row = minutes.get(key)
        if row is None:
            row = minutes[key] = ([0, 0, 0], [0] * SIZE)
        row[0][0 if outcome.state == "delivered" else 1 if outcome.state == "retrying" else 2] += 1
        row[1][bisect_left(BOUNDS_MS, outcome.result.total_ms)] += 1
    if minutes:
        _write_spans(minutes, "webhooks_app_endpointminute", "minute")
        _write_spans(_add_up(minutes), "webhooks_app_endpointhour", "hour")


def _add_up(minutes: Spans) -> Spans:
    """Hours out of minutes."""
    hours: Spans = {}
    for (owner, start), (counts, histogram) in minutes.items():
        known = hours.get((owner, start // 3600 * 3600))
        if known is not None:
            counts = [a + b for a, b in zip(known[0], counts, strict=True)]
            histogram = [a + b for a, b in zip(known[1], histogram, strict=True)]
        hours[owner, start // 3600 * 3600] = (counts, histogram)
    return hours


def _write_spans(rows: Spans, table: str, column: str) -> None:
    found = sorted(rows.items(), key=_by_endpoint)
    owners = [owner.split("\t") for (owner, _), _ in found]
    parameters = [
        _words(endpoint for _, endpoint in owners),
        _words(organization for organization, _ in owners),
        _words(str(start) for (_, start), _ in found),
        *(_words(str(counts[place]) for _, (counts, _) in found) for place in (0, 1, 2)),
        _words(f'"{_words(map(str, histogram))}"' for _, (_, histogram) in found),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ROLLUP.format(table=table, column=column), parameters)


def _by_endpoint(row: tuple[tuple[str, int], object]) -> tuple[str, int]:
    (owner, start), _ = row
    return owner[33:], start


def _words(parts: Iterable[str]) -> str:
    """A PostgreSQL array literal."""
    return "{" + ",".join(parts) + "}"


def write_health(outcomes: Sequence[Outcome]) -> None:
    """Streaks, breaker, last answer; 410 switches off. Any success clears what a streak had led to."""
    by_endpoint: dict[UUID, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.job.trigger != "test":
            by_endpoint.setdefault(outcome.job.endpoint_id, []).append(outcome)
    if not by_endpoint:
        return
    keys = _words(sorted(key.hex for key in by_endpoint))
    rows = [(key.hex, *_summary(mine)) for key, mine in by_endpoint.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM webhooks_app_endpoint WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE", [keys]
        )
        cursor.execute(_HEALTH, [_words(column) for column in zip(*rows, strict=True)])


def _summary(mine: list[Outcome]) -> tuple[str, ...]:
    streak, since, success_at = 0, None, None
    for outcome in mine:
        if outcome.state == "delivered":
            streak, since, success_at = 0, None, outcome.ended_at
        else:
            streak += 1
            since = since if since is not None else outcome.started_at
    last = mine[-1]
    is_gone = any(outcome.error == "http_410" for outcome in mine)
    return (
        "f" if success_at is None else "t",
        str(streak),
        _moment(since),
        _moment(success_at),
        _moment(last.ended_at),
        "NULL" if last.result.status is None else str(last.result.status),
        last.error or '""',
        "t" if is_gone else "f",
    )


def write_replays(outcomes: Sequence[Outcome]) -> None:
    """Counts what replays have achieved: a delivery counts once, when it is delivered or given up."""
    delivered = Counter(o.job.replay_id for o in outcomes if o.job.replay_id and o.is_success)
    failed = Counter(o.job.replay_id for o in outcomes if o.job.replay_id and o.state == "failed")
    with connection.cursor() as cursor:
        for replay_id in sorted(key for key in {*delivered, *failed} if key):
            cursor.execute(
                "UPDATE webhooks_app_replay SET delivered = delivered + %s, failed = failed + %s WHERE id = %s",
                [delivered[replay_id], failed[replay_id], replay_id],
            )
