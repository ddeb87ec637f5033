"""Conversations: the list by line, the viewer, what it loads as it scrolls and lives."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.http import urlencode

from core.ids import CHAT, LINE, MESSAGE, parse_id
from dashboard.access import PageRequest, page
from dashboard.conversation_privacy import is_masked, list_openers, list_unmaskings, mark_opened, unmask, with_openers
from dashboard.filters import read_moment
from dashboard.shell_news import get_shell_news
from dashboard.views import conversation_actions
from dashboard.views.conversation_actions import describe_reply, may_send
from lines.models import Line
from messaging.models import Chat, Message
from messaging.viewer.bubbles import (
    BubblePage,
    list_bubbles,
    list_bubbles_around,
    list_latest,
    with_typing,
)
from messaging.viewer.chats import FILTERS, list_chat_page, list_sections

SHOWN = (("all", "All"), ("unread", "Unread"), ("failed", "Failed"), ("groups", "Groups"), ("audio", "Audio"))


def find_chat(request: PageRequest, chat_id: str) -> Chat:
    """The chat of the current organization behind a public id. Raises Http404."""
    return _find(chat_id, Chat.objects.filter(organization=request.organization))


def _find_viewed(request: PageRequest, chat_id: str) -> Chat:
    """The same with who is typing and who opened it."""
    rows = Chat.objects.filter(organization=request.organization)
    return _find(chat_id, with_openers(with_typing(rows), chat_id, request.organization))


def _find(chat_id: str, rows: QuerySet[Chat]) -> Chat:
    key = parse_id(CHAT, chat_id)
    rows = rows.select_related("line")
    chat = rows.filter(pk=key).first() if key else None
    if chat is None:
        raise Http404
    return chat


def find_message(request: PageRequest, message_id: str) -> Message:
    key = parse_id(MESSAGE, message_id)
    rows = Message.objects.filter(organization_id=request.organization.id).select_related("chat")
    message = rows.filter(pk=key).first() if key else None
    if message is None:
        raise Http404
    return message


def list_context(request: PageRequest) -> dict[str, Any]:
    """The left pane: sections by line, or one keyset page when a line is chosen or something is searched for."""
    show = request.GET.get("show", "all")
    query = request.GET.get("q", "")[:200]
    line_key = parse_id(LINE, request.GET.get("line", ""))
    lines = Line.objects.filter(Q(organization=request.organization) | Q(is_sandbox=True))
    line = lines.filter(pk=line_key).first() if line_key else None
    show = show if show in FILTERS else "all"
    before = request.GET.get("before") or None
    sees_text = request.membership.sees_text
    context: dict[str, Any] = {"show": show, "query": query, "line": line, "list_masked": not sees_text}
    since = read_moment(request.GET.get("since", ""))
    is_flat = request.GET.get("line") == "all" or since is not None  # newest first over all lines
    if line is None and not query and not before and not is_flat:
        found = list_sections(request.organization, show=show)
        context |= {"sections": found.sections, "has_more_lines": found.has_more}
    else:
        context["page"] = list_chat_page(
            request.organization,
            show=show,
            query=query,
            line=line,
            before=before,
            searches_text=sees_text,
            since=since,
        )
    place = line.public_id if line else "all" if is_flat else ""
    context |= {"list_place": place, "list_params": _params(show, query, place, since), "since": since}
    context["without_since"] = _params(show, query, line.public_id if line else "")
    marks = get_shell_news(request.organization)
    context["show_links"] = [
        (name, word, _params(name, query, place, since), getattr(marks, name, 0)) for name, word in SHOWN
    ]
    return context


def _params(show: str, query: str, place: str, since: datetime | None = None) -> str:
    moment = f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if since else ""
    kept = (("show", show if show != "all" else ""), ("q", query), ("line", place), ("since", moment))
    return urlencode({name: value for name, value in kept if value})


def viewer_context(request: PageRequest, chat: Chat, page_: BubblePage) -> dict[str, Any]:
    return {
        "chat": chat,
        "bubbles": page_.bubbles,
        "older": page_.older,
        "newer": page_.newer,
        "masked": is_masked(request, chat),
        "typing": vars(chat)["typing_now"],
        "membership": request.membership,
        "can_send": may_send(request),
    }


@page(role="member", methods=("GET", "HEAD"))
def conversation_list(request: PageRequest) -> HttpResponse:
    return render(request, "dashboard/conversations/page.html", list_context(request))


@page(role="member", methods=("GET", "HEAD"))
def conversation_rows(request: PageRequest) -> HttpResponse:
    """The left pane alone: live refresh, search, and older pages."""
    context = list_context(request)
    context["current"] = request.GET.get("current", "")
    template = "_more_rows.html" if request.GET.get("before") else "_rows.html"
    return render(request, f"dashboard/conversations/{template}", context)


@page(role="member", methods=("GET", "HEAD"))
def conversation(request: PageRequest, chat_id: str) -> HttpResponse:
    chat = _find_viewed(request, chat_id)
    wanted = request.GET.get("message", "")
    key = parse_id(MESSAGE, wanted)
    page_ = list_bubbles_around(chat, key) if key else None if wanted else _read_page(request, chat)
    if page_ is None:
        raise Http404
    context = list_context(request) | viewer_context(request, chat, page_)
    context |= {"current": chat.public_id, "target": wanted}
    context |= {"openers": list_openers(chat), "unmaskings": list_unmaskings(chat)}
    context |= describe_reply(request, chat) if context["can_send"] else {}
    return render(request, "dashboard/conversations/page.html", context)


def _read_page(request: PageRequest, chat: Chat) -> BubblePage:
    return list_bubbles(chat, before=request.GET.get("before") or None, after=request.GET.get("after") or None)


@page(role="member", methods=("GET", "HEAD"))
def older_messages(request: PageRequest, chat_id: str) -> HttpResponse:
    chat = _find_viewed(request, chat_id)
    context = viewer_context(request, chat, _read_page(request, chat))
    return render(request, "dashboard/conversations/_older.html", context)


@page(role="member", methods=("GET", "HEAD"))
def newer_messages(request: PageRequest, chat_id: str) -> HttpResponse:
    chat = _find_viewed(request, chat_id)
    context = viewer_context(request, chat, _read_page(request, chat))
    return render(request, "dashboard/conversations/_newer.html", context)


@page(role="member", methods=("GET", "HEAD"))
def latest_messages(request: PageRequest, chat_id: str) -> HttpResponse:
    """What a live viewer refreshes; ``X-Gap`` says that it has missed too much to be brought up to date."""
    chat = _find_viewed(request, chat_id)
    start = parse_id(MESSAGE, request.GET.get("start", ""))
    page_ = list_latest(chat, start=start)
    response = render(request, "dashboard/conversations/_latest.html", viewer_context(request, chat, page_))
    if start and page_.older:
        response["X-Gap"] = "true"
    return response


@page(role="member", methods=("POST",))
def seen(request: PageRequest, chat_id: str) -> HttpResponse:
    """Somebody of ours has it open: no longer unread, and noted once a day."""
    mark_opened(request, find_chat(request, chat_id))
    return HttpResponse(status=204)


@page(role="member", methods=("POST",))
def show_text(request: PageRequest, chat_id: str) -> HttpResponse:
    chat = find_chat(request, chat_id)
    unmask(request, chat)
    return redirect(f"/conversations/{chat.public_id}")


@page(role="member", methods=("GET", "HEAD"))
def message_link(request: PageRequest, message_id: str) -> HttpResponse:
    message = find_message(request, message_id)
    return redirect(f"/conversations/{message.chat.public_id}?message={message.public_id}#{message.public_id}")


urlpatterns = [
    path("conversations", conversation_list, name="conversations"),
    path("conversations/rows", conversation_rows, name="conversation_rows"),
    path("conversations/<str:chat_id>", conversation, name="conversation"),
    path("conversations/<str:chat_id>/older", older_messages, name="conversation_older"),
    path("conversations/<str:chat_id>/newer", newer_messages, name="conversation_newer"),
    path("conversations/<str:chat_id>/latest", latest_messages, name="conversation_latest"),
    path("conversations/<str:chat_id>/seen", seen, name="conversation_seen"),
    path("conversations/<str:chat_id>/show-text", show_text, name="conversation_show_text"),
    path("messages/<str:message_id>", message_link, name="message_link"),
    *conversation_actions.urlpatterns,
]
