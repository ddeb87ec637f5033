"""The first page: how to start, and once that is done, how it goes."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.timezone import get_current_timezone_name

from accounts.services.audit import Actor
from core.clock import now
from dashboard.access import PageRequest, page
from dashboard.attention import list_causes
from dashboard.first_steps import Progress, get_progress, list_first_steps, make_samples
from dashboard.line_pages import get_line_state
from dashboard.overview_numbers import link_to_sent, make_delivery_chart, make_tiles, make_traffic_chart
from dashboard.periods import NAMES, make_period
from dashboard.sandbox_card import make_sandbox_card
from lines.models import Line
from lines.selectors import get_oldest_line
from lines.services.limits import Meter
from lines.services.sandbox import open_sandbox
from messaging.pressing_lines import list_pressing_lines
from messaging.traffic import list_traffic
from webhooks_app.span_health import list_hours

LINES_SHOWN = 4
NAMED_REASONS = ("deregistered", "mute", "deaf")
URGENCY = {"down": 0, "deregistered": 0, "ok": 2, "healthy": 2, "paused": 2}  # all others 1


@page(role="member", methods=("GET", "HEAD"))
def overview(request: PageRequest) -> HttpResponse:
    progress = get_progress(request.organization)
    if not progress.is_under_way or request.GET.get("view") == "start":
        return render(request, "dashboard/overview/new.html", _start_context(request, progress))
    return render(request, "dashboard/overview/active.html", _active_context(request, progress))


@page(role="member", methods=("GET", "HEAD"))
def first_steps(request: PageRequest) -> HttpResponse:
    """The check list alone, which asks for itself again when something happens."""
    progress = get_progress(request.organization)
    return render(request, "dashboard/overview/_steps.html", _steps_context(progress))


def _steps_context(progress: Progress) -> dict[str, Any]:
    steps = list_first_steps(progress)
    return {"steps": steps, "done": sum(step.state == "done" for step in steps), "progress": progress}


def _start_context(request: PageRequest, progress: Progress) -> dict[str, Any]:
    if not progress.is_paired and not progress.has_line:
        open_sandbox(organization=request.organization, actor=Actor.from_request(request))
    card = make_sandbox_card(organization=request.organization, can_manage=request.membership.is_admin)
    own = get_oldest_line(organization=request.organization)
    is_sandbox_first = card["sandbox"].status != "missing" or own is None
    return {
        **card,
        **_steps_context(progress),
        "samples": make_samples(card["sandbox"], None if is_sandbox_first else own),
        "has_sandbox_line": is_sandbox_first,
        "first_name": (request.user.name.split() or [request.user.email.partition("@")[0]])[0],
    }


def _active_context(request: PageRequest, progress: Progress) -> dict[str, Any]:
    """Four queries, whatever the traffic and the number of lines."""
    organization, moment = request.organization, now()
    period = make_period(request.GET.get("period", "today"), zone=get_current_timezone_name(), at=moment)
    pressing = list_pressing_lines(organization=organization, at=moment)
    span = {"start": period.before_start, "end": period.end}
    traffic = list_traffic(organization_id=organization.id, **span, step=period.step)
    health = list_hours(organization_id=organization.id, **span, step=period.step)
    since = moment - min(max(moment - period.start, timedelta(hours=24)), timedelta(days=7))
    return {
        "period": period,
        "periods": list(NAMES.items()),
        "today": moment.astimezone(period.zone),
        "tiles": make_tiles(period, traffic, health),
        "deliveries": make_delivery_chart(period, health),
        "traffic": make_traffic_chart(period, traffic),
        "has_traffic": any(hour.inbound or hour.outbound for hour in traffic if hour.hour >= period.chart_start),
        "sent_href": link_to_sent(period.chart_start, period.end),
        "lines": _rank_lines(pressing.lines, pressing.meters)[:LINES_SHOWN],
        "more_lines": max(0, pressing.total - LINES_SHOWN),
        "causes": list_causes(organization_id=organization.id, since=since),
        "progress": progress,
        **({} if progress.is_complete else _steps_context(progress)),
        **({} if progress.is_complete or progress.is_paired else _sandbox_context(request)),
    }


def _sandbox_context(request: PageRequest) -> dict[str, Any]:
    card = make_sandbox_card(organization=request.organization, can_manage=request.membership.is_admin)
    return {**card, "has_sandbox_card": True}


def _rank_lines(lines: list[Line], meters: dict[Any, Meter]) -> list[tuple[Line, str, Meter | None]]:
    """Lines that cannot send first, then others that need somebody, then those nearest a limit."""
    rows = [(line, _state_of(line), meters.get(line.id)) for line in lines]
    return sorted(rows, key=lambda row: (URGENCY.get(row[1], 1), -(row[2].percent if row[2] else 0)))


def _state_of(line: Line) -> str:
    """The reason, where it has a word of its own."""
    state = get_line_state(line)
    named = [reason for reason in line.health_reasons if reason in NAMED_REASONS]
    return named[0] if named and state not in ("ok", "paused") else state


urlpatterns = [
    path("", overview, name="overview"),
    path("overview/steps", first_steps, name="first_steps"),
]
