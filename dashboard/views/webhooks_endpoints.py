"""Endpoints: list, add, look at, change, switch, test, delete."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django_htmx.http import trigger_client_event

from accounts.services.audit import Actor
from core.clock import now
from core.errors import AppError
from dashboard.access import PageRequest, page
from dashboard.forms.errors import show_error
from dashboard.forms.webhooks import EndpointForm
from dashboard.pickers import pick_lines
from dashboard.undo import say_with_undo
from dashboard.webhooks.attempts import describe_attempt
from dashboard.webhooks.deliveries import describe_deliveries
from dashboard.webhooks.endpoints import describe_endpoint, list_next_steps
from dashboard.webhooks.health import SPANS, make_health
from dashboard.webhooks.parts import find_endpoint, go, show_dialog
from events.types import PUBLIC_EVENTS
from lines.selectors import list_lines_by_key, name_lines
from webhooks_app.endpoint_hours import list_hours
from webhooks_app.filters import DeliveryFilter
from webhooks_app.models import Delivery, Endpoint
from webhooks_app.selectors import list_deliveries, list_endpoint_page
from webhooks_app.services.endpoints import (
    create_endpoint,
    delete_endpoint,
    send_test,
    switch_endpoint,
    update_endpoint,
)
from webhooks_app.services.secrets import OVERLAP

RECENT = 10


@page(role="member", methods=("GET", "HEAD"))
def index(request: PageRequest) -> HttpResponse:
    found = list_endpoint_page(
        organization_id=request.organization.id, before=request.GET.get("before"), after=request.GET.get("after")
    )
    endpoints = found.rows
    names = name_lines(organization=request.organization, keys=[one for e in endpoints for one in e.line_ids or ()])
    hours = list_hours(endpoint_ids=[endpoint.pk for endpoint in endpoints], since=_day_ago())
    context = {
        "rows": [describe_endpoint(endpoint, names, hours[endpoint.pk]) for endpoint in endpoints],
        "page": found,
        "can_manage": request.membership.is_admin,
        "tab": "endpoints",
    }
    return render(request, "dashboard/webhooks/index.html", context)


@never_cache
@page(role="admin")
def new(request: PageRequest) -> HttpResponse:
    form = EndpointForm(request.POST or None, pick=pick_lines(request, "lines"))
    if request.method == "POST" and form.is_valid():
        try:
            endpoint, secret = create_endpoint(
                organization=request.organization,
                actor=Actor.from_request(request),
                created_by=request.user,
                **form.changes(),
            )
        except AppError as error:
            show_error(form, error)
        else:
            context = {"endpoint": endpoint, "secret": secret, "purpose": "new"}
            return show_dialog(request, "reveal", context, crumb="Signing secret")
    return show_dialog(request, "form", {"form": form, "mode": "new"}, crumb="Add", is_wrong=bool(form.errors))


@page(role="member", methods=("GET", "HEAD"))
def detail(request: PageRequest, webhook_id: str) -> HttpResponse:
    endpoint = find_endpoint(request, webhook_id)
    lines = list_lines_by_key(organization=request.organization, keys=endpoint.line_ids or ())
    at = now()
    span = request.GET.get("span", "24h") if request.GET.get("span") in SPANS else "24h"
    context = {
        "endpoint": endpoint,
        "row": describe_endpoint(endpoint, {line.pk: str(line) for line in lines}),
        "endpoint_lines": lines,
        "steps": list_next_steps(endpoint, at),
        "health": make_health(endpoint, span, at),
        "span": span,
        "spans": SPANS,
        "recent": describe_deliveries(_list_recent(endpoint), endpoint),
        "events": PUBLIC_EVENTS,
        "can_manage": request.membership.is_admin,
        "staged_until": endpoint.staged_at + OVERLAP if endpoint.staged_at else None,
        "is_previous_valid": bool(endpoint.previous_until and endpoint.previous_until > at),
    }
    return render(request, "dashboard/webhooks/detail.html", context)


@never_cache
@page(role="admin")
def edit(request: PageRequest, webhook_id: str) -> HttpResponse:
    endpoint = find_endpoint(request, webhook_id)
    form = EndpointForm(request.POST or None, pick=pick_lines(request, "lines"), endpoint=endpoint)
    if request.method == "POST" and form.is_valid():
        try:
            update_endpoint(endpoint=endpoint, actor=Actor.from_request(request), **form.changes())
        except AppError as error:
            show_error(form, error)
        else:
            messages.success(request, "Endpoint saved. What is waiting goes to it as it is now.")
            return go(request, f"/webhooks/{endpoint.public_id}")
    context = {"form": form, "mode": "edit", "endpoint": endpoint}
    return show_dialog(request, "form", context, crumb="Change", is_wrong=bool(form.errors))


@page(role="admin", methods=("POST",))
def switch(request: PageRequest, webhook_id: str) -> HttpResponse:
    """``is_active=on`` switches on, anything else off. The switch has moved already; the answer is its new place."""
    endpoint = find_endpoint(request, webhook_id)
    is_active = request.POST.get("is_active") == "on" or request.GET.get("to") == "on"
    endpoint = switch_endpoint(endpoint=endpoint, is_active=is_active, actor=Actor.from_request(request))
    row = describe_endpoint(endpoint, {})
    words = "is on. Replay what was held when you are ready." if is_active else "is off. What happens now is held."
    undo = f"/webhooks/{endpoint.public_id}/switch?to={'off' if is_active else 'on'}"
    if not request.htmx:
        say_with_undo(request, f"{row.host} {words}", undo=undo)
        return go(request, f"/webhooks/{endpoint.public_id}")
    context: dict[str, Any] = {"row": row, "can_manage": True, "is_oob": True}
    response = render(request, "dashboard/webhooks/_switched.html", context)
    return trigger_client_event(response, "toast", {"text": f"{row.host} {words}", "undo": undo})


@page(role="admin", methods=("POST",))
def test(request: PageRequest, webhook_id: str) -> HttpResponse:
    """Sends now and shows what came back."""
    endpoint = find_endpoint(request, webhook_id)
    context: dict[str, Any] = {"endpoint": endpoint}
    try:
        result = send_test(endpoint=endpoint, event=request.POST.get("event", ""), actor=Actor.from_request(request))
    except AppError as error:
        context["error"] = error
    else:
        context |= {"delivery": result.delivery, "shown": describe_attempt(result.attempt)}
    if not request.htmx and "delivery" in context:
        return go(request, f"/webhooks/deliveries/{context['delivery'].public_id}")
    return render(request, "dashboard/webhooks/_test_result.html", context, status=422 if "error" in context else 200)


@page(role="admin")
def delete(request: PageRequest, webhook_id: str) -> HttpResponse:
    endpoint = find_endpoint(request, webhook_id)
    if request.method == "POST":
        delete_endpoint(endpoint=endpoint, actor=Actor.from_request(request))
        messages.success(request, "Endpoint deleted. Its deliveries stay in the log.")
        return go(request, "/webhooks")
    context = {"endpoint": endpoint, "owed": _count_owed(endpoint)}
    return show_dialog(request, "delete", context, crumb="Delete")


def _list_recent(endpoint: Endpoint) -> list[Delivery]:
    wanted = DeliveryFilter(organization_id=endpoint.organization_id, endpoint_id=endpoint.pk)
    return [row.delivery for row in list_deliveries(wanted=wanted, limit=RECENT).rows]


def _count_owed(endpoint: Endpoint) -> int:
    """What would be cancelled, counted up to 1,000."""
    owed = Delivery.objects.filter(endpoint_id=endpoint.pk, state__in=("pending", "retrying", "held"))
    return len(owed.values_list("pk")[:1000])


def _day_ago() -> datetime:
    return now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=23)


urlpatterns = [
    path("webhooks", index, name="webhooks"),
    path("webhooks/new", new, name="webhook_new"),
    path("webhooks/<str:webhook_id>", detail, name="webhook"),
    path("webhooks/<str:webhook_id>/edit", edit, name="webhook_edit"),
    path("webhooks/<str:webhook_id>/switch", switch, name="webhook_switch"),
    path("webhooks/<str:webhook_id>/test", test, name="webhook_test"),
    path("webhooks/<str:webhook_id>/delete", delete, name="webhook_delete"),
]
