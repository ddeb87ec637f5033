"""Sending again: one delivery now, or many in the background. A replay keeps the delivery's id, so a receiver that
de-duplicates sees each once; what is new is the trigger, the timestamp and the signature.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db import transaction

from accounts.models import Organization
from accounts.services.audit import Actor, record_change
from core.clock import now, to_ms
from core.errors import InvalidRequestError, invalid
from core.hints import send_hint
from webhooks_app.filters import DeliveryFilter
from webhooks_app.models import Delivery, DeliveryState, Endpoint, Replay, ReplayState, Trigger
from webhooks_app.selectors import count_deliveries
from webhooks_app.services.wake import wake_engines

Only = Literal["failed", "missing", "all"]
ONLY: tuple[Only, ...] = ("failed", "missing", "all")
PER_SECOND, PER_SECOND_MOST = 500.0, 5000.0
WAITING = (DeliveryState.PENDING, DeliveryState.RETRYING)


@transaction.atomic
def replay_delivery(*, delivery: Delivery, actor: Actor) -> Delivery:
    """Tries now: what waits is tried at once, what is finished or held starts its schedule afresh.

    What is in flight this moment is left alone. Raises ``webhook_is_off`` (409) or ``webhook_not_found``.
    """
    row = Delivery.objects.select_for_update().get(id=delivery.id)
    endpoint = Endpoint.objects.select_related("organization").get(id=row.endpoint_id)
    require_open(endpoint)
    before = row.state
    is_in_flight = row.lease_until is not None and row.lease_until > now()
    if not is_in_flight:
        if row.state not in WAITING:
            row.state, row.tries, row.completed_at = DeliveryState.PENDING, 0, None
        row.trigger, row.next_attempt_at = Trigger.REPLAY, now()
        row.claim_token = row.lease_until = None
        row.save(
            update_fields=["state", "tries", "completed_at", "trigger", "next_attempt_at", "claim_token", "lease_until"]
        )
    record_change(
        organization=endpoint.organization,
        actor=actor,
        action="delivery.replayed",
        target_id=row.public_id,
        target_label=endpoint.url,
        before={"state": before},
        after={"state": row.state},
    )
    transaction.on_commit(wake_engines)
    return row


@transaction.atomic
def start_replay(
    *,
    organization: Organization,
    wanted: DeliveryFilter,
    actor: Actor,
    api_key_id: UUID | None = None,
    per_second: float = PER_SECOND,
) -> Replay:
    """Everything the filter finds that was stored until now, at that rate. What waits to be sent anyway is left out.

    ``total`` is what is known at once (at most 10,000); the runner counts it exactly.
    """
    replay = Replay.objects.create(
        organization=organization,
        endpoint_id=wanted.endpoint_id,
        filter={"query": wanted.to_query()},
        total=count_deliveries(wanted=wanted).count,
        per_second=min(max(per_second, 1.0), PER_SECOND_MOST),
        started_by=actor.user,
        started_by_label=actor.label[:120],
        api_key_id=api_key_id,
    )
    _record(replay, actor, "replay.started")
    return replay


@transaction.atomic
def start_endpoint_replay(
    *,
    endpoint: Endpoint,
    since: datetime,
    actor: Actor,
    until: datetime | None = None,
    only: Only = "missing",
    api_key_id: UUID | None = None,
    per_second: float = PER_SECOND,
) -> Replay:
    """What an endpoint has not accepted since a time.

    ``failed``: given up. ``missing``: failed, held and cancelled, and events for which it was never owed a delivery
    (it did not exist, or was not subscribed). ``all``: delivered ones too. Raises ``webhook_is_off`` (409).
    """
    if only not in ONLY:
        raise invalid("only", f"`only` must be one of {', '.join(ONLY)}.")
    end = min(until or now(), now())
    if since >= end:
        raise invalid("since", "`since` must be before `until` and in the past.")
    require_open(endpoint)
    replay = Replay.objects.create(
        organization_id=endpoint.organization_id,
        endpoint_id=endpoint.id,
        filter={"since": to_ms(since), "until": to_ms(end), "only": only},
        per_second=min(max(per_second, 1.0), PER_SECOND_MOST),
        started_by=actor.user,
        started_by_label=actor.label[:120],
        api_key_id=api_key_id,
    )
    _record(replay, actor, "replay.started")
    return replay


def pause_replay(*, replay: Replay, actor: Actor) -> Replay:
    """Stops queueing more; what is queued goes out."""
    return _move(replay, actor, "replay.paused", (ReplayState.RUNNING,), ReplayState.PAUSED)


def resume_replay(*, replay: Replay, actor: Actor) -> Replay:
    return _move(replay, actor, "replay.resumed", (ReplayState.PAUSED,), ReplayState.RUNNING)


def cancel_replay(*, replay: Replay, actor: Actor) -> Replay:
    """Ends it for good; what is queued goes out."""
    return _move(replay, actor, "replay.cancelled", (ReplayState.RUNNING, ReplayState.PAUSED), ReplayState.CANCELLED)


@transaction.atomic
def _move(replay: Replay, actor: Actor, action: str, before: tuple[ReplayState, ...], after: ReplayState) -> Replay:
    """Idempotent: a replay that is not in one of the states before is returned as it is."""
    row = Replay.objects.select_for_update().select_related("organization").get(id=replay.id)
    if row.state not in before:
        return row
    row.state = after
    row.finished_at = now() if after == ReplayState.CANCELLED else None
    row.save(update_fields=["state", "finished_at"])
    _record(row, actor, action)
    return row


def require_open(endpoint: Endpoint) -> None:
    if endpoint.deleted_at is not None:
        raise InvalidRequestError("webhook_deleted", "This endpoint was deleted: nothing is sent to it.", status=409)
    if not endpoint.is_active:
        raise InvalidRequestError("webhook_is_off", "This endpoint is off: switch it on, then replay.", status=409)


def _record(replay: Replay, actor: Actor, action: str) -> None:
    record_change(
        organization=replay.organization,
        actor=actor,
        action=action,
        target_id=replay.public_id,
        after={"filter": replay.filter, "per_second": replay.per_second, "total": replay.total},
    )
    transaction.on_commit(lambda: send_hint("webhooks_app.tasks.run_replays"))
