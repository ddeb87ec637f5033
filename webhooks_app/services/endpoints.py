"""Endpoints: create, change, switch, delete. Secrets are in ``secrets.py``."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import Organization, User
from accounts.services.audit import Actor, record_change
from core.clock import now
from core.errors import invalid
from core.ids import LINE, public_id
from core.outbound import check_url
from core.secrets import encrypt
from events.types import PUBLIC_EVENTS
from webhooks_app.custom_headers import check_headers
from webhooks_app.models import Endpoint
from webhooks_app.services.secrets import activate_secret, reveal_secret, stage_secret
from webhooks_app.services.send_test import send_test
from webhooks_app.services.switching import settle_pending
from webhooks_app.services.wake import announce_endpoint_change
from webhooks_app.signing import new_secret

__all__ = [
    "activate_secret",
    "create_endpoint",
    "delete_endpoint",
    "reveal_secret",
    "send_test",
    "stage_secret",
    "switch_endpoint",
    "update_endpoint",
]

PAUSED, GONE, FAILING = "paused", "gone_410", "failing_5_days"
MAX_IN_FLIGHT = 200
UNCHANGED: Any = object()
_CHANGEABLE = ["url", "events", "line_ids", "description", "headers"]
_CHANGEABLE += ["max_in_flight", "requests_per_second", "is_ordered"]


def check_events(events: Sequence[str]) -> list[str]:
    """The events in the catalogue's order, once each. Raises ``invalid_parameter_value`` for ``events``."""
    unknown = [name for name in events if name not in PUBLIC_EVENTS]
    if unknown or not events:
        wrong = f"`{unknown[0][:60]}` cannot be subscribed to." if unknown else "Choose at least one event."
        raise invalid("events", f"{wrong} Events: {', '.join(PUBLIC_EVENTS)}.")
    return [name for name in PUBLIC_EVENTS if name in events]


def _check_pace(max_in_flight: int | None, requests_per_second: float | None) -> None:
    if max_in_flight is not None and not 1 <= max_in_flight <= MAX_IN_FLIGHT:
        raise invalid("max_in_flight", f"At most {MAX_IN_FLIGHT} requests in flight, and at least 1.")
    if requests_per_second is not None and not 0.01 <= requests_per_second <= 10_000:
        raise invalid("requests_per_second", "Requests per second must be between 0.01 and 10,000.")


@transaction.atomic
def create_endpoint(
    *,
    organization: Organization,
    url: str,
    events: Sequence[str],
    line_ids: Sequence[UUID] | None,
    actor: Actor,
    description: str = "",
    headers: Mapping[str, str] | None = None,
    created_by: User | None = None,
    api_key_id: UUID | None = None,
    max_in_flight: int | None = None,
    requests_per_second: float | None = None,
    is_ordered: bool = False,
) -> tuple[Endpoint, str]:
    """A new endpoint and its secret in the clear. ``line_ids`` None = every line, future ones too.

    The caller has checked that the lines are the organization's. Raises ``invalid_parameter_value`` naming the field.
    """
    _check_pace(max_in_flight, requests_per_second)
    secret = new_secret()
    endpoint = Endpoint.objects.create(
        organization=organization,
        url=check_url(url),
        events=check_events(events),
        line_ids=None if line_ids is None else sorted(set(line_ids)),
        description=description.strip()[:120],
        headers=check_headers(headers or {}),
        secret=encrypt(secret),
        created_by=created_by or actor.user,
        api_key_id=api_key_id,
        max_in_flight=max_in_flight,
        requests_per_second=requests_per_second,
        is_ordered=is_ordered,
    )
    _record(endpoint, actor, "webhook.created", after=_facts(endpoint))
    transaction.on_commit(announce_endpoint_change)
    return endpoint, secret


@transaction.atomic
def update_endpoint(
    *,
    endpoint: Endpoint,
    actor: Actor,
    url: str = UNCHANGED,
    events: Sequence[str] = UNCHANGED,
    line_ids: Sequence[UUID] | None = UNCHANGED,
    description: str = UNCHANGED,
    headers: Mapping[str, str] = UNCHANGED,
    max_in_flight: int | None = UNCHANGED,
    requests_per_second: float | None = UNCHANGED,
    is_ordered: bool = UNCHANGED,
) -> Endpoint:
    """Changes what is given. What is pending goes to the new URL."""
    endpoint = _lock(endpoint)
    before = _facts(endpoint)
    if url is not UNCHANGED:
        endpoint.url = check_url(url)
    if events is not UNCHANGED:
        endpoint.events = check_events(events)
    if line_ids is not UNCHANGED:
        endpoint.line_ids = None if line_ids is None else sorted(set(line_ids))
    if description is not UNCHANGED:
        endpoint.description = description.strip()[:120]
    if headers is not UNCHANGED:
        endpoint.headers = check_headers(headers)
    if max_in_flight is not UNCHANGED:
        endpoint.max_in_flight = max_in_flight
    if requests_per_second is not UNCHANGED:
        endpoint.requests_per_second = requests_per_second
    if is_ordered is not UNCHANGED:
        endpoint.is_ordered = is_ordered
    _check_pace(endpoint.max_in_flight, endpoint.requests_per_second)
    endpoint.save(update_fields=_CHANGEABLE)
    after = _facts(endpoint)
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        _record(
            endpoint,
            actor,
            "webhook.updated",
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )
        transaction.on_commit(announce_endpoint_change)
    return endpoint


@transaction.atomic
def switch_endpoint(*, endpoint: Endpoint, is_active: bool, actor: Actor, reason: str = PAUSED) -> Endpoint:
    """On: health starts afresh; what was held stays held until it is replayed. Off: what is pending becomes held."""
    endpoint = _lock(endpoint)
    if endpoint.is_active == is_active:
        return endpoint
    endpoint.is_active = is_active
    endpoint.disabled_at = None if is_active else now()
    endpoint.disabled_reason = "" if is_active else reason
    fields = ["is_active", "disabled_at", "disabled_reason"]
    if is_active:
        endpoint.failing_since = endpoint.warned_at = endpoint.breaker_open_until = None
        endpoint.consecutive_failures = endpoint.warnings_sent = 0
        fields += ["failing_since", "warned_at", "breaker_open_until", "consecutive_failures", "warnings_sent"]
    endpoint.save(update_fields=fields)
    if not is_active:
        settle_pending(endpoint.id, "held")
    _record(
        endpoint,
        actor,
        "webhook.switched_on" if is_active else "webhook.switched_off",
        before={"is_active": not is_active},
        after={"is_active": is_active, "reason": endpoint.disabled_reason},
    )
    transaction.on_commit(announce_endpoint_change)
    return endpoint


@transaction.atomic
def delete_endpoint(*, endpoint: Endpoint, actor: Actor) -> None:
    """Cancels what is pending or held. The log stays readable; nothing is sent to it again."""
    endpoint = _lock(endpoint)
    endpoint.deleted_at = now()
    endpoint.is_active = False
    endpoint.save(update_fields=["deleted_at", "is_active"])
    settle_pending(endpoint.id, "cancelled", of_states=("pending", "retrying", "held"))
    _record(endpoint, actor, "webhook.deleted", before=_facts(endpoint))
    transaction.on_commit(announce_endpoint_change)


def _lock(endpoint: Endpoint) -> Endpoint:
    return Endpoint.objects.select_for_update().select_related("organization").get(id=endpoint.id)


def _facts(endpoint: Endpoint) -> dict[str, object]:
    lines = None if endpoint.line_ids is None else [public_id(LINE, line_id) for line_id in endpoint.line_ids]
    return {
        "url": endpoint.url,
        "events": endpoint.events,
        "lines": lines,
        "description": endpoint.description,
        "headers": ", ".join(sorted(endpoint.headers)),  # their values may be credentials
        "max_in_flight": endpoint.max_in_flight,
        "requests_per_second": endpoint.requests_per_second,
        "is_ordered": endpoint.is_ordered,
    }


def _record(endpoint: Endpoint, actor: Actor, action: str, **change: Mapping[str, Any]) -> None:
    record_change(
        organization=endpoint.organization,
        actor=actor,
        action=action,
        target_id=endpoint.public_id,
        target_label=endpoint.url,
        **change,
    )
