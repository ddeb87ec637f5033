"""What the engine reads: endpoints, which of them are owed something now, and claimed deliveries.

A claim is a token and a lease: results are only written by the holder of the token, and a claim whose lease has ended
is anybody's. So an engine may die at any instruction.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from core.ids import uuid7
from webhooks_app.models import Endpoint
from webhooks_app.services.jobs import Job, lease_seconds, owner_columns
from webhooks_app.services.switching import settle_pending

# Walks the index from endpoint to endpoint, so a backlog of millions costs no more than one row does.
_WAITING = """
WITH RECURSIVE step AS (
    (SELECT endpoint_id FROM webhooks_app_delivery
     WHERE state IN ('pending', 'retrying') ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM webhooks_app_delivery d
            WHERE d.state IN ('pending', 'retrying') AND d.endpoint_id > step.endpoint_id
            ORDER BY d.endpoint_id LIMIT 1)
    FROM step WHERE step.endpoint_id IS NOT NULL)
SELECT step.endpoint_id FROM step WHERE step.endpoint_id IS NOT NULL AND EXISTS (
    SELECT FROM webhooks_app_delivery d WHERE d.endpoint_id = step.endpoint_id
    AND d.state IN ('pending', 'retrying') AND d.next_attempt_at <= now()
    AND (d.lease_until IS NULL OR d.lease_until < now()))
"""
_RETURNING = (
    "RETURNING d.id, d.organization_id, d.endpoint_id, d.event_id, d.event_type, d.attempts, d.tries, d.trigger,"
    " d.replay_id"
)
_CLAIM = f"""
WITH due AS MATERIALIZED (
    SELECT d.id FROM unnest(%s::uuid[], %s::int[]) AS want (endpoint_id, room)
    CROSS JOIN LATERAL (
        SELECT id FROM webhooks_app_delivery
        WHERE endpoint_id = want.endpoint_id AND state IN ('pending', 'retrying') AND next_attempt_at <= now()
        AND (lease_until IS NULL OR lease_until < now())
        ORDER BY next_attempt_at LIMIT want.room FOR UPDATE SKIP LOCKED) d)
UPDATE webhooks_app_delivery d SET claim_token = %s, lease_until = now() + make_interval(secs => %s)
FROM due WHERE d.id = due.id {_RETURNING}
"""
# The head of an ordered endpoint's queue: the oldest unfinished delivery, and only if it is due and nobody's.
_CLAIM_HEAD = f"""
UPDATE webhooks_app_delivery d SET claim_token = %s, lease_until = now() + make_interval(secs => %s)
WHERE d.id = (SELECT id FROM (
    (SELECT id FROM webhooks_app_delivery WHERE endpoint_id = %s AND state = 'pending' ORDER BY id LIMIT 1)
    UNION ALL
    (SELECT id FROM webhooks_app_delivery WHERE endpoint_id = %s AND state = 'retrying' ORDER BY id LIMIT 1)
    ) AS heads ORDER BY id LIMIT 1)
AND d.state IN ('pending', 'retrying') AND d.next_attempt_at <= now()
AND (d.lease_until IS NULL OR d.lease_until < now()) {_RETURNING}
"""


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint as the engine needs it. Breaker times are Unix seconds."""

    id: UUID
    organization_id: UUID
    url: str
    headers: Mapping[str, str]
    is_active: bool
    is_deleted: bool
    sealed_secrets: tuple[str, str, str]
    previous_until: float
    max_in_flight: int | None
    requests_per_second: float | None
    is_ordered: bool
    consecutive_failures: int
    breaker_open_until: float


def read_endpoints() -> list[EndpointRow]:
    """Every endpoint that is not deleted. One statement."""
    rows = Endpoint.objects.filter(deleted_at=None).values_list(
        "id", "organization_id", "url", "headers", "is_active", "secret", "next_secret", "previous_secret",
        "previous_until", "max_in_flight", "requests_per_second", "is_ordered", "consecutive_failures",
        "breaker_open_until",
    )  # fmt: skip
    return [
        EndpointRow(
            id=row[0],
            organization_id=row[1],
            url=row[2],
            headers=row[3],
            is_active=row[4],
            is_deleted=False,
            sealed_secrets=(row[5], row[6], row[7]),
            previous_until=row[8].timestamp() if row[8] else 0.0,
            max_in_flight=row[9],
            requests_per_second=row[10],
            is_ordered=row[11],
            consecutive_failures=row[12],
            breaker_open_until=row[13].timestamp() if row[13] else 0.0,
        )
        for row in rows
    ]


def list_waiting() -> set[UUID]:
    """Endpoints that have due deliveries which nobody has claimed. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        return {row[0] for row in cursor.fetchall()}


def claim_due(rooms: Mapping[UUID, int], ordered: Sequence[UUID] = ()) -> list[Job]:
    """Claims due deliveries, at most ``rooms[endpoint]`` of each, the longest due first; of ``ordered`` endpoints the
    one whose turn it is. Two statements, and one per ordered endpoint."""
    token, lease = uuid7(), lease_seconds()
    found: list[tuple[Any, ...]] = []
    with transaction.atomic(), connection.cursor() as cursor:
        if rooms:
            cursor.execute(_CLAIM, [list(rooms), list(rooms.values()), token, lease])
            found += cursor.fetchall()
        for endpoint_id in ordered:
            cursor.execute(_CLAIM_HEAD, [token, lease, endpoint_id, endpoint_id])
            found += cursor.fetchall()
        data = _read_data(cursor, {row[3] for row in found})
        lost = [row[0] for row in found if row[3] not in data]
        if lost:  # the event is older than retention: there is nothing left to send
            cursor.execute(
                "UPDATE webhooks_app_delivery SET state = 'cancelled', next_attempt_at = NULL, claim_token = NULL,"
                " lease_until = NULL, completed_at = now(), last_error = 'internal' WHERE id = ANY(%s)",
                [lost],
            )
    ends = time.monotonic() + lease
    jobs = []
    for key, organization_id, endpoint_id, event_id, event_type, attempts, tries, trigger, replay_id in found:
        if event_id in data:
            owner = owner_columns(organization_id, endpoint_id)
            jobs.append(
                Job(key.hex, organization_id, endpoint_id, event_type, data[event_id], attempts, tries, trigger,
                    replay_id, token, ends, owner)
            )  # fmt: skip
    return sorted(jobs, key=lambda job: job.id)


def _read_data(cursor: Any, event_ids: set[UUID]) -> dict[UUID, str]:
    if not event_ids:
        return {}
    ids = sorted(event_ids)
    cursor.execute(
        "SELECT id, data FROM events_event WHERE id = ANY(%s) AND id BETWEEN %s AND %s", [ids, ids[0], ids[-1]]
    )
    return dict(cursor.fetchall())


def release_jobs(jobs: Sequence[Job]) -> None:
    """Gives back claims that will not be used."""
    if not jobs:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE webhooks_app_delivery d SET claim_token = NULL, lease_until = NULL"
            " FROM unnest(%s::uuid[], %s::uuid[]) AS j (id, token) WHERE d.id = j.id AND d.claim_token = j.token"
            " AND d.id BETWEEN %s AND %s",
            [[job.id for job in jobs], [job.token for job in jobs], *_bounds(jobs)],
        )


def _bounds(jobs: Sequence[Job]) -> tuple[str, str]:
    ids = [job.id for job in jobs]
    return min(ids), max(ids)


def settle_unwanted(waiting: set[UUID]) -> None:
    """Deliveries of endpoints that are off become held, of deleted ones cancelled: an event was fanned out while the
    switch was being turned."""
    states = dict(Endpoint.objects.filter(id__in=waiting).values_list("id", "is_active"))
    deleted = set(Endpoint.objects.filter(id__in=waiting).exclude(deleted_at=None).values_list("id", flat=True))
    for endpoint_id in waiting:
        if endpoint_id in deleted or endpoint_id not in states:
            settle_pending(endpoint_id, "cancelled")
        elif not states[endpoint_id]:
            settle_pending(endpoint_id, "held")
