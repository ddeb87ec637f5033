"""Logs: API requests and the outbox, filtered, paged, linked to each other and to the docs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages as flash
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from accounts.api_requests import STATUS_CLASSES, RequestFilter, get_request, list_requests, list_routes, name_keys
from accounts.models import ApiRequest
from accounts.services.audit import Actor, record_change
from core.clock import now
from core.errors import AppError
from core.handles import is_handle, normalise_handle
from core.ids import API_KEY, CHAT, LINE, OUTBOX, parse_id, public_id
from dashboard.access import PageRequest, page
from dashboard.filters import Choice, FilterBar, Search, TimeRange
from dashboard.log_export import export_outbox, export_requests
from dashboard.log_words import (
    METHODS,
    OPERATIONS,
    OUTBOX_ERRORS,
    OUTBOX_STATES,
    list_error_codes,
    object_link,
    outbox_anchor,
    outbox_state,
    show_body,
    show_payload,
)
from dashboard.pickers import make_choice, make_choices
from dashboard.trace import build_trace
from messaging.addressing import Sender
from messaging.models import Chat, OutboxItem
from messaging.outbox_log import OutboxFilter, get_outbox_item, list_chat_ids, list_outbox_log, list_request_items
from messaging.services.resend import retry_item
from messaging.viewer.states import State


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxRow:
    """An item with the words beside it."""

    item: OutboxItem
    state: State
    operation: str
    line: str
    to: str
    anchor: str


@page(role="member", methods=("GET", "HEAD"))
def index(request: PageRequest) -> HttpResponse:
    return redirect("log_requests")


# --- API requests ----------------------------------------------------------------------------------------------------


@page(role="member", methods=("GET", "HEAD"))
def requests(request: PageRequest) -> HttpResponse:
    bar = _make_request_bar(request)
    found = list_requests(
        organization=request.organization,
        wanted=_read_request_filter(request, bar),
        before=request.GET.get("before"),
        after=request.GET.get("after"),
    )
    rows = [(row, vars(row)["key_name"] or "A former key" if row.api_key_id else "") for row in found.rows]
    return render(request, "dashboard/logs/requests.html", {"bar": bar, "page": found, "rows": rows})


@page(role="member", methods=("GET", "HEAD"))
def requests_export(request: PageRequest) -> StreamingHttpResponse:
    wanted = _read_request_filter(request, _make_request_bar(request))
    return _send_csv("requests", export_requests(request.organization, wanted))


def _send_csv(name: str, lines: Iterator[str]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-{now():%Y-%m-%d-%H%M}.csv"'
    return response


def _make_request_bar(request: PageRequest) -> FilterBar:
    return FilterBar(
        request,
        [
            Search("q", "Request id or outbox id"),
            make_choice(request, "key", "Key", "keys"),
            Choice("method", "Method", [(name, name) for name in METHODS]),
            Choice("route", "Route", [(route, route) for route in list_routes(organization=request.organization)]),
            Choice("status", "Status", [(name, name) for name in STATUS_CLASSES]),
            Choice("error", "Error", [(code, code) for code in list_error_codes()]),
            TimeRange(),
        ],
    )


def _read_request_filter(request: PageRequest, bar: FilterBar) -> RequestFilter:
    keys = bar.values("key")
    return RequestFilter(
        api_key_id=parse_id(API_KEY, keys[0]) if keys else None,
        methods=bar.values("method"),
        routes=bar.values("route"),
        status_classes=bar.values("status"),
        error_codes=bar.values("error"),
        since=bar.since,
        until=bar.until,
        request_id=_find_request_id(request, bar.search_text),
    )


def _find_request_id(request: PageRequest, text: str) -> str:
    """A request id as it is; of an outbox id the request that made it."""
    text = text.lower().replace("\0", "")
    if parse_id(OUTBOX, text) is not None:
        item = get_outbox_item(organization=request.organization, item=text)
        return item.request_id if item and item.request_id else text
    return text


def _key_name(row: ApiRequest, names: Mapping[UUID, str]) -> str:
    return names.get(row.api_key_id, "A former key") if row.api_key_id else ""


@page(role="member", methods=("GET", "HEAD"))
def request_detail(request: PageRequest, request_id: str) -> HttpResponse:
    found = get_request(organization=request.organization, request_id=request_id)
    if found is None:
        raise Http404
    items = list_request_items(organization=request.organization, request_id=found.request_id)
    names = name_keys(organization=request.organization, keys=[found.api_key_id])
    trace = build_trace(message=None, item=items[0]) if items else None
    context = {
        "found": found,
        "key_name": _key_name(found, names),
        "key_id": public_id(API_KEY, found.api_key_id) if found.api_key_id else "",
        "request_body": show_body(request, found.request_body),
        "response_body": show_body(request, found.response_body),
        "object_link": object_link(found.object_id),
        "trace": trace,
        "traced_id": items[0].public_id if items else "",
    }
    return render(request, "dashboard/logs/request.html", context)


# --- the outbox ------------------------------------------------------------------------------------------------------


@page(role="member", methods=("GET", "HEAD"))
def outbox(request: PageRequest) -> HttpResponse:
    bar = _make_outbox_bar(request)
    found = list_outbox_log(
        organization=request.organization,
        wanted=_read_outbox_filter(request, bar),
        before=request.GET.get("before"),
        after=request.GET.get("after"),
    )
    rows = _make_rows(found.rows)
    return render(request, "dashboard/logs/outbox.html", {"bar": bar, "page": found, "rows": rows})


@page(role="member", methods=("GET", "HEAD"))
def outbox_export(request: PageRequest) -> StreamingHttpResponse:
    wanted = _read_outbox_filter(request, _make_outbox_bar(request))
    return _send_csv("outbox", export_outbox(request.organization, wanted))


def _make_outbox_bar(request: PageRequest) -> FilterBar:
    lines, keys = make_choices(request, [("line", "Line", "lines"), ("key", "Key", "keys")])
    return FilterBar(
        request,
        [
            Search("q", "Number or id"),
            Choice("state", "State", list(OUTBOX_STATES.items())),
            lines,
            keys,
            Choice("operation", "Operation", list(OPERATIONS.items())),
            Choice("error", "Error", [(code, code) for code in OUTBOX_ERRORS]),
            TimeRange(),
        ],
    )


def _read_outbox_filter(request: PageRequest, bar: FilterBar) -> OutboxFilter:
    text = bar.search_text.lower().replace("\0", "")
    item_id, chat_id, key_id, line_id = (parse_id(prefix, text) for prefix in (OUTBOX, CHAT, API_KEY, LINE))
    chat_ids = None
    if text and is_handle(handle := _read_handle(text)):
        chat_ids = list_chat_ids(organization=request.organization, identifier=handle)
    lines, keys = bar.values("line"), bar.values("key")
    is_request = text and chat_ids is None and not any((item_id, chat_id, key_id, line_id))
    return OutboxFilter(
        states=bar.values("state"),
        line_id=parse_id(LINE, lines[0]) if lines else line_id,
        chat_id=chat_id,
        chat_ids=chat_ids,
        api_key_id=parse_id(API_KEY, keys[0]) if keys else key_id,
        item_id=item_id,
        request_id=text[:20] if is_request else "",
        operations=bar.values("operation"),
        errors=bar.values("error"),
        since=bar.since,
        until=bar.until,
    )


def _read_handle(text: str) -> str:
    """A number is found as it is read aloud too: without its plus."""
    digits = re.sub(r"[\s().-]", "", text)
    return f"+{digits}" if re.fullmatch(r"\d{8,15}", digits) else normalise_handle(text)


def _make_rows(items: list[OutboxItem]) -> list[OutboxRow]:
    """The items with line and recipient: one query for all chats and their lines."""
    chats = Chat.objects.select_related("line").in_bulk({item.chat_id for item in items})
    return [
        OutboxRow(
            item=item,
            state=outbox_state(item),
            operation=OPERATIONS.get(item.operation, item.operation),
            line=_name_line(chats.get(item.chat_id)),
            to=str(chats.get(item.chat_id, "")),
            anchor=outbox_anchor(item.error),
        )
        for item in items
    ]


def _name_line(chat: Chat | None) -> str:
    return str(chat.line) if chat is not None and chat.line.deleted_at is None else "A former line"


def _find_item(request: PageRequest, item_id: str) -> OutboxItem:
    item = get_outbox_item(organization=request.organization, item=item_id)
    if item is None:
        raise Http404
    return item


@page(role="member", methods=("GET", "HEAD"))
def outbox_detail(request: PageRequest, item_id: str) -> HttpResponse:
    item = _find_item(request, item_id)
    (row,) = _make_rows([item])
    may_retry = item.status == "failed" and item.operation in ("send", "audio") and item.retried_by is None
    context = {
        "row": row,
        "item": item,
        "payload": show_payload(request, item.payload),
        "chat_link": f"/conversations/{public_id(CHAT, item.chat_id)}",
        "line_id": public_id(LINE, item.line_id),
        "trace": build_trace(message=None, item=item),
        "traced_id": item.public_id,
        "may_retry": may_retry and request.membership.is_admin,
        "retried_by": public_id(OUTBOX, item.retried_by) if item.retried_by else "",
    }
    return render(request, "dashboard/logs/outbox_item.html", context)


@page(role="member", methods=("GET", "HEAD"))
def outbox_row(request: PageRequest, item_id: str) -> HttpResponse:
    """A row of the list, which asks for itself again until it has come to an end."""
    return render(request, "dashboard/logs/_outbox_rows.html", {"rows": _make_rows([_find_item(request, item_id)])})


@page(role="admin", methods=("POST",))
def outbox_retry(request: PageRequest, item_id: str) -> HttpResponse:
    """Sends a failed message once more, as a new item under the person's name."""
    item = _find_item(request, item_id)
    sender = Sender(organization_id=request.organization.id, user_id=request.user.pk)
    try:
        again = retry_item(sender=sender, item=item)
    except AppError as error:
        flash.error(request, error.message)
        return redirect("log_outbox_item", item_id=item.public_id)
    record_change(
        organization=request.organization,
        actor=Actor.from_request(request),
        action="message.tried_again",
        target_id=again.public_id,
        before={"outbox_item": item.public_id, "error": item.error},
    )
    flash.success(request, "Sent again as a new outbox item")
    return redirect("log_outbox_item", item_id=again.public_id)


urlpatterns = [
    path("logs", index, name="logs"),
    path("logs/requests", requests, name="log_requests"),
    path("logs/requests/export", requests_export, name="log_requests_export"),
    path("logs/requests/<str:request_id>", request_detail, name="log_request"),
    path("logs/outbox", outbox, name="log_outbox"),
    path("logs/outbox/export", outbox_export, name="log_outbox_export"),
    path("logs/outbox/<str:item_id>", outbox_detail, name="log_outbox_item"),
    path("logs/outbox/<str:item_id>/row", outbox_row, name="log_outbox_row"),
    path("logs/outbox/<str:item_id>/retry", outbox_retry, name="log_outbox_retry"),
]
