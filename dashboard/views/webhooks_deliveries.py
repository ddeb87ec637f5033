"""The log of deliveries: list with filters, what is new, export, one delivery, try now."""

from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path
from django_htmx.http import trigger_client_event

from accounts.services.audit import Actor
from core.clock import now
from core.errors import AppError, InvalidRequestError, NotFoundError
from dashboard.access import PageRequest, page
from dashboard.webhooks.deliveries import describe_delivery
from dashboard.webhooks.delivery_export import stream_export
from dashboard.webhooks.delivery_filters import find_filter, narrow_to_replayable, read_ids
from dashboard.webhooks.delivery_page import make_delivery_page
from dashboard.webhooks.parts import go
from webhooks_app.filters import DeliveryFilter
from webhooks_app.models import Delivery, Endpoint
from webhooks_app.selectors import (
    DeliveryPage,
    count_deliveries,
    cursor_of,
    find_delivery,
    list_deliveries,
    list_new_deliveries,
)
from webhooks_app.services.replay import replay_delivery

MOST_NEW = 99
COUNTED = 1000  # beside a list; the dialog that asks counts further


@page(role="member", methods=("GET", "HEAD"))
def index(request: PageRequest) -> HttpResponse:
    bar, wanted = find_filter(request)
    found = _read_page(request, wanted)
    again, word = narrow_to_replayable(wanted) if request.membership.is_admin else (None, "")
    newest = found.rows[0].delivery if found.rows else None
    context = {
        "bar": bar,
        "page": found,
        "rows": [describe_delivery(row.delivery, row.endpoint.url, not row.endpoint.is_active) for row in found.rows],
        "again": count_deliveries(wanted=again, cap=COUNTED) if again else None,
        "again_word": word,
        "newest": cursor_of(newest) if newest and not request.GET.get("before") else "",
        "can_manage": request.membership.is_admin,
        "has_endpoints": bool(found.rows) or bar.offers("endpoint"),
        "tab": "deliveries",
    }
    return render(request, "dashboard/webhooks/deliveries.html", context)


def _read_page(request: PageRequest, wanted: DeliveryFilter) -> DeliveryPage:
    """A cursor that does not fit the list is taken as none."""
    try:
        return list_deliveries(wanted=wanted, before=request.GET.get("before"), after=request.GET.get("after"))
    except InvalidRequestError:
        return list_deliveries(wanted=wanted)


@page(role="member", methods=("GET", "HEAD"))
def news(request: PageRequest) -> HttpResponse:
    """How many came since ``after`` (in a header), and the shown rows ``ids`` as they are now."""
    _, wanted = find_filter(request)
    count = 0
    try:
        found = list_new_deliveries(wanted=wanted, after=request.GET.get("after") or _first_cursor(), limit=MOST_NEW)
        count = len(found.rows) + (found.newer is not None)
    except InvalidRequestError:
        count = 0
    deliveries = list(Delivery.objects.filter(organization_id=request.organization.id, id__in=read_ids(request)))
    endpoints = Endpoint.objects.in_bulk({delivery.endpoint_id for delivery in deliveries})
    rows = [
        describe_delivery(one, endpoints[one.endpoint_id].url, not endpoints[one.endpoint_id].is_active)
        for one in deliveries
        if one.endpoint_id in endpoints
    ]
    response = render(request, "dashboard/webhooks/_delivery_rows.html", {"rows": rows})
    response["X-New-Count"] = str(count)
    return response


def _first_cursor() -> str:
    """Before everything: an empty list that is waited at."""
    return cursor_of(Delivery(id=UUID(int=0)))


@page(role="member", methods=("GET", "HEAD"))
def export(request: PageRequest) -> StreamingHttpResponse:
    _, wanted = find_filter(request)
    response = StreamingHttpResponse(stream_export(wanted), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="deliveries-{now():%Y-%m-%d-%H%M}.csv"'
    return response


@page(role="member", methods=("GET", "HEAD"))
def detail(request: PageRequest, delivery_id: str) -> HttpResponse:
    try:
        context = make_delivery_page(request, delivery_id, request.GET.get("attempt", ""))
    except NotFoundError:
        raise Http404 from None
    return render(request, "dashboard/webhooks/delivery.html", context)


@page(role="admin", methods=("POST",))
def try_now(request: PageRequest, delivery_id: str) -> HttpResponse:
    """Tries at once what waits, and starts afresh what is finished; the page follows by itself."""
    try:
        delivery = find_delivery(organization_id=request.organization.id, delivery=delivery_id)
    except NotFoundError:
        raise Http404 from None
    text = "Trying now"
    try:
        replay_delivery(delivery=delivery, actor=Actor.from_request(request))
    except AppError as error:
        text = error.message
    if not request.htmx:
        return go(request, f"/webhooks/deliveries/{delivery.public_id}?{urlencode({'said': text})}")
    response = trigger_client_event(HttpResponse(status=204), "toast", {"text": text})
    return trigger_client_event(response, "tried", {})


urlpatterns = [
    path("webhooks/deliveries", index, name="deliveries"),
    path("webhooks/deliveries/news", news, name="deliveries_news"),
    path("webhooks/deliveries/export", export, name="deliveries_export"),
    path("webhooks/deliveries/<str:delivery_id>", detail, name="delivery"),
    path("webhooks/deliveries/<str:delivery_id>/replay", try_now, name="delivery_replay"),
]
