"""Replays: confirm, start, list, watch, pause, resume, cancel."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import path

from accounts.services.audit import Actor
from core.clock import now
from core.errors import AppError, NotFoundError
from dashboard.access import PageRequest, page
from dashboard.forms.errors import show_error
from dashboard.forms.replay import EndpointReplayForm
from dashboard.webhooks.delivery_filters import find_filter, narrow_to_replayable
from dashboard.webhooks.parts import find_endpoint, go, show_dialog
from dashboard.webhooks.replays import describe_replay
from webhooks_app.filters import DeliveryFilter
from webhooks_app.models import Endpoint, Replay
from webhooks_app.selectors import count_deliveries, get_replay, list_replays
from webhooks_app.services.replay import (
    PER_SECOND,
    cancel_replay,
    pause_replay,
    resume_replay,
    start_endpoint_replay,
    start_replay,
)

ACTIONS = {"pause": pause_replay, "resume": resume_replay, "cancel": cancel_replay}


@page(role="member", methods=("GET", "HEAD"))
def index(request: PageRequest) -> HttpResponse:
    found = list_replays(
        organization_id=request.organization.id, before=request.GET.get("before"), after=request.GET.get("after")
    )
    keys = {one.endpoint_id for one in found.rows if one.endpoint_id}
    urls = dict(Endpoint.objects.filter(pk__in=keys).values_list("pk", "url"))
    rows = [(describe_replay(one), urls.get(one.endpoint_id, "") if one.endpoint_id else "") for one in found.rows]
    return render(request, "dashboard/webhooks/replays.html", {"rows": rows, "page": found, "tab": "replays"})


@page(role="admin")
def start(request: PageRequest) -> HttpResponse:
    """Exactly the failed ones of the list's filter, or the states it asks for, after a look at how many they are."""
    bar, wanted = find_filter(request)
    again, word = narrow_to_replayable(wanted)
    found = count_deliveries(wanted=again) if again else None
    if request.method == "POST" and again and found and found.count:
        replay = start_replay(organization=request.organization, wanted=again, actor=Actor.from_request(request))
        return go(request, f"/webhooks/replays/{replay.public_id}")
    endpoint = _find_target(request, wanted)
    context = {
        "query": bar.query,
        "found": found,
        "word": word,
        "has_accepted": bool(again and "delivered" in again.states),
        "to": endpoint,
        "per_second": PER_SECOND,
        "seconds": max(1.0, found.count / PER_SECOND) if found else 0,
    }
    return show_dialog(request, "replay_start", context, crumb="Replay", is_wrong=request.method == "POST")


@page(role="admin")
def start_for_endpoint(request: PageRequest, webhook_id: str) -> HttpResponse:
    """Replay everything this endpoint has not accepted since a time."""
    endpoint = find_endpoint(request, webhook_id)
    first = endpoint.failing_since or endpoint.disabled_at or now() - timedelta(hours=24)
    form = EndpointReplayForm(request.POST or None, initial={"since": first.replace(second=0, microsecond=0)})
    if request.method == "POST" and form.is_valid():
        try:
            replay = start_endpoint_replay(endpoint=endpoint, actor=Actor.from_request(request), **form.cleaned_data)
        except AppError as error:
            show_error(form, error)
        else:
            return go(request, f"/webhooks/replays/{replay.public_id}")
    context = {"form": form, "endpoint": endpoint, "per_second": PER_SECOND}
    return show_dialog(request, "replay_endpoint", context, crumb="Replay", is_wrong=request.method == "POST")


@page(role="member", methods=("GET", "HEAD"))
def detail(request: PageRequest, replay_id: str) -> HttpResponse:
    return render(request, "dashboard/webhooks/replay.html", _context(request, _find(request, replay_id)))


@page(role="member", methods=("GET", "HEAD"))
def progress(request: PageRequest, replay_id: str) -> HttpResponse:
    """The part of the page that is asked for each second while the replay goes on."""
    return render(request, "dashboard/webhooks/_progress.html", _context(request, _find(request, replay_id)))


@page(role="admin", methods=("POST",))
def act(request: PageRequest, replay_id: str) -> HttpResponse:
    """``do`` is pause, resume or cancel; doing it twice is doing it once."""
    replay = _find(request, replay_id)
    action = ACTIONS.get(request.POST.get("do", ""))
    if action is not None:
        replay = action(replay=replay, actor=Actor.from_request(request))
    if request.htmx:
        return render(request, "dashboard/webhooks/_progress.html", _context(request, replay))
    if action is None:
        messages.error(request, "Choose pause, resume or cancel.")
    return go(request, f"/webhooks/replays/{replay.public_id}")


def _find_target(request: PageRequest, wanted: DeliveryFilter) -> Endpoint | None:
    if wanted.endpoint_id is None:
        return None
    return Endpoint.objects.filter(pk=wanted.endpoint_id, organization=request.organization).first()


def _find(request: PageRequest, replay_id: str) -> Replay:
    try:
        return get_replay(organization_id=request.organization.id, replay=replay_id)
    except NotFoundError:
        raise Http404 from None


def _context(request: PageRequest, replay: Replay) -> dict[str, Any]:
    endpoint = Endpoint.objects.filter(pk=replay.endpoint_id).first() if replay.endpoint_id else None
    return {
        "row": describe_replay(replay),
        "replay": replay,
        "endpoint": endpoint,
        "can_manage": request.membership.is_admin,
    }


urlpatterns = [
    path("webhooks/replays", index, name="replays"),
    path("webhooks/replays/<str:replay_id>", detail, name="replay"),
    path("webhooks/replays/<str:replay_id>/progress", progress, name="replay_progress"),
    path("webhooks/replays/<str:replay_id>/act", act, name="replay_act"),
    path("webhooks/deliveries/replay", start, name="replay_start"),
    path("webhooks/<str:webhook_id>/replay", start_for_endpoint, name="webhook_replay"),
]
