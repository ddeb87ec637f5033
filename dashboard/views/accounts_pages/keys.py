"""API keys: list, make, look at, change, roll, revoke."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import ApiKey
from accounts.scopes import PRESETS, SCOPES
from accounts.selectors import (
    get_key,
    has_active_key_named,
    list_key_hours,
    list_key_requests,
    list_keys,
)
from accounts.services.audit import Actor
from accounts.services.keys import create_key, restore_key, revoke_key, roll_key, update_key
from core.clock import now
from core.errors import AppError
from core.ids import LINE, parse_id
from dashboard.access import PageRequest, keep_query, page
from dashboard.filters import Choice, FilterBar, Search
from dashboard.forms.base import posted
from dashboard.forms.errors import show_error
from dashboard.forms.keys import KeyForm, RollForm
from dashboard.keys import describe_key, list_scope_rows, make_usage_chart
from dashboard.pickers import make_choice, pick_lines
from dashboard.undo import say_with_undo
from lines.selectors import list_lines_by_key, name_lines

STATE_WORDS = {
    "active": "Active",
    "expiring": "Expires soon",
    "rolling": "Rolling",
    "expired": "Expired",
    "revoked": "Revoked",
}


@page(role="member", methods=("GET", "HEAD"))
def index(request: PageRequest) -> HttpResponse:
    bar = FilterBar(
        request,
        [
            Search("q", "Name or prefix"),
            Choice("state", "State", list(STATE_WORDS.items())),
            Choice("scope", "Scope", [(scope, scope) for scope in SCOPES], single=True),
            make_choice(request, "line", "Line", "own_lines"),
        ],
    )
    found = list_keys(
        organization=request.organization,
        search=bar.text().replace("\x00", "")[:80],
        states=bar.values("state"),
        scope=next(iter(bar.values("scope")), ""),
        line_id=parse_id(LINE, next(iter(bar.values("line")), "")),
        before=request.GET.get("before"),
        after=request.GET.get("after"),
    )
    names = name_lines(
        organization=request.organization, keys=[one for key in found.rows for one in key.line_ids or ()]
    )
    context = {
        "page": found,
        "bar": bar,
        "rows": [describe_key(key, names) for key in found.rows],
        "can_manage": request.membership.is_admin,
    }
    return render(request, "dashboard/keys/index.html", context)


@never_cache
@page(role="admin")
def new(request: PageRequest) -> HttpResponse:
    form = KeyForm(
        posted(request), pick=pick_lines(request, "own_lines"), initial={"scopes": list(SCOPES), "reach": "all"}
    )
    if request.method == "POST" and form.is_valid():
        try:
            if has_active_key_named(organization=request.organization, name=form.cleaned_data["name"]):
                form.add_error("name", "There is an active key of this name. Choose another.")
            else:
                key, token = create_key(
                    organization=request.organization, actor=Actor.from_request(request), **form.changes()
                )
                return _reveal(request, key, token)
        except AppError as error:
            show_error(form, error)
    return _show_form(request, form, "new")


@page(role="member", methods=("GET", "HEAD"))
def detail(request: PageRequest, key_id: str) -> HttpResponse:
    key = _get_key(request, key_id)
    days = 30 if request.GET.get("days") == "30" else 1
    at = now()
    lines = list_lines_by_key(organization=request.organization, keys=key.line_ids or ())
    context = {
        "key": key,
        "row": describe_key(key, {line.pk: str(line) for line in lines}),
        "key_lines": lines,
        "chart": make_usage_chart(list_key_hours(key=key, since=at - timedelta(days=days)), days=days, at=at),
        "days": days,
        "query": keep_query(request),
        "page": list_key_requests(key=key, before=request.GET.get("before"), after=request.GET.get("after")),
        "default_requests": request.organization.requests_per_hour or settings.REQUESTS_PER_HOUR,
        "can_manage": request.membership.is_admin,
    }
    return render(request, "dashboard/keys/detail.html", context)


@page(role="admin")
def edit(request: PageRequest, key_id: str) -> HttpResponse:
    key = _get_key(request, key_id)
    if key.revoked_at is not None:
        return _say_ended(request, key)
    form = KeyForm(posted(request), pick=pick_lines(request, "own_lines"), key=key)
    if request.method == "POST" and form.is_valid():
        try:
            if has_active_key_named(organization=request.organization, name=form.cleaned_data["name"], but=key):
                form.add_error("name", "There is an active key of this name. Choose another.")
            else:
                update_key(key=key, actor=Actor.from_request(request), **form.changes())
                messages.success(request, "Key saved. It counts from the next request.")
                return _go(request, key)
        except AppError as error:
            show_error(form, error)
    return _show_form(request, form, "edit", key)


@never_cache
@page(role="admin")
def roll(request: PageRequest, key_id: str) -> HttpResponse:
    key = _get_key(request, key_id)
    if key.revoked_at is not None:
        return _say_ended(request, key)
    form = RollForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            successor, token = roll_key(
                key=key, actor=Actor.from_request(request), overlap_seconds=form.overlap_seconds
            )
            return _reveal(request, successor, token)
        except AppError as error:
            show_error(form, error)
    return _show_dialog(request, "roll", {"form": form, "key": key}, is_wrong=bool(form.errors))


@page(role="admin")
def revoke(request: PageRequest, key_id: str) -> HttpResponse:
    key = _get_key(request, key_id)
    if key.revoked_at is not None:
        return _say_ended(request, key)
    if request.method == "POST":
        revoke_key(key=key, actor=Actor.from_request(request))
        said = f"{key.name} is revoked. It is refused from the next request on."
        say_with_undo(request, said, undo=f"/api-keys/{key.public_id}/restore")
        return HttpResponseClientRedirect("/api-keys") if request.htmx else redirect("api_keys")
    return _show_dialog(request, "revoke", {"key": key})


@page(role="admin", methods=("POST",))
def restore(request: PageRequest, key_id: str) -> HttpResponse:
    """Takes a revocation of the last seconds back."""
    key = restore_key(key=_get_key(request, key_id), actor=Actor.from_request(request))
    messages.success(request, f"{key.name} works again.")
    return _go(request, key)


# --- parts -----------------------------------------------------------------------------------------------------------


def _get_key(request: PageRequest, key_id: str) -> ApiKey:
    key = get_key(organization=request.organization, key_id=key_id)
    if key is None:
        raise Http404
    return key


def _say_ended(request: PageRequest, key: ApiKey) -> HttpResponse:
    """Somebody else was faster, or the button was pressed twice: the key's page says all there is."""
    messages.info(request, f"{key.name} is revoked already. Create a new key.")
    return _go(request, key)


def _go(request: PageRequest, key: ApiKey) -> HttpResponse:
    address = f"/api-keys/{key.public_id}"
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


def _show_form(request: PageRequest, form: KeyForm, mode: str, key: ApiKey | None = None) -> HttpResponse:
    context = {
        "form": form,
        "key": key,
        "mode": mode,
        "scope_rows": list_scope_rows(),
        "presets": [
            ("Send only", " ".join(PRESETS["send_only"])),
            ("Read only", " ".join(PRESETS["read_only"])),
            ("Full", " ".join(PRESETS["full"])),
        ],
        "total_scopes": len(SCOPES),
        "has_limits": any(form[name].value() for name in ("allowed_networks", "allowed_recipients"))
        or any(form[name].value() not in (None, "") for name in ("requests_per_hour", "daily_send_budget"))
        or any(name in form.errors for name in ("allowed_recipients", "requests_per_hour", "daily_send_budget")),
    }
    return _show_dialog(request, "form", context, is_wrong=bool(form.errors))


def _show_dialog(request: PageRequest, name: str, context: dict[str, Any], *, is_wrong: bool = False) -> HttpResponse:
    """The same fragment in a dialog (htmx) or on a page of its own."""
    template = f"dashboard/keys/_{name}.html" if request.htmx else "dashboard/keys/page.html"
    context = {"fragment": f"dashboard/keys/_{name}.html", "is_dialog": bool(request.htmx), **context}
    return render(request, template, context, status=422 if is_wrong else 200)


def _reveal(request: PageRequest, key: ApiKey, token: str) -> HttpResponse:
    return _show_dialog(request, "reveal", {"key": key, "token": token})


urlpatterns = [
    path("api-keys", index, name="api_keys"),
    path("api-keys/new", new, name="api_key_new"),
    path("api-keys/<str:key_id>", detail, name="api_key"),
    path("api-keys/<str:key_id>/edit", edit, name="api_key_edit"),
    path("api-keys/<str:key_id>/roll", roll, name="api_key_roll"),
    path("api-keys/<str:key_id>/revoke", revoke, name="api_key_revoke"),
    path("api-keys/<str:key_id>/restore", restore, name="api_key_restore"),
]
