"""The delivery log over HTTP (extensions): lists, one delivery, replays, tests and rotation of webhooks."""

from typing import Annotated, Any

import msgspec

from api.call import Call, CallingKey
from api.lists import DEFAULT_LIMIT, CursorText, Limit, Page, clamp
from api.routes import endpoint
from api.sender import actor_of
from api.webhook_access import get_endpoint, list_reachable_lines
from core.clock import from_ms, to_ms, to_ms_or_none
from core.errors import AuthorizationError, invalid
from core.ids import CHAT, EVENT, LINE, REPLAY, WEBHOOK, public_id, time_of
from webhooks_app.error_texts import describe_error
from webhooks_app.filters import parse_filter
from webhooks_app.models import Attempt, Delivery, Endpoint, Replay
from webhooks_app.selectors import find_delivery, get_delivery, get_replay, list_deliveries
from webhooks_app.services.endpoints import activate_secret, send_test, stage_secret
from webhooks_app.services.replay import ONLY, Only, replay_delivery, start_endpoint_replay

Milliseconds = Annotated[int, msgspec.Meta(description="Unix milliseconds.")]
TAG = "Deliveries"


class ListDeliveries(msgspec.Struct, frozen=True):
    """Filters combine freely; ``event`` and ``state`` may be repeated. ``q`` is any id, or a message's guid."""

    endpoint: str | None = None
    event: list[str] = []
    state: list[str] = []
    line: str | None = None
    chat: str | None = None
    status: str | None = None
    error: str | None = None
    since: str | None = None
    until: str | None = None
    q: str | None = None
    limit: Limit = DEFAULT_LIMIT
    cursor: CursorText | None = None


class DeliveryOut(msgspec.Struct, frozen=True):
    """One event to one webhook. ``error`` is a class, ``error_text`` says it in words. Times are Unix ms."""

    id: str
    webhook_id: str
    event: str
    event_id: str
    line_id: str
    chat_id: str | None
    state: str
    attempts: int
    created_at: int
    next_attempt_at: int | None
    last_attempt_at: int | None
    completed_at: int | None
    last_status: int | None
    error: str | None
    error_text: str | None


class AttemptOut(msgspec.Struct, frozen=True):
    """One request. Durations in milliseconds; null where a step did not take place."""

    number: int
    trigger: str
    started_at: int
    address: str | None
    status: int | None
    error: str | None
    error_text: str | None
    request_headers: dict[str, str]
    response_headers: dict[str, str]
    response_body: str
    is_body_truncated: bool
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    wait_ms: float | None
    total_ms: float


class DeliveryDetailOut(DeliveryOut, frozen=True):
    """``data`` is null once the event is past retention. Attempts newest first."""

    data: Any
    attempt_log: list[AttemptOut]


class StartReplay(msgspec.Struct, frozen=True):
    """``only``: ``failed``, ``missing`` (failed, held and never owed) or ``all``."""

    since: Milliseconds
    until: Milliseconds | None = None
    only: str = "missing"


class ReplayOut(msgspec.Struct, frozen=True):
    """``queued`` of ``total`` are on their way; ``delivered`` and ``failed`` are what became of them."""

    id: str
    webhook_id: str | None
    state: str
    total: int
    queued: int
    delivered: int
    failed: int
    created_at: int
    finished_at: int | None
    started_by: str


class SendTest(msgspec.Struct, frozen=True):
    """Which of the four events to send, with example data."""

    event: str


class TestOut(msgspec.Struct, frozen=True):
    """What came back."""

    __test__ = False
    delivery_id: str
    is_accepted: bool
    attempt: AttemptOut


class StagedSecret(msgspec.Struct, frozen=True):
    """``secret`` is the next secret, returned only here. Activate it when your server knows it; 24 h later it becomes
    current by itself."""

    id: str
    secret: str


class ActivatedSecret(msgspec.Struct, frozen=True):
    """The old secret stays in ``webhook-signature`` until ``previous_until``."""

    id: str
    previous_until: int


def _lines_of(key: CallingKey) -> frozenset[Any] | None:
    return None if key.line_ids is None else frozenset(list_reachable_lines(key))


def _delivery_members(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "webhook_id": public_id(WEBHOOK, row.endpoint_id),
        "event": row.event_type,
        "event_id": public_id(EVENT, row.event_id),
        "line_id": public_id(LINE, row.line_id),
        "chat_id": public_id(CHAT, row.chat_id) if row.chat_id else None,
        "state": row.state,
        "attempts": row.attempts,
        "created_at": to_ms(time_of(row.id)),
        "next_attempt_at": to_ms_or_none(row.next_attempt_at),
        "last_attempt_at": to_ms_or_none(row.last_attempt_at),
        "completed_at": to_ms_or_none(row.completed_at),
        "last_status": row.last_status,
        "error": row.last_error or None,
        "error_text": describe_error(row.last_error).meaning if row.last_error else None,
    }


def _attempt(row: Attempt) -> AttemptOut:
    return AttemptOut(
        number=row.number,
        trigger=row.trigger,
        started_at=to_ms(row.started_at),
        address=row.address or None,
        status=row.status,
        error=row.error or None,
        error_text=describe_error(row.error).meaning if row.error else None,
        request_headers=row.request_headers,
        response_headers=row.response_headers,
        response_body=row.response_body,
        is_body_truncated=row.body_truncated,
        dns_ms=row.dns_ms,
        connect_ms=row.connect_ms,
        tls_ms=row.tls_ms,
        wait_ms=row.wait_ms,
        total_ms=row.total_ms,
    )


def _replay(row: Replay) -> ReplayOut:
    return ReplayOut(
        id=public_id(REPLAY, row.id),
        webhook_id=public_id(WEBHOOK, row.endpoint_id) if row.endpoint_id else None,
        state=row.state,
        total=row.total,
        queued=row.queued,
        delivered=row.delivered,
        failed=row.failed,
        created_at=to_ms(row.created_at),
        finished_at=to_ms_or_none(row.finished_at),
        started_by=row.started_by_label,
    )


def _require_messages(call: Call[Any, Any]) -> None:
    """A delivery's data is a message: who may not read those may not read it here."""
    if "messages:read" not in call.key.scopes:
        raise AuthorizationError("insufficient_scope", "This key lacks the scope `messages:read`.")


@endpoint(
    "GET", "/v1/deliveries", scope="webhooks:read", query=ListDeliveries, response=Page[DeliveryOut],
    summary="List deliveries", tag=TAG, is_extension=True,
)  # fmt: skip
def list_delivery_log(call: Call[None, ListDeliveries]) -> Page[DeliveryOut]:
    query = call.query
    given = {
        name: value if isinstance(value, list) else [value]
        for name, value in msgspec.structs.asdict(query).items()
        if name not in ("limit", "cursor") and value
    }
    wanted = parse_filter(given, organization_id=call.organization_id, line_ids=_lines_of(call.key))
    page = list_deliveries(wanted=wanted, before=query.cursor, limit=clamp(query.limit))
    data = [DeliveryOut(**_delivery_members(row.delivery)) for row in page.rows]
    return Page(data, has_more=page.older is not None, next_cursor=page.older)


@endpoint(
    "GET", "/v1/deliveries/{id}", scope="webhooks:read", response=DeliveryDetailOut, errors=("delivery_not_found",),
    summary="Get a delivery with its attempts", tag=TAG, is_extension=True,
)  # fmt: skip
def get_delivery_log(call: Call[None, None]) -> DeliveryDetailOut:
    _require_messages(call)
    found = get_delivery(organization_id=call.organization_id, delivery=call.path["id"], line_ids=_lines_of(call.key))
    return DeliveryDetailOut(
        **_delivery_members(found.delivery),
        data=msgspec.json.decode(found.data) if found.data else None,
        attempt_log=[_attempt(row) for row in found.attempts],
    )


@endpoint(
    "POST", "/v1/deliveries/{id}/replay", scope="webhooks:write", response=DeliveryOut, status=202,
    errors=("delivery_not_found", "webhook_is_off", "webhook_deleted"), summary="Send a delivery again", tag=TAG,
    is_extension=True,
)  # fmt: skip
def replay_one_delivery(call: Call[None, None]) -> DeliveryOut:
    row = find_delivery(organization_id=call.organization_id, delivery=call.path["id"], line_ids=_lines_of(call.key))
    return DeliveryOut(**_delivery_members(replay_delivery(delivery=row, actor=actor_of(call))))


@endpoint(
    "POST", "/v1/webhooks/{id}/replay", scope="webhooks:write", body=StartReplay, response=ReplayOut, status=202,
    errors=("webhook_not_found", "webhook_is_off"), summary="Send again what a webhook has not accepted", tag=TAG,
    is_extension=True,
)  # fmt: skip
def replay_webhook(call: Call[StartReplay, None]) -> ReplayOut:
    found = get_endpoint(call.key, call.path["id"])
    if call.body.only not in ONLY:
        raise invalid("only", f"`only` must be one of {', '.join(ONLY)}.")
    only: Only = call.body.only
    replay = start_endpoint_replay(
        endpoint=found,
        since=_moment("since", call.body.since),
        until=None if call.body.until is None else _moment("until", call.body.until),
        only=only,
        actor=actor_of(call),
        api_key_id=call.key.id,
    )
    return _replay(replay)


@endpoint(
    "GET", "/v1/replays/{id}", scope="webhooks:read", response=ReplayOut, errors=("replay_not_found",),
    summary="Get a replay's progress", tag=TAG, is_extension=True,
)  # fmt: skip
def get_replay_progress(call: Call[None, None]) -> ReplayOut:
    row = get_replay(organization_id=call.organization_id, replay=call.path["id"])
    if row.endpoint_id:
        _check_reach(call.key, row.endpoint_id)
    return _replay(row)


@endpoint(
    "POST", "/v1/webhooks/{id}/test", scope="webhooks:write", body=SendTest, response=TestOut,
    errors=("webhook_not_found",), summary="Send a test event to a webhook", tag=TAG, is_extension=True,
)  # fmt: skip
def test_webhook(call: Call[SendTest, None]) -> TestOut:
    found = get_endpoint(call.key, call.path["id"])
    result = send_test(endpoint=found, event=call.body.event, actor=actor_of(call))
    return TestOut(
        delivery_id=result.delivery.public_id,
        is_accepted=result.delivery.state == "delivered",
        attempt=_attempt(result.attempt),
    )


@endpoint(
    "POST", "/v1/webhooks/{id}/rotate", scope="webhooks:write", response=StagedSecret, status=201,
    errors=("webhook_not_found",), summary="Stage a webhook's next secret", tag=TAG, is_extension=True,
)  # fmt: skip
def rotate_webhook(call: Call[None, None]) -> StagedSecret:
    found, secret = stage_secret(endpoint=get_endpoint(call.key, call.path["id"]), actor=actor_of(call))
    return StagedSecret(found.public_id, secret)


@endpoint(
    "POST", "/v1/webhooks/{id}/activate", scope="webhooks:write", response=ActivatedSecret,
    errors=("webhook_not_found", "no_staged_secret"), summary="Make the staged secret current", tag=TAG,
    is_extension=True,
)  # fmt: skip
def activate_webhook(call: Call[None, None]) -> ActivatedSecret:
    found = activate_secret(endpoint=get_endpoint(call.key, call.path["id"]), actor=actor_of(call))
    return ActivatedSecret(found.public_id, to_ms_or_none(found.previous_until) or 0)


def _check_reach(key: CallingKey, endpoint_id: Any) -> None:
    if Endpoint.objects.filter(id=endpoint_id, deleted_at=None).exists():
        get_endpoint(key, public_id(WEBHOOK, endpoint_id))


def _moment(name: str, milliseconds: int) -> Any:
    try:
        return from_ms(milliseconds)
    except (ValueError, OverflowError, OSError):
        raise invalid(name, f"`{name}` must be a time in Unix milliseconds.") from None
