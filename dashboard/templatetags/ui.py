"""Template tags of the design system; a builtin, so no page loads it. How to use them: docs/dashboard-pages.md."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BoundField
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from accounts.agents import name_agent
from core.handles import format_handle
from dashboard import formatting
from dashboard.addresses import compile_address
from dashboard.code_colors import color_code
from dashboard.host_names import find_address, make_local_url
from dashboard.markup import fill
from dashboard.states import SHAPES, get_status
from dashboard.undo import get_undo

register = template.Library()
register.tag("url", compile_address)
EMPTY = mark_safe(f'<span class="t3">{formatting.MISSING}</span>')


# --- icons and ids ---------------------------------------------------------------------------------------------------
@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """``{% icon "copy" %}``: decoration only; the words beside it or an aria-label carry the meaning."""
    return _draw_icon(name, extra)


@lru_cache(maxsize=500)
def _draw_icon(name: str, extra: str) -> SafeString:
    """A page has a hundred of the same few."""
    return fill(
        '<svg class="i{}" aria-hidden="true"><use href="{}#{}"></use></svg>',
        f" {extra}" if extra else "",
        static("icons.svg"),
        name,
    )


@register.simple_tag
def copy_button(value: object, label: str = "Copy", hidden: bool = False) -> SafeString:
    """A button that copies ``value``; ``label`` is what a screen reader says."""
    return fill(
        '<button class="m-cp" type="button" data-copy="{}" aria-label="{}">{}</button>', value, label, icon("copy")
    )


@register.simple_tag(name="id")
def id_(value: object, href: str = "", text: str = "") -> SafeString:
    """``{% id delivery.public_id %}``: mono, shortened by the width only, with a copy button; ``href`` links it."""
    if not value:
        return EMPTY
    shown = text or str(value)
    inner = fill('<a href="{}">{}</a>', href, shown) if href else fill("<span>{}</span>", shown)
    return fill('<span class="m-id">{}{}</span>', inner, copy_button(value, f"Copy {shown}"))


@register.filter
def handle(value: str | None) -> str:
    """A phone number grouped for reading, an e-mail address as it is."""
    return format_handle(value) if value else formatting.MISSING


@register.simple_tag
def handle_id(value: str | None, href: str = "") -> SafeString:
    """As ``id``, grouped for reading and copied as E.164."""
    return id_(value, href, format_handle(value)) if value else EMPTY


# --- states ----------------------------------------------------------------------------------------------------------
@register.simple_tag
def status(kind: str, state: str, word: str = "") -> SafeString:
    """``{% status "delivery" d.state %}``, or a shape and a word: ``{% status "warn" "" "Mute for 12 min" %}``.

    ``kind`` is one of delivery, message, line, endpoint, key, replay, sandbox, request, or a bare shape.
    """
    shape, named = (kind, state) if kind in SHAPES else get_status(kind, state)
    return fill('<span class="m-st {}">{}</span>', shape, word or named)


@register.simple_tag
def tag(text: object, tone: str = "") -> SafeString:
    """A small label; tones ok, bad, warn, acc, mono. Not for states."""
    return fill('<span class="m-tag{}">{}</span>', f" {tone}" if tone else "", text)


@register.simple_tag
def http_code(code: int | None) -> SafeString:
    """Grey for 2xx, red otherwise, – if there was no answer."""
    if not code:
        return EMPTY
    return tag(code, "mono" if 200 <= code < 300 else "mono bad")


# --- times -----------------------------------------------------------------------------------------------------------
_STYLES: dict[str, Callable[[datetime], str]] = {
    "list": formatting.format_time,
    "detail": formatting.format_detail_time,
    "brief": formatting.format_brief_time,
    "clock": formatting.format_clock,
    "day": formatting.format_day,
    "date": formatting.format_date,
    "age": formatting.format_age,
}


@register.simple_tag
def when(moment: datetime | None, style: str = "list") -> SafeString:
    """``{% when x %}``; styles list, detail, brief, clock, day, date. The page rewrites it in the viewer's zone."""
    if moment is None:
        return EMPTY
    return fill(
        '<time class="num" datetime="{}" title="{}" data-when="{}">{}</time>',
        formatting.format_machine(moment),
        formatting.format_exact(moment),
        style,
        _STYLES[style](moment),
    )


@register.simple_tag
def ago(moment: datetime | None) -> SafeString:
    """``2 min ago``: only for liveness and last use."""
    return when(moment, "age")


@register.simple_tag
def countdown(moment: datetime | None) -> SafeString:
    """Time left until ``moment``, counted down on the page."""
    if moment is None:
        return EMPTY
    return fill(
        '<time class="num" datetime="{}" title="{}" data-left>{}</time>',
        formatting.format_machine(moment),
        formatting.format_exact(moment),
        formatting.format_left(moment),
    )


# --- numbers ---------------------------------------------------------------------------------------------------------
@register.filter
def number(value: float | None) -> str:
    """``4,218``; from 100,000 ``128k`` with the exact value as tooltip."""
    shown = formatting.format_number(value)
    if value is not None and abs(value) >= formatting.COMPACT_FROM:
        return fill('<span title="{}">{}</span>', f"{value:,}", shown)
    return shown


register.filter("agent", name_agent)
register.filter("percent", formatting.format_percent)
register.filter("milliseconds", formatting.format_milliseconds)
register.filter("seconds", formatting.format_seconds)
register.filter("filesize", formatting.format_bytes)


@register.filter
def or_dash(value: object) -> object:
    """A missing value as –; zero stays 0."""
    return EMPTY if value is None or value == "" else value


@register.simple_tag
def plural(count: int, one: str, many: str = "") -> str:
    """``{% plural 3 "delivery" "deliveries" %}`` -> ``3 deliveries``."""
    return f"{formatting.format_number(count)} {one if count == 1 else many or one + 's'}"


# --- code ------------------------------------------------------------------------------------------------------------
@register.simple_tag
def code(text: object, language: str = "", label: str = "") -> SafeString:
    """``{% code sample "python" "Example" %}``: coloured on the server (json, bash, python, typescript), with copy."""
    raw = str(text)
    name = label or {"json": "JSON", "bash": "command"}.get(language, "code")
    return fill(
        '<div class="m-code">{}<pre tabindex="0" role="group" aria-label="{}"><code>{}</code></pre></div>',
        copy_button(raw, f"Copy {name}"),
        name,
        color_code(raw, language),
    )


# --- small graphics --------------------------------------------------------------------------------------------------
@register.simple_tag
def meter(used: float, limit: float | None, label: str, forecast: float | None = None) -> SafeString:
    """A bar against a limit: amber from 80 %, red from 100 %; ``forecast`` continues it paler. No limit: dashed."""
    if not limit:
        return mark_safe('<div class="m-nolim"></div>')
    share = max(0.0, used / limit)
    tone = " bad" if share >= 1 else " warn" if share >= 0.8 else ""
    ahead = fill(
        '<rect class="fc" width="{}%" height="8" rx="4"></rect>', f"{min(1.0, (forecast or 0) / limit) * 100:.1f}"
    )
    return fill(
        '<svg class="m-meter{}" role="img" aria-label="{}"><rect class="tr" width="100%" height="8" rx="4"></rect>{}'
        '<rect class="fi" width="{}%" height="8" rx="4"></rect>'
        '<line class="tk" x1="80%" x2="80%" y1="0" y2="8"></line></svg>',
        tone,
        label,
        ahead if forecast and forecast > used else "",
        f"{min(1.0, share) * 100:.1f}",
    )


@register.simple_tag
def sparkline(values: Sequence[float], label: str, tone: str = "mute") -> SafeString:
    """A line without axes; ``label`` tells the finding. Tones mute, bad, or empty for blue."""
    count, top = len(values), max(values, default=0) or 1
    step, scale = 100 / max(1, count - 1), 28 / top
    line = SafeString(" ".join([f"{step * i:.1f},{31 - scale * value:.1f}" for i, value in enumerate(values)]))
    return fill(
        '<svg class="m-spark {}" viewBox="0 0 100 32" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<polygon class="ar" points="0,31 {} 100,31"></polygon><polyline class="ln" points="{}"></polyline></svg>',
        tone,
        label,
        line,
        line,
    )


# --- forms and empty places ------------------------------------------------------------------------------------------
_CONTROLS = {"checkbox": "m-cb", "select": "form-select", "selectmultiple": "form-select"}


@register.simple_tag(takes_context=True)
def control(context: template.Context, field: BoundField) -> SafeString:
    """The field's control with the classes of the design and its hint or error tied to it."""
    if field.widget_type in ("radioselect", "checkboxselectmultiple"):
        return field.as_widget()
    described = "error" if field.errors else "hint" if field.help_text else ""
    attributes: dict[str, Any] = {"class": _CONTROLS.get(field.widget_type, "form-control")}
    if context.get("large"):  # forms of the sign-in library: the label says what its placeholder repeats
        attributes["class"] += " form-control-lg2"
        attributes["placeholder"] = ""
    if described:
        attributes["aria-describedby"] = f"{field.auto_id}-{described}"
    if field.errors:
        attributes["aria-invalid"] = "true"
    if field.form.errors:  # the first wrong field has the focus, not the one that has it on an empty form
        field.field.widget.attrs.pop("autofocus", None)
        if field.name == next((name for name in field.form.fields if name in field.form.errors), ""):
            attributes["autofocus"] = True
    return field.as_widget(attrs=attributes)


register.filter("undo", get_undo)


@register.filter
def breakable(url: str) -> SafeString:
    """A URL that may wrap before its slashes and query, not anywhere."""
    scheme, sign, rest = str(url).rpartition("://")
    parts = re.split(r"(?=[/?&])", rest)
    return fill("{}{}", scheme + sign, format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in parts)))


@register.filter
def sentence(text: str) -> str:
    """ "Current Password" as the product writes it: sentence case, and E-mail with its hyphen."""
    first, *others = str(text).replace("Email", "E-mail").split(" ")
    return " ".join([first, *(word.lower() if word.istitle() else word for word in others)])


@register.filter
def lines(values: Sequence[str]) -> str:
    """One value a line."""
    return "\n".join(values)


@register.filter
def is_by_address(request: HttpRequest) -> bool:
    """Whether the page was opened by an IP address."""
    return find_address(request) is not None


@register.filter
def local_name(request: HttpRequest) -> str:
    """The page's address by the name ``localhost``, where that is the same server."""
    return make_local_url(request)


@register.inclusion_tag("parts/_empty.html")
def empty(
    title: str,
    text: str = "",
    action: str = "",
    href: str = "",
    action2: str = "",
    href2: str = "",
    drawing: bool = True,
) -> dict[str, Any]:
    """What will be here and how to get it; ``drawing=False`` for "no results" of a filter."""
    return locals()


# --- the shell -------------------------------------------------------------------------------------------------------
@register.simple_tag(takes_context=True)
def nav_link(context: template.Context, path: str, name: str, text: str, count_key: str = "") -> SafeString:
    """One item of the sidebar; counts come from ``nav_counts`` in the context."""
    here = context["request"].path
    is_current = here == path if path == "/" else (here + "/").startswith(path + "/")
    count = (context.get("nav_counts") or {}).get(count_key, 0)
    return _draw_nav_link(path, name, text, is_current, min(count, 100), count_key)


@lru_cache(maxsize=500)
def _draw_nav_link(path: str, name: str, text: str, is_current: bool, count: int, count_key: str) -> SafeString:
    """Every page has twenty of them; a count above 99 reads the same whatever it is."""
    context = {
        "path": path,
        "name": name,
        "text": text,
        "is_current": is_current,
        "count": count,
        "is_bad": count_key == "failing",
        "count_word": {"unread": "unread", "failing": "failing"}.get(count_key, ""),
    }
    return render_to_string("parts/_nav_link.html", context)


@register.simple_tag
def sign_sample() -> str:
    """What the picture beside the sign-in form shows: a webhook body."""
    return (
        '{\n  "event": "message.received",\n  "data": {\n    "line_handle": "+14155550142",\n'
        '    "sender": "+16285550144",\n    "text": "Can you move us to the 9 am ferry?",\n'
        '    "is_from_me": false\n  },\n  "timestamp": 1794501483912\n}'
    )
