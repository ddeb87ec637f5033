"""What one can do in a conversation: trace, send, try again, export."""

from django.contrib import messages as flash
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.text import Truncator
from django_htmx.http import trigger_client_event

from accounts.features import has_feature
from accounts.services.audit import Actor, record_change
from core.errors import AppError
from core.ids import MESSAGE, OUTBOX, parse_id
from dashboard.access import PageRequest, page, refuse
from dashboard.conversation_export import FORMATS, stream_export
from dashboard.trace import build_trace, trace_as_json
from messaging.addressing import Sender
from messaging.models import Chat, File, Message, OutboxItem
from messaging.services.files import discard_file, store_file
from messaging.services.resend import retry_item
from messaging.services.send import QueuedItem, queue_message, queue_reaction
from messaging.viewer.bubbles import EMOJI

SWITCHED_OFF = "Sending from the dashboard is switched off for this organization."


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
    context = {"trace": found, "traced_id": traced_id, "tapbacks": EMOJI}
    if message is not None and message.unsent_at is None and may_send(request):
        context |= {"can_act": True, "chat": message.chat}
    return render(request, f"dashboard/conversations/{template}", context)


def may_send(request: PageRequest) -> bool:
    return request.membership.is_admin and has_feature(request.organization, "dashboard_send")


def describe_reply(request: PageRequest, chat: Chat) -> dict[str, str]:
    """What the composer says of the message that ``?reply=`` asks to answer."""
    key = parse_id(MESSAGE, request.GET.get("reply", "") or request.POST.get("reply_to", ""))
    message = Message.objects.filter(pk=key, chat=chat).first() if key else None
    if message is None:
        return {}
    return {"reply_to": message.public_id, "reply_text": Truncator(message.text or "an attachment").chars(60)}


@page(role="admin", methods=("POST",))
def send(request: PageRequest, chat_id: str) -> HttpResponse:
    """Sends as the named person, by the API's service and rules."""
    chat = _find_chat(request, chat_id)
    if not may_send(request):
        return refuse(request, SWITCHED_OFF)
    text, upload = request.POST.get("text", ""), request.FILES.get("file")
    file: File | None = None
    try:
        if upload is not None:
            file = store_file(
                organization_id=request.organization.id,
                chunks=upload.chunks(),
                filename=upload.name,
                mime_type=upload.content_type,
            )
        item = queue_message(
            sender=_sender(request),
            line=chat.line.public_id,
            to=chat.public_id,
            text=text,
            attachments=[file.public_id] if file else None,
            reply_to=request.POST.get("reply_to") or None,
        )
    except AppError as error:
        if file is not None:
            discard_file(file=file)
        return _refuse_send(request, chat, text, error)
    _record(request, chat, "message.sent_from_dashboard", item)
    return HttpResponse(status=204) if request.htmx else redirect(f"/conversations/{chat.public_id}")


def _refuse_send(request: PageRequest, chat: Chat, text: str, error: AppError) -> HttpResponse:
    """The composer with what was written and what is wrong; without script on a page of its own."""
    context = {"chat": chat, "text": text, "error": error, **describe_reply(request, chat)}
    template = "_composer.html" if request.htmx else "composer.html"
    return render(request, f"dashboard/conversations/{template}", context, status=422)


@page(role="admin", methods=("POST",))
def react(request: PageRequest, chat_id: str) -> HttpResponse:
    """A tapback as the named person, by the API's service and rules."""
    chat = _find_chat(request, chat_id)
    if not may_send(request):
        return refuse(request, SWITCHED_OFF)
    try:
        item = queue_reaction(
            sender=_sender(request),
            line=chat.line.public_id,
            to=chat.public_id,
            message_id=request.POST.get("message_id"),
            type=request.POST.get("type"),
        )
    except AppError as error:
        if request.htmx:
            return trigger_client_event(HttpResponse(status=422), "toast", {"text": error.message})
        flash.error(request, error.message)
        return redirect(f"/conversations/{chat.public_id}")
    _record(request, chat, "message.reacted_from_dashboard", item)
    if request.htmx:
        return trigger_client_event(HttpResponse(status=204), "toast", {"text": "Tapback on its way"})
    return redirect(f"/conversations/{chat.public_id}")


def _record(request: PageRequest, chat: Chat, action: str, item: QueuedItem) -> None:
    record_change(
        organization=request.organization,
        actor=Actor.from_request(request),
        action=action,
        target_id=item.public_id,
        target_label=str(chat),
    )


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
    path("conversations/<str:chat_id>/react", react, name="conversation_react"),
    path("conversations/<str:chat_id>/retry/<str:item_id>", try_again, name="conversation_retry"),
    path("conversations/<str:chat_id>/export", export, name="conversation_export"),
]
