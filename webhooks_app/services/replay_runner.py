"""Works replays off, slice by slice at their rate. One runner at a time; a slice and its cursor are one transaction."""

import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.db import connection, transaction
from django.utils.functional import cached_property

from core.clock import from_ms, now
from core.hints import send_hint
from core.ids import REPLAY, public_id
from core.live import LiveHint, publish_live
from events.models import ConsumerCursor
from webhooks_app.delivery_search import Plan, count_matching, find_older, make_plan
from webhooks_app.filters import DeliveryFilter, parse_filter
from webhooks_app.models import Endpoint, Replay, ReplayState
from webhooks_app.services.fan_out import CONSUMER
from webhooks_app.services.rows import delivery_key
from webhooks_app.services.wake import wake_engines

SLICE_SECONDS = 0.25
EVENTS_LOOKED_AT = 5000
LOCK = 0x7270  # "rp"
_STATES = {
    "failed": ("failed",),
    "missing": ("failed", "held", "cancelled"),
    "all": ("failed", "held", "cancelled", "delivered"),
}
_QUEUE = """
UPDATE webhooks_app_delivery d SET state = 'pending', tries = 0, trigger = 'bulk', next_attempt_at = now(),
    replay_id = %s, completed_at = NULL, claim_token = NULL, lease_until = NULL
WHERE d.id = ANY(%s) AND d.id BETWEEN %s AND %s AND d.state NOT IN ('pending', 'retrying') AND d.endpoint_id IN (
    SELECT id FROM webhooks_app_endpoint WHERE organization_id = %s AND is_active AND deleted_at IS NULL)
"""
# Events this endpoint was never owed; only those the fan-out has passed, or it would owe them a second time.
_MISSING = """
SELECT e.id, e.line_id, e.chat_id, e.type, e.object_id, e.is_wanted FROM (
    SELECT id, line_id, chat_id, type, object_id, organization_id = %s AND type = ANY(%s)
        AND (%s::uuid[] IS NULL OR line_id = ANY(%s)) AND (xid, id) <= (%s::text::xid8, %s) AS is_wanted
    FROM events_event WHERE id > %s AND id < %s ORDER BY id LIMIT %s) AS e
ORDER BY e.id
"""


class ReplayRun:
    """One replay's progress. ``cursor`` is "" at the start, ``d<key>`` in deliveries, ``e<key>`` in events."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.only = str(replay.filter.get("only", ""))

    @cached_property
    def plan(self) -> Plan:
        replay = self.replay
        if self.only:
            wanted = DeliveryFilter(
                organization_id=replay.organization_id,
                endpoint_id=replay.endpoint_id,
                states=_STATES[self.only],
                since=from_ms(replay.filter["since"]),
                until=from_ms(replay.filter["until"]),
            )
        else:
            pairs: dict[str, list[str]] = {}
            for name, value in replay.filter["query"]:
                pairs.setdefault(name, []).append(value)
            wanted = parse_filter(pairs, organization_id=replay.organization_id)
        # What is stored after the start does not belong to it, its own effects least of all.
        until = min(wanted.until or replay.created_at, replay.created_at)
        return make_plan(replace(wanted, until=until))

    def step(self, size: int) -> bool:
        """Queues up to ``size`` deliveries; False when there is nothing left to do."""
        with transaction.atomic():
            replay = Replay.objects.select_for_update().get(id=self.replay.id)
            if replay.state != ReplayState.RUNNING:
                return False
            if not replay.cursor:
                self._count(replay)
            if replay.cursor.startswith("d"):
                self._queue_deliveries(replay, size)
            else:
                self._create_missing(replay, size)
            if not replay.cursor.startswith(("d", "e")):
                replay.state, replay.finished_at = ReplayState.DONE, now()
                replay.cursor, replay.total = "-", replay.queued
            replay.save(update_fields=["state", "finished_at", "cursor", "queued", "total"])
        self.replay = replay
        wake_engines()
        self._announce()
        return replay.state == ReplayState.RUNNING

    def _count(self, replay: Replay) -> None:
        replay.total = count_matching(self.plan, cap=100_000_000)[0]
        replay.cursor = "d" + self.plan.high.hex

    def _queue_deliveries(self, replay: Replay, size: int) -> None:
        found = find_older(self.plan, below=UUID(hex=replay.cursor[1:]), limit=size)
        if found.ids:
            with connection.cursor() as cursor:
                cursor.execute(
                    _QUEUE,
                    [replay.id, found.ids, min(found.ids), max(found.ids), replay.organization_id],
                )
                replay.queued += cursor.rowcount
        last = found.stopped_at or (found.ids[-1] if len(found.ids) >= size else None)
        if last is not None:
            replay.cursor = "d" + last.hex
        elif self.only in ("missing", "all"):
            replay.cursor = "e" + self.plan.low.hex
        else:
            replay.cursor = "-"

    def _create_missing(self, replay: Replay, size: int) -> None:
        if replay.endpoint_id is None:
            raise ValueError("only a replay of one endpoint knows what is missing")
        endpoint = Endpoint.objects.get(id=replay.endpoint_id)
        place = ConsumerCursor.objects.filter(pk=CONSUMER).first()
        if place is None or not endpoint.is_active:
            replay.cursor = "-"
            return
        lines = endpoint.line_ids
        with connection.cursor() as cursor:
            cursor.execute(
                _MISSING,
                [
                    *(replay.organization_id, endpoint.events, lines, lines, str(place.xid), place.event_id),
                    *(UUID(hex=replay.cursor[1:]), self.plan.high, EVENTS_LOOKED_AT),
                ],
            )
            rows = cursor.fetchall()
        missing = self._without_delivery(endpoint, [row for row in rows if row[5]])[:size]
        if missing:
            self._insert(replay, endpoint, missing)
            replay.queued += len(missing)
            replay.total = max(replay.total, replay.queued)
        if len(missing) == size:
            replay.cursor = "e" + missing[-1][0].hex
        elif len(rows) == EVENTS_LOOKED_AT:
            replay.cursor = "e" + rows[-1][0].hex
        else:
            replay.cursor = "-"

    def _without_delivery(
        self, endpoint: Endpoint, rows: Sequence[tuple[UUID, UUID, UUID | None, str, UUID | None, bool]]
    ) -> list[tuple[UUID, UUID, UUID | None, str, UUID | None, bool]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT event_id FROM webhooks_app_delivery WHERE event_id = ANY(%s) AND endpoint_id = %s",
                [[row[0] for row in rows], endpoint.id],
            )
            owed = {row[0] for row in cursor.fetchall()}
        return [row for row in rows if row[0] not in owed]

    def _insert(
        self,
        replay: Replay,
        endpoint: Endpoint,
        rows: Sequence[tuple[UUID, UUID, UUID | None, str, UUID | None, bool]],
    ) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO webhooks_app_delivery (id, organization_id, endpoint_id, event_id, event_type, line_id,"
                " chat_id, object_id, state, trigger, next_attempt_at, replay_id)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'pending', 'bulk', now(), %s) ON CONFLICT DO NOTHING",
                [
                    (
                        delivery_key(row[0], endpoint.id),
                        replay.organization_id,
                        endpoint.id,
                        row[0],
                        row[3],
                        row[1],
                        row[2],
                        row[4],
                        replay.id,
                    )
                    for row in rows
                ],
            )

    def _announce(self) -> None:
        name = public_id(REPLAY, self.replay.id)
        publish_live(
            [
                LiveHint(
                    organization_id=self.replay.organization_id,
                    topics=(f"replay:{name}", "deliveries"),
                    type="replay.changed",
                    id=name,
                )
            ]
        )


def run_replays(*, max_seconds: float = 240.0) -> int:
    """Runs what is running until all are done, paused or cancelled; returns how many slices were made.

    Ends after ``max_seconds`` and hints itself on, so that a worker can be replaced. One process works at a time.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
    slices = 0
    end = time.monotonic() + max_seconds
    try:
        runs: dict[UUID, ReplayRun] = {}
        while time.monotonic() < end:
            started = time.monotonic()
            live = Replay.objects.filter(state=ReplayState.RUNNING).order_by("id")[:100]
            runs = {replay.id: runs.get(replay.id) or ReplayRun(replay) for replay in live}
            if not runs:
                return slices
            for run in runs.values():
                run.step(max(int(run.replay.per_second * SLICE_SECONDS / len(runs)), 1))
                slices += 1
            time.sleep(max(SLICE_SECONDS - (time.monotonic() - started), 0.0))
        send_hint("webhooks_app.tasks.run_replays")
        return slices
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
