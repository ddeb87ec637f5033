"""Lines: table, adding one, one line with its limits, its settings, and the sandbox card."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django_htmx.http import trigger_client_event

from accounts.services.audit import Actor
from core.clock import now
from core.errors import AppError
from core.pages import read_page
from dashboard.access import PageRequest, page
from dashboard.conversation_privacy import is_masked
from dashboard.filters import Choice, FilterBar, Search
from dashboard.forms.errors import show_error
from dashboard.forms.lines import LineRequestForm, NewLineForm
from dashboard.line_charts import (
    choose_chart,
    choose_span,
    first_hour,
    link_to_outbox,
    make_line_chart,
    make_new_contacts_chart,
)
from dashboard.line_health import make_health_strip
from dashboard.line_pages import (
    HEALTH_WORDS,
    describe_lines,
    describe_warmup,
    get_line_state,
    list_advice,
    list_capabilities,
    make_cards,
)
from dashboard.line_senders import describe_failures, describe_senders
from dashboard.sandbox_card import make_sandbox_card
from dashboard.views.line_parts import find_line, go_to, show_fragment
from dashboard.views.line_settings import urlpatterns as settings_patterns
from lines.health_history import list_health_changes
from lines.limit_math import MAX_UNANSWERED, day_ago, floor_day
from lines.models import Line, LineRequest
from lines.selectors import count_by_hour, search_lines
from lines.services.limits import get_worst_meters, list_hours, make_meters
from lines.services.provisioning import create_simulated_line
from lines.services.requests import close_request, list_requests, request_line
from lines.services.sandbox import open_sandbox, reset_sandbox
from messaging.line_insights import list_last_traffic, list_unanswered, read_line_outbox


@page(role="member", methods=("GET", "HEAD"))
def index(request: PageRequest) -> HttpResponse:
    bar = FilterBar(request, [Search("q", "Label or number"), Choice("health", "Health", HEALTH_WORDS)])
    at = now()
    found = read_page(
        search_lines(
            organization=request.organization,
            search=bar.text("q").replace("\x00", ""),
            states=bar.values("health"),
        ),
        order=("is_sandbox", "id"),
        before=request.GET.get("before"),
        after=request.GET.get("after"),
    )
    worst = get_worst_meters(lines=found.rows, at=at, organization=request.organization)
    volumes = count_by_hour(line_ids=[line.id for line in found.rows], day=floor_day(at))
    context = {
        "bar": bar,
        "page": found,
        "rows": describe_lines(found.rows, worst, volumes, at),
        "can_manage": request.membership.is_admin,
    }
    return render(request, "dashboard/lines/index.html", context)


@page(role="admin")
def new(request: PageRequest) -> HttpResponse:
    form = NewLineForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            line = create_simulated_line(
                organization=request.organization,
                handle=form.cleaned_data["handle"].strip() or None,
                label=form.cleaned_data["label"],
                actor=Actor.from_request(request),
            )
        except AppError as error:
            show_error(form, error)
        else:
            messages.success(request, f"{line} is ready.")
            return go_to(request, f"/lines/{line.public_id}")
    return show_fragment(request, "new", {"form": form}, is_wrong=bool(form.errors))


@page(role="member", act="admin")
def request_real(request: PageRequest) -> HttpResponse:
    form = LineRequestForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            request_line(organization=request.organization, actor=Actor.from_request(request), **form.cleaned_data)
        except AppError as error:
            show_error(form, error)
        else:
            messages.success(request, "Asked. Whoever runs this server is told.")
            return redirect("line_request")
    context = {
        "form": form,
        "asked": list_requests(organization=request.organization),
        "can_manage": request.membership.is_admin,
    }
    return render(request, "dashboard/lines/request.html", context, status=422 if form.errors else 200)


@page(role="admin", methods=("POST",))
def request_withdraw(request: PageRequest, number: int) -> HttpResponse:
    asked = get_object_or_404(LineRequest, pk=number, organization=request.organization)
    close_request(asked=asked, status=LineRequest.Status.WITHDRAWN, actor=Actor.from_request(request))
    messages.success(request, f"The request for {asked.handle} is withdrawn.")
    return redirect("line_request")


@page(role="member", methods=("GET", "HEAD"))
def detail(request: PageRequest, line_id: str) -> HttpResponse:
    line = find_line(request, line_id)
    at = now()
    if line.is_sandbox:
        card = make_sandbox_card(organization=request.organization, can_manage=request.membership.is_admin)
        return render(request, "dashboard/lines/sandbox.html", {"line": line, **card})
    return render(request, "dashboard/lines/detail.html", _describe_line(request, line, at))


def _describe_line(request: PageRequest, line: Line, at: datetime) -> dict[str, Any]:
    span = request.GET.get("span", "")
    hours = list_hours(line=line, since=first_hour(span, at))
    unanswered = list_unanswered(line_id=line.id)
    meters = make_meters(line=line, hours=hours, unanswered=unanswered[0].unanswered if unanswered else 0, at=at)
    charted = choose_chart(meters, request.GET.get("chart", ""))
    since = day_ago(at)
    recent = [hour for hour in hours if hour.hour >= since]
    outbound, inbound = sum(hour.outbound for hour in recent), sum(hour.inbound for hour in recent)
    outbox = read_line_outbox(line_id=line.id, since=since)
    return {
        "line": line,
        "state": get_line_state(line),
        "advice": list_advice(line),
        "last": list_last_traffic([line.id]).get(line.id),
        "health": make_health_strip(list_health_changes(line=line, at=at), at),
        "capabilities": list_capabilities(line),
        "warmup": describe_warmup(line, at),
        "cards": make_cards(meters, at=at, outbound=outbound, inbound=inbound),
        "charted": make_line_chart(line, charted, choose_span(charted, span), hours, at),
        "new_contacts_chart": make_new_contacts_chart(recent, at),
        "new_contacts": sum(hour.new_contacts for hour in recent),
        "unanswered": [(c, "Hidden" if is_masked(request, c) else c.last_text) for c in unanswered],
        "most_unanswered": MAX_UNANSWERED,
        "failures": describe_failures(line, outbox.failures, since),
        "senders": describe_senders(line, outbox.senders, since),
        "outbound": outbound,
        "inbound": inbound,
        "held": outbox.held,
        "held_href": link_to_outbox(line, state="held"),
        "can_manage": request.membership.is_admin,
    }


# --- the sandbox -----------------------------------------------------------------------------------------------------
@page(role="member", methods=("GET", "HEAD"))
def sandbox(request: PageRequest) -> HttpResponse:
    """The card: as a fragment, polled every 2 seconds until paired, or on a page of its own."""
    card = make_sandbox_card(organization=request.organization, can_manage=request.membership.is_admin)
    if not request.htmx:
        return render(request, "dashboard/lines/sandbox.html", card)
    response = render(request, "dashboard/_sandbox_card.html", card)
    was_waiting = request.GET.get("was") == "pending"
    if was_waiting and card["sandbox"].status == "active":
        text = f"Paired with {card['sandbox'].contact_identifier}"
        trigger_client_event(response, "announce", {"text": text})
    return response


@page(role="admin", methods=("POST",))
def sandbox_open(request: PageRequest) -> HttpResponse:
    open_sandbox(organization=request.organization, actor=Actor.from_request(request))
    return go_to(request, "/sandbox")


@page(role="admin")
def sandbox_reset(request: PageRequest) -> HttpResponse:
    if request.method == "POST":
        reset_sandbox(organization=request.organization, actor=Actor.from_request(request))
        messages.success(request, "The phone is let go. Text the new code to pair one.")
        return go_to(request, "/sandbox")
    return show_fragment(request, "sandbox_reset", {})


urlpatterns = [
    path("lines", index, name="lines"),
    path("lines/new", new, name="line_new"),
    path("lines/request", request_real, name="line_request"),
    path("lines/request/<int:number>/withdraw", request_withdraw, name="line_request_withdraw"),
    path("sandbox", sandbox, name="sandbox"),
    path("sandbox/open", sandbox_open, name="sandbox_open"),
    path("sandbox/reset", sandbox_reset, name="sandbox_reset"),
    path("lines/<str:line_id>", detail, name="line"),
    *settings_patterns,
]
