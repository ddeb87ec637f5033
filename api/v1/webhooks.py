"""Webhooks: create, list, delete (spec api §9.10); get and change one (extensions)."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from accounts.models import Organization
from api.call import Call, CallingKey
from api.lists import Page
from api.routes import endpoint
from api.schemas import COMMON_LINE_ERRORS, From
from api.sender import actor_of, sender_of
from api.webhook_access import get_endpoint, list_endpoints_of_line, list_reachable_lines
from core.errors import invalid, missing
from core.ids import LINE, public_id
from core.outbound import check_url
from messaging.selectors import get_readable_line
from webhooks_app.models import Endpoint
from webhooks_app.services.endpoints import (
    check_events,
    create_endpoint,
    delete_endpoint,
    switch_endpoint,
    update_endpoint,
)

MayBeEmpty = msgspec.Meta(extra={"may_be_empty": True}, description="The line; empty = every line the key reaches.")
Url = Annotated[str, msgspec.Meta(description="Where to post: HTTPS, on the public internet.")]
Events = Annotated[
    list[str],
    msgspec.Meta(description="Of `message.received`, `message.sent`, `reaction.added`, `reaction.removed`."),
]


class CreateWebhook(msgspec.Struct, frozen=True):
    """Posts events of a line to a URL, signed."""

    from_: Annotated[str, MayBeEmpty] = msgspec.field(name="from")
    url: Url
    events: Events


class ChangeWebhook(msgspec.Struct, frozen=True):
    """What is left out stays as it is. ``lines`` are handles or ``ln_…`` ids; empty = every line the key reaches."""

    url: Url | None = None
    events: Events | None = None
    lines: list[From] | None = None
    is_active: bool | None = None


class ListWebhooks(msgspec.Struct, frozen=True):
    """The line whose webhooks to list."""

    from_: From = msgspec.field(name="from")


class DeleteWebhook(msgspec.Struct, frozen=True):
    """``id`` is required; it may stand in the query instead, since some proxies drop the body of a DELETE."""

    id: str | None = None


class WebhookOut(msgspec.Struct, frozen=True):
    """``line_ids`` names every line whose events it gets."""

    id: str
    line_ids: list[str]
    url: str
    events: list[str]
    is_active: bool


class CreatedWebhook(WebhookOut, frozen=True):
    """``secret`` signs the deliveries. It is returned only here."""

    secret: str


class DeletedOut(msgspec.Struct, frozen=True):
    id: str
    deleted: Literal[True] = True


def _out(found: Endpoint, reachable: Sequence[UUID]) -> WebhookOut:
    lines = found.line_ids if found.line_ids is not None else reachable
    return WebhookOut(
        id=found.public_id,
        line_ids=[public_id(LINE, line_id) for line_id in lines],
        url=found.url,
        events=list(found.events),
        is_active=found.is_active,
    )


def _every_line(key: CallingKey) -> list[UUID] | None:
    """All lines, future ones too; for a restricted key the ones it has."""
    return None if key.line_ids is None else sorted(key.line_ids)


@endpoint(
    "POST", "/v1/webhooks", scope="webhooks:write", body=CreateWebhook, response=CreatedWebhook, status=201,
    errors=COMMON_LINE_ERRORS, summary="Create a webhook", tag="Webhooks",
)  # fmt: skip
def create_webhook(call: Call[CreateWebhook, None]) -> CreatedWebhook:
    body, key = call.body, call.key
    if not body.url.strip():
        raise missing("url")
    check_url(body.url)
    check_events(body.events)
    line_ids = _every_line(key)
    if body.from_.strip():
        line_ids = [get_readable_line(sender=sender_of(call), line=body.from_).line_id]
    made, secret = create_endpoint(
        organization=Organization.objects.get(id=key.organization_id),
        url=body.url,
        events=body.events,
        line_ids=line_ids,
        actor=actor_of(call),
        api_key_id=key.id,
    )
    shown = _out(made, list_reachable_lines(key) if line_ids is None else line_ids)
    return CreatedWebhook(**msgspec.structs.asdict(shown), secret=secret)


@endpoint(
    "GET", "/v1/webhooks", scope="webhooks:read", query=ListWebhooks, response=Page[WebhookOut],
    errors=COMMON_LINE_ERRORS, summary="List the webhooks of a line", tag="Webhooks",
)  # fmt: skip
def list_webhooks(call: Call[None, ListWebhooks]) -> Page[WebhookOut]:
    line = get_readable_line(sender=sender_of(call), line=call.query.from_)
    found = list_endpoints_of_line(call.key, line.line_id)
    reachable = list_reachable_lines(call.key)
    return Page([_out(webhook, reachable) for webhook in found])


@endpoint(
    "DELETE", "/v1/webhooks", scope="webhooks:write", body=DeleteWebhook, query=DeleteWebhook, response=DeletedOut,
    errors=("webhook_not_found",), summary="Delete a webhook", tag="Webhooks",
)  # fmt: skip
def delete_webhook(call: Call[DeleteWebhook, DeleteWebhook]) -> DeletedOut:
    text = call.body.id or call.query.id
    if not text:
        raise missing("id")
    found = get_endpoint(call.key, text)
    delete_endpoint(endpoint=found, actor=actor_of(call))
    return DeletedOut(found.public_id)


@endpoint(
    "GET", "/v1/webhooks/{id}", scope="webhooks:read", response=WebhookOut, errors=("webhook_not_found",),
    summary="Get one webhook", tag="Webhooks", is_extension=True,
)  # fmt: skip
def get_webhook(call: Call[None, None]) -> WebhookOut:
    return _out(get_endpoint(call.key, call.path["id"]), list_reachable_lines(call.key))


@endpoint(
    "PATCH", "/v1/webhooks/{id}", scope="webhooks:write", body=ChangeWebhook, response=WebhookOut,
    errors=("webhook_not_found", *COMMON_LINE_ERRORS), summary="Change a webhook", tag="Webhooks", is_extension=True,
)  # fmt: skip
def change_webhook(call: Call[ChangeWebhook, None]) -> WebhookOut:
    body, actor = call.body, actor_of(call)
    if body.url is not None:
        check_url(body.url)
    if body.events is not None:
        check_events(body.events)
    found = get_endpoint(call.key, call.path["id"])
    changes: dict[str, object] = {}
    if body.lines is not None:
        changes["line_ids"] = _lines(call, body.lines)
    if body.url is not None:
        changes["url"] = body.url
    if body.events is not None:
        changes["events"] = body.events
    if changes:
        found = update_endpoint(endpoint=found, actor=actor, **changes)  # type: ignore[arg-type]
    if body.is_active is not None:
        found = switch_endpoint(endpoint=found, is_active=body.is_active, actor=actor)
    return _out(found, list_reachable_lines(call.key))


def _lines(call: Call[ChangeWebhook, None], lines: Sequence[str]) -> list[UUID] | None:
    if len(lines) > 100:
        raise invalid("lines", "At most 100 lines can be named.")
    if not lines:
        return _every_line(call.key)
    return [get_readable_line(sender=sender_of(call), line=line).line_id for line in lines]
