"""Bubbles of the viewer and rows of its list, drawn in one step each (see ``rows.py``)."""

from typing import Any
from uuid import UUID

from django import template
from django.middleware.csrf import get_token
from django.template.context import Context
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from core.handles import format_handle
from core.ids import OUTBOX, public_id
from dashboard import bubble_parts as parts
from dashboard import formatting
from dashboard.addresses import make_address
from dashboard.markup import fill, join
from dashboard.templatetags import ui
from messaging.models import Attachment, Chat, File, Message
from messaging.viewer.bubbles import Bubble, Tapback
from messaging.viewer.states import State

register = template.Library()
NOTHING = SafeString("")
HIDDEN = SafeString('<span class="m-hid" aria-label="Text hidden"></span>')
QUOTE_LENGTH = 60


# --- the list --------------------------------------------------------------------------------------------------------
@register.simple_tag(takes_context=True)
def chat_row(context: Context, chat: Chat) -> SafeString:
    """A conversation in the list, with what a search has found in it. Reads the context of the list."""
    key, params = chat.public_id, context.get("list_params")
    found = context.get("page")
    hit = found.hits.get(chat.pk) if found else None
    if hit is not None:
        params = f"message={hit.public_id}&{params}"
    return fill(
        '<a class="m-chat{}" id="row-{}" href="{}{}"{}><span class="m-ava s36" aria-hidden="true">{}</span>'
        '<span class="row-c"><span class="row-x"><span class="nm cut">{}</span>'
        '<span class="push t3 s12 num nw">{}</span></span>'
        '<span class="row-x"><span class="pv cut">{}</span>{}</span></span></a>\n',
        " unread" if chat.unread else "",
        key,
        make_address("conversation", key),
        f"?{params}" if params else "",
        SafeString(' aria-current="true"') if context.get("current") == key else NOTHING,
        draw_face(chat),
        format_handle(chat.name or chat.identifier),
        ui.when(hit.sent_at if hit else chat.last_message_at, "brief"),
        HIDDEN if context.get("list_masked") else _preview(chat, hit, context),
        _draw_mark(chat),
    )


def _preview(chat: Chat, hit: Message | None, context: Context) -> str:
    if hit is None:
        text, answered_at = chat.last_text or "Attachment", chat.last_outbound_at
        is_ours = answered_at and (chat.last_inbound_at is None or answered_at > chat.last_inbound_at)
        return f"You: {text}" if is_ours else text
    return parts.snippet(hit.text or "", str(context.get("query", "")))


@register.simple_tag(name="face")
def draw_face(chat: Chat) -> SafeString:
    """What stands for a person or a group."""
    return ui.icon("users") if chat.is_group else SafeString(fill("{}", parts.initials(chat)))


def _draw_mark(chat: Chat) -> SafeString:
    if chat.failed:
        return fill('<span class="push">{}</span>', ui.status("bad", "", "Not sent"))
    return SafeString('<span class="ub push"><span class="vh">Unread</span></span>' if chat.unread else "")


# --- the viewer ------------------------------------------------------------------------------------------------------
@register.simple_tag(takes_context=True)
def bubble(context: Context, one: Bubble) -> SafeString:
    """A bubble with its day, quote, attachments, tapbacks and state. Reads ``chat``, ``masked``, ``membership``."""
    day = NOTHING
    if one.is_first_of_day:
        form = '<div class="m-day" id="day-{}"><b>{}</b> {}</div>\n'
        day = fill(form, one.key, ui.when(one.sent_at, "day"), ui.when(one.sent_at, "clock"))
    chat, is_masked = context["chat"], bool(context.get("masked"))
    if one.message and one.message.unsent_at:
        return day + _draw_unsent(one, one.message, chat)
    return day + fill(
        '<div class="m-msg{}" id="{}" data-at="{}"{}>{}{}{}{}{}{}</div>\n',
        _name_classes(one),
        one.key,
        one.sent_at.isoformat(),
        _draw_former_key(one.message.outbox_id) if one.message and one.message.outbox_id else "",
        _draw_sender(one) if chat.is_group and not one.is_from_me and one.is_first else "",
        _draw_quote(one, is_masked) if one.has_quote else "",
        _draw_attachments(one, is_masked),
        _draw_text(one, is_masked) if one.text or not one.attachments else "",
        _draw_meta(context, one, is_masked),
        _draw_trace(one),
    )


def _draw_former_key(outbox_id: UUID) -> SafeString:
    """The page that showed it as an outbox item goes on with that bubble, so that focus stays in it."""
    return fill(' data-was="{}"', public_id(OUTBOX, outbox_id))


def _draw_trace(one: Bubble) -> SafeString:
    form = (
        '<a class="m-tr-open" href="{0}" hx-get="{0}" hx-target="#trace" hx-swap="innerHTML" data-trace '
        'aria-label="Trace of this message">{1}</a>'
    )
    return fill(form, make_address("trace", one.key), ui.icon("shuffle"))


def _draw_unsent(one: Bubble, message: Message, chat: Chat) -> SafeString:
    return fill(
        '<div class="m-msg{}{}" id="{}"><div class="m-gone">{} unsent a message, {}</div>{}</div>\n',
        " me" if one.is_from_me else "",
        " gap" if one.is_first else "",
        one.key,
        "You" if one.is_from_me else _name_sender(one, chat),
        ui.when(message.unsent_at, "brief"),
        _draw_trace(one),
    )


def _name_sender(one: Bubble, chat: Chat) -> str:
    return chat.name if chat.name and not chat.is_group else ui.handle(one.sender)


def _name_classes(one: Bubble) -> str:
    kind = " fail" if one.is_failed else " held" if one.state is not None and one.state.kind == "held" else ""
    service = parts.bubble_class(one.message.service) if one.message else ""
    words = {" me": one.is_from_me, " tail": one.is_last, " gap": one.is_first, " has-tap": one.tapbacks}
    return "".join([word for word, is_on in words.items() if is_on]) + kind + (f" {service}" if service else "")


def _draw_sender(one: Bubble) -> SafeString:
    return fill('<span class="m-who t3 s12">{}</span>', ui.handle(one.sender))


def _draw_quote(one: Bubble, is_masked: bool) -> SafeString:
    if one.quote is None:
        form = '<span class="m-quote">{}<span class="cut">A message that is not here</span></span>'
        return fill(form, ui.icon("reply"))
    key, text = one.quote.public_id, Truncator(one.quote.text or "Attachment").chars(QUOTE_LENGTH)
    return fill(
        '<a class="m-quote" href="{}" data-jump-to="{}">{}<span class="cut">{}</span></a>',
        make_address("message_link", key),
        key,
        ui.icon("reply"),
        HIDDEN if is_masked else text,
    )


def _draw_text(one: Bubble, is_masked: bool) -> SafeString:
    text = _draw_words(one, is_masked)
    return fill('<div class="m-bub">{}{}</div>', text, _draw_tapbacks(one))


def _draw_words(one: Bubble, is_masked: bool) -> SafeString:
    if is_masked:
        return fill('<span class="m-hid" aria-label="Text hidden">{}</span>', parts.mask(one.text))
    if one.text:
        return parts.links(one.text)
    if one.item:
        return fill("{} {}", ui.icon("file"), "Voice memo" if one.item.operation == "audio" else "File")
    return SafeString('<span class="t3">Empty message</span>')


def _draw_tapbacks(one: Bubble) -> SafeString:
    """One after the other at the corner of a bubble."""
    if not one.tapbacks:
        return NOTHING
    return fill('<span class="m-taps">{}</span>', join(_draw_tapback(tap) for tap in one.tapbacks))


def _draw_tapback(tap: Tapback) -> SafeString:
    who = "The line" if tap.is_from_me else ui.handle(tap.sender)
    return fill('<span class="m-tap" role="img" aria-label="{} {} this">{}</span>', who, tap.word, tap.emoji)


# --- states under a bubble -------------------------------------------------------------------------------------------
def _draw_meta(context: Context, one: Bubble, is_masked: bool) -> SafeString:
    edited = one.message if one.message and one.message.edited_at else None
    if not (one.shows_state or edited):
        return NOTHING
    history = _draw_history(edited, is_masked) if edited else ""
    state = _draw_state(context, one, one.state) if one.shows_state and one.state else ""
    return fill('<div class="m-meta{}">{}{}</div>', " bad" if one.is_failed else "", history, state)


def _draw_history(message: Message, is_masked: bool) -> SafeString:
    texts = [SafeString('<span class="m-hid"></span>') if is_masked else v["text"] for v in message.history]
    versions = join(fill('<p class="s12 t2">{}</p>', text) for text in texts)
    return fill('<details class="m-hist"><summary>Edited</summary>{}</details> ', versions)


def _draw_state(context: Context, one: Bubble, state: State) -> SafeString:
    if one.is_failed:
        form, address = ' <a href="{}#{}"><code>{}</code></a>', make_address("docs_page", "outbox")
        code = fill(form, address, state.code, state.code) if state.code else ""
        return fill("<span>Not sent: {}</span>{}{}", state.reason, code, _draw_retry(context, one))
    if state.kind == "held":
        return fill("<span>Held until {}: {}</span>", ui.when(state.at, "brief"), state.reason)
    at = fill(" {}", ui.when(state.at, "brief")) if state.at else ""
    return fill("<span>{}{}{}</span>", state.word, at, f": {state.reason}" if state.reason else "")


def _draw_retry(context: Context, one: Bubble) -> SafeString:
    if one.item is None or not context["membership"].is_admin:
        return NOTHING
    return fill(
        '<form class="d-i" method="post" action="{}"><input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<button type="submit">Try again</button></form>',
        make_address("conversation_retry", context["chat"].public_id, one.item.public_id),
        get_token(context["request"]),
    )


# --- attachments -----------------------------------------------------------------------------------------------------
def _draw_attachments(one: Bubble, is_masked: bool) -> SafeString:
    """The files of a message; without a text the last of them carries the tapbacks."""
    drawn = join(_draw_attachment(a, one, is_masked) for a in one.attachments)
    if one.text or not one.tapbacks:
        return drawn
    return fill('<div class="m-tapped">{}{}</div>', drawn, _draw_tapbacks(one))


def _draw_attachment(attachment: Attachment, one: Bubble, is_masked: bool) -> SafeString:
    if is_masked:
        return SafeString('<div class="m-bub"><span class="m-hid" aria-label="Attachment hidden"></span></div>')
    name, file = attachment.filename, attachment.file
    if attachment.state == "pending":
        form = '<div class="m-bub m-file t3">{} {} is still loading on the Mac</div>'
        return fill(form, ui.icon("download"), name or "File")
    if attachment.state == "failed":
        form = '<div class="m-bub m-file t3">{} {} could not be loaded from the Mac</div>'
        return fill(form, ui.icon("alert"), name or "File")
    if one.message and one.message.is_audio_message:
        return _draw_voice(attachment)
    kind, link = attachment.mime_type or "", parts.file_url(file)
    size = formatting.format_bytes(attachment.size)
    if file and kind.startswith("image/"):
        form = (
            '<a class="m-img" href="{0}" target="_blank" rel="noopener"><img src="{0}" alt="{1}" width="220" '
            'height="220" loading="lazy"></a>'
        )
        return fill(form, link, name or "Image")
    if file and kind.startswith("video/"):
        form = '<video class="m-img" controls preload="none" src="{}" width="220" height="220" aria-label="{}"></video>'
        return fill(form, link, name or "Video")
    if file and kind == "text/vcard":
        return _draw_card(file, link, size)
    target = fill(' href="{}" download', link) if file else ""
    form = '<a class="m-bub m-file"{}>{} {} <span class="t3 s12">{}</span></a>'
    return fill(form, target, ui.icon("file"), name or "File", size)


def _draw_card(file: File, link: str, size: str) -> SafeString:
    card = parts.read_card(file)
    form = (
        '<a class="m-bub m-card-c" href="{}" download>{} <span><b>{}</b>{}<br><span class="t3 s12">Contact card, {}'
        "</span></span></a>"
    )
    rows = join(fill('<br><span class="s13">{}</span>', row) for row in card.rows)
    return fill(form, link, ui.icon("contact"), card.name, rows, size)


def _draw_voice(attachment: Attachment) -> SafeString:
    file: Any = attachment.file  # what is still missing shows as –
    seconds = file.duration_seconds if file else None
    text = fill('<p class="m-tr">{}</p>', attachment.transcription) if attachment.transcription else ""
    return fill(
        '<div class="m-bub"><div class="m-voice" data-voice="{}"><button class="pl" type="button" '
        'aria-label="Play voice memo, {}">{}</button>{}<span class="num s12">{}</span></div>{}</div>',
        parts.file_url(file, "m4a"),
        formatting.format_seconds(seconds),
        ui.icon("play"),
        parts.wave(file.peaks if file else ()),
        parts.clock(seconds),
        text,
    )
