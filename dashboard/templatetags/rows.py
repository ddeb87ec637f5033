"""Rows of the long lists, drawn in one step: a template walks a hundred nodes for each of fifty rows."""

from typing import Any

from django import template
from django.utils.safestring import SafeString

from core.handles import format_handle
from dashboard import formatting
from dashboard.addresses import make_address
from dashboard.keys import KeyRow
from dashboard.line_pages import LineRow
from dashboard.markup import fill
from dashboard.templatetags import ui
from dashboard.webhooks.deliveries import ShownDelivery
from dashboard.webhooks.endpoints import EndpointRow
from lines.models import Line
from lines.services.limits import Meter

register = template.Library()
NOTHING = SafeString("")
SERVICES = {"sms": "SMS", "auto": "iMessage or SMS"}


# --- lines -----------------------------------------------------------------------------------------------------------
@register.simple_tag
def line_row(row: LineRow) -> SafeString:
    """A line of the table of lines."""
    line = row.line
    key, number = line.public_id, format_handle(line.handle) if line.handle else formatting.MISSING
    return fill(
        '<tr id="{}"><td class="hd m-lname"><a class="lead-l cut d-b" href="{}">{}</a></td>'
        '<td class="sb mono nw">{}</td><td class="tl m-lstate">{}{}</td><td class="x p3 nw">{}{}{}</td>'
        '<td class="x p3 t2 s12 m-can">{}</td>'
        '<td class="x p2">{}</td><td class="sb3">{}{}</td></tr>\n',
        key,
        make_address("line", key),
        line.label or number,
        number,
        ui.status("line", row.state),
        _draw_reasons(row.reasons),
        _name_service(line),
        fill(" {}", ui.tag("Strict")) if line.is_strict else "",
        fill(" {}", ui.tag("Warming up")) if row.is_warming else "",
        _draw_capabilities(row.capabilities),
        ui.EMPTY if line.is_sandbox else _draw_volume(row),
        fill('<span class="t3 s12 only-sm d-b">{}</span>', ". ".join(row.reasons)) if row.reasons else "",
        _draw_worst(row.worst) if row.worst else ui.EMPTY,
    )


def _draw_reasons(reasons: list[str]) -> SafeString:
    return SafeString("".join(fill('<span class="t3 s12 d-b hide-sm">{}</span>', reason) for reason in reasons))


def _name_service(line: Line) -> str:
    return "Shared sandbox" if line.is_sandbox else SERVICES.get(line.service, "iMessage")


def _draw_capabilities(words: list[str]) -> SafeString:
    text = ", ".join(words)
    return fill('<span title="{}">Everything</span>', text) if len(words) > 5 else fill("{}", text)


def _draw_volume(row: LineRow) -> SafeString:
    trend = ui.sparkline(row.volume, "Messages per hour today") if row.total else ""
    form = '<span class="row-x"><span class="num m-linenum">{}</span><span class="m-linespark">{}</span></span>'
    return fill(form, ui.number(row.total), trend)


def _draw_worst(meter: Meter) -> SafeString:
    return fill(
        '<span class="m-linemeter"><span class="s12 d-b nw{}">{} <span class="num">{}%</span></span>{}</span>',
        " m-bad-t" if meter.state == "alarm" else "",
        meter.label,
        int(meter.percent + 0.5),
        ui.meter(meter.used, meter.limit, f"{meter.label}, of its limit", meter.projected),
    )


# --- keys ------------------------------------------------------------------------------------------------------------
@register.simple_tag
def key_row(row: KeyRow, can_manage: bool) -> SafeString:
    """A line of the table of keys, with its menu."""
    key = row.key
    return fill(
        '<tr id="{}"{}><td class="hd"><a class="lead-l cut d-b" href="{}">{}</a></td><td class="sb2 mono nw">{}…</td>'
        '<td class="sb">{}</td><td class="x nw p2">{}</td><td class="x p2">{}</td><td class="tl">{}</td>'
        '<td class="x nw p3">{}</td><td class="x nw p3">{}</td>\n{}</tr>\n',
        key.public_id,
        SafeString(' class="m-faint"') if row.is_ended else "",
        make_address("api_key", key.public_id),
        key.name,
        key.prefix,
        ui.status("key", row.state, row.words),
        row.may,
        row.lines,
        _draw_use(key) if key.last_used_at else ui.EMPTY,
        ui.when(key.created_at, "date"),
        ui.when(key.expires_at, "date") if key.expires_at else "Never",
        fill('<td class="end x">{}</td>', NOTHING if row.is_ended else _draw_key_menu(key)) if can_manage else "",
    )


def _draw_use(key: Any) -> SafeString:
    return fill(
        '<span class="d-b nw">{}</span><span class="t3 s12 mono d-b hide-sm" title="{}">{}</span>',
        ui.ago(key.last_used_at),
        key.last_used_agent,
        ui.or_dash(key.last_used_address),
    )


def _draw_key_menu(key: Any) -> SafeString:
    place, label = f"m-{key.id.hex}", f"Actions for {key.name}"
    edit, roll, revoke = (
        make_address(name, key.public_id) for name in ("api_key_edit", "api_key_roll", "api_key_revoke")
    )
    return fill(
        '<button class="btn btn-bare btn-ico btn-sm" type="button" popovertarget="{0}" aria-label="{1}">{2}</button>'
        '<div class="m-menu" id="{0}" popover role="group" aria-label="{1}"><a href="{3}">{4}Change</a>'
        '<a href="{5}" hx-get="{5}" hx-target="#dialog">{6}Roll</a>'
        '<a href="{7}" hx-get="{7}" hx-target="#dialog">{8}Revoke</a></div>',
        place,
        label,
        ui.icon("dots"),
        edit,
        ui.icon("edit"),
        roll,
        ui.icon("reload"),
        revoke,
        ui.icon("ban"),
    )


# --- webhooks --------------------------------------------------------------------------------------------------------
@register.simple_tag
def webhook_switch(row: EndpointRow, can_manage: bool, is_oob: bool = False) -> SafeString:
    """On or off; ``is_oob`` where an answer puts it in place of the one on the page."""
    key = row.endpoint.public_id
    act = SafeString(" disabled")
    if can_manage:
        form = ' hx-post="{}" hx-trigger="change" hx-swap="none" data-optimistic'
        act = fill(form, make_address("webhook_switch", key))
    return fill(
        '<span class="m-swbox" id="sw-{0}"{1}><input class="m-sw" type="checkbox" role="switch" id="swi-{0}" '
        'name="is_active"{2} aria-label="Send to {3}{4}"{5}></span>\n',
        key,
        SafeString(' hx-swap-oob="true"') if is_oob else "",
        " checked" if row.endpoint.is_active else "",
        row.host,
        row.path,
        act,
    )


@register.simple_tag
def webhook_state(row: EndpointRow, is_oob: bool = False) -> SafeString:
    """The state in words; ``is_oob`` as of ``webhook_switch``."""
    place = SafeString(' hx-swap-oob="true"') if is_oob else ""
    shown = ui.status("endpoint", row.state, row.words)
    return fill('<span id="st-{}"{}>{}</span>\n', row.endpoint.public_id, place, shown)


@register.simple_tag
def webhook_result(row: EndpointRow) -> SafeString:
    """What the last attempt was answered, and when."""
    endpoint = row.endpoint
    if not endpoint.last_attempt_at:
        return SafeString('<span class="t3">Nothing sent yet</span>')
    answer = ui.tag(row.answer, "bad") if row.answer else NOTHING
    answer = ui.http_code(endpoint.last_status) if endpoint.last_status else answer
    form = '<span class="row-x nw">{}<span class="t3 s12">{}</span></span>'
    return fill(form, answer, ui.ago(endpoint.last_attempt_at))


@register.simple_tag
def answer(one: ShownDelivery) -> SafeString:
    """What the receiver answered: its status, or why there is none."""
    if one.delivery.last_status:
        return ui.http_code(one.delivery.last_status)
    return ui.tag(one.answer, "bad") if one.answer else ui.EMPTY


@register.simple_tag
def delivery_row(one: ShownDelivery) -> SafeString:
    """A line of the table of deliveries."""
    delivery, key = one.delivery, one.delivery.public_id
    took = delivery.last_duration_ms
    return fill(
        '<tr id="{0}" data-mark="{1}"><td class="hd">{2}</td>\n'
        '<td class="sb"><a class="lead-l mono cut" href="/webhooks/deliveries/{0}">{3}</a>{4}</td>\n'
        '<td class="x p3 m-idc">{5}</td>\n<td class="x"><span class="cut d-b m-epc"><span class="ink">{6}</span>'
        '<span class="t3 p2">{7}</span></span></td>\n<td class="sb2">{8}\n</td>\n'
        '<td class="x num nw">{9} of {10} <span class="t3 s12 nw p3">{11}</span></td>\n'
        '<td class="x end num nw p2">{12}</td>\n<td class="tl end t3 nw">{13}</td></tr>\n',
        key,
        one.mark,
        ui.status("delivery", delivery.state),
        delivery.event_type,
        fill(" {}", ui.tag("Test")) if delivery.trigger == "test" else "",
        ui.id_(key),
        one.host,
        one.path,
        answer(one),
        delivery.attempts,
        one.most,
        fill("next in {}", ui.countdown(one.next_at)) if one.next_at else one.note,
        formatting.format_milliseconds(took) if took is not None else "",
        ui.when(one.at),
    )
