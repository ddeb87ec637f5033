"""What one can do in a conversation: trace, send, try again, export."""

from django.contrib import messages as flash
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from accounts.features import has_feature
from accounts.services.audit import Actor, record_change
from core.errors import AppError
from core.ids import MESSAGE, OUTBOX, parse_id
from dashboard.access import PageRequest, page, refuse
from dashboard.conversation_export import FORMATS, stream_export
from dashboard.trace import build_trace, trace_as_json
from messaging.addressing import Sender
from messaging.models import Chat, Message, OutboxItem
from messaging.services.resend import retry_item
from messaging.services.send import queue_message


def _find_chat(request: PageRequest, chat_id: str) -> Chat:
    from dashboard.views.conversations import find_chat

    return find_chat(request, chat_id)


def _sender(request: PageRequest) -> Sender:
    return Sender(organization_id=request.organization.id, user_id=request.user.pk)


def _find_traced(request: PageRequest, traced_id: str) -> tuple[Message | None, OutboxItem | None]:
    key = parse_id(MESSAGE, traced_id)
    if key is not None:
        rows = Message.objects.select_related("chat__line")
        message = rows.filter(pk=key, organization_id=request.organization.id).first()
        if message is not None:
            return message, None
    key = parse_id(OUTBOX, traced_id)
    item = OutboxItem.objects.filter(pk=key, organization_id=request.organization.id).first() if key else None
    if item is None:
        raise Http404
    return None, item


@page(role="member", methods=("GET", "HEAD"))
def trace(request: PageRequest, traced_id: str) -> HttpResponse:
    """The trace of a message or outbox item: a drawer's content for htmx, a page without, JSON if asked for."""
    message, item = _find_traced(request, traced_id)
    found = build_trace(message=message, item=item)
    if request.GET.get("format") == "json":
        return JsonResponse(trace_as_json(found), json_dumps_params={"indent": 2})
    template = "_trace.html" if request.htmx else "trace.html"
    return render(request, f"dashboard/conversations/{template}", {"trace": found, "traced_id": traced_id})


@page(role="admin", methods=("POST",))
def send(request: PageRequest, chat_id: str) -> HttpResponse:
    """Sends as the named person, by the API's service and rules."""
    chat = _find_chat(request, chat_id)
    if not has_feature(request.organization, "dashboard_send"):
        return refuse(request, "Sending from the dashboard is switched off for this organization.")
    text = request.POST.get("text", "")
    try:
        item = queue_message(
            sender=_sender(request),
            line=chat.line.public_id,
            to=chat.public_id,
            text=text,
            reply_to=request.POST.get("reply_to") or None,
        )
    except AppError as error:
        context = {"chat": chat, "text": text, "error": error, "membership": request.membership}
        if request.htmx:
            return render(request, "dashboard/conversations/_composer.html", context, status=422)
        flash.error(request, error.message)
        return redirect(f"/conversations/{chat.public_id}")
    record_change(
        organization=request.organization,
        actor=Actor.from_request(request),
        action="message.sent_from_dashboard",
        target_id=item.public_id,
        target_label=str(chat),
    )
    if request.htmx:
        return render(
            request, "dashboard/conversations/_composer.html", {"chat": chat, "membership": request.membership}
        )
    return redirect(f"/conversations/{chat.public_id}")


@page(role="admin", methods=("POST",))
def try_again(request: PageRequest, chat_id: str, item_id: str) -> HttpResponse:
    """Sends a failed item once more, as a new one: a person decided that."""
    chat = _find_chat(request, chat_id)
    key = parse_id(OUTBOX, item_id)
    item = OutboxItem.objects.filter(pk=key, chat_id=chat.id, status="failed").first() if key else None
    if item is None:
        raise Http404
    try:
        again = retry_item(sender=_sender(request), item=item)
    except AppError as error:
        flash.error(request, error.message)
    else:
        record_change(
            organization=request.organization,
            actor=Actor.from_request(request),
            action="message.tried_again",
            target_id=again.public_id,
            target_label=str(chat),
            before={"outbox_item": item.public_id, "error": item.error},
        )
    return redirect(f"/conversations/{chat.public_id}")


@page(role="admin", methods=("POST",))
def export(request: PageRequest, chat_id: str) -> HttpResponse | StreamingHttpResponse:
    """The whole conversation as a file; who took it is on record."""
    chat = _find_chat(request, chat_id)
    if not has_feature(request.organization, "conversation_export"):
        return refuse(request, "Exports are switched off for this organization.")
    format_ = request.POST.get("format", "json")
    if format_ not in FORMATS:
        return HttpResponse("The format is json or csv.", status=400, content_type="text/plain; charset=utf-8")
    record_change(
        organization=request.organization,
        actor=Actor.from_request(request),
        action="conversation.exported",
        target_id=chat.public_id,
        target_label=str(chat),
        after={"format": format_},
    )
    response = StreamingHttpResponse(stream_export(chat, format_), content_type=FORMATS[format_])
    response["Content-Disposition"] = f'attachment; filename="{chat.public_id}.{format_}"'
    return response


urlpatterns = [
    path("trace/<str:traced_id>", trace, name="trace"),
    path("conversations/<str:chat_id>/send", send, name="conversation_send"),
    path("conversations/<str:chat_id>/retry/<str:item_id>", try_again, name="conversation_retry"),
    path("conversations/<str:chat_id>/export", export, name="conversation_export"),
]
