"""The operator area: organizations, lines and nodes, the sandbox, queues, and looking on as somebody."""

import hmac
import ipaddress
from typing import Any

from django.conf import settings
from django.contrib import messages as flash
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

from accounts.features import FEATURES, has_feature
from accounts.impersonation import start_impersonation, stop_impersonation
from accounts.models import AuditEntry, Membership, Organization
from accounts.services.audit import Actor
from accounts.services.operators import set_organization_limits, suspend_organization, unsuspend_organization
from core.ids import ORGANIZATION, parse_id
from core.pages import read_page
from dashboard.access import PageRequest, page
from dashboard.filters import Choice, FilterBar, Search
from dashboard.forms.operator import AnswerForm, LimitsForm, SuspendForm
from dashboard.line_pages import get_line_state
from dashboard.queue_numbers import read_installation, write_metrics
from lines.models import HealthState, Line, LineRequest, Node, SandboxPairing
from lines.selectors import get_sandbox_line
from lines.services.requests import close_request, list_open_requests
from messaging.line_insights import list_last_traffic


@page(role="staff", methods=("GET", "HEAD"))
def index(request: PageRequest) -> HttpResponse:
    return render(request, "dashboard/operator/index.html", {"found": read_installation(), "tab": "queues"})


# --- organizations ---------------------------------------------------------------------------------------------------


@page(role="staff", methods=("GET", "HEAD"))
def organizations(request: PageRequest) -> HttpResponse:
    bar = FilterBar(
        request,
        [
            Search("q", "Name, slug, e-mail or org_ id"),
            Choice("state", "State", [("suspended", "Suspended"), ("active", "Active")], single=True),
        ],
    )
    rows = Organization.objects.filter(_match(bar.search_text))
    if bar.values("state"):
        rows = rows.filter(suspended_at__isnull=bar.values("state") == ["active"])
    found = read_page(rows, order=("-id",), before=request.GET.get("before"), after=request.GET.get("after"))
    ids = [row.pk for row in found.rows]
    members = dict(Membership.objects.filter(organization__in=ids).values_list("organization").annotate(n=Count("id")))
    lines = dict(
        Line.objects.filter(organization__in=ids, deleted_at=None).values_list("organization").annotate(n=Count("id"))
    )
    shown = [(row, members.get(row.pk, 0), lines.get(row.pk, 0)) for row in found.rows]
    context = {"bar": bar, "page": found, "rows": shown, "tab": "organizations"}
    return render(request, "dashboard/operator/organizations.html", context)


def _match(text: str) -> Q:
    text = text.replace("\0", "")
    if not text:
        return Q()
    key = parse_id(ORGANIZATION, text.lower())
    if key is not None:
        return Q(pk=key)
    people = Membership.objects.filter(user__email__icontains=text).values("organization")
    return Q(name__icontains=text) | Q(slug__icontains=text) | Q(pk__in=people)


def _find(organization_id: str) -> Organization:
    key = parse_id(ORGANIZATION, organization_id)
    found = Organization.objects.filter(pk=key).first() if key else None
    if found is None:
        raise Http404
    return found


@page(role="staff", methods=("GET", "HEAD"))
def organization(request: PageRequest, organization_id: str) -> HttpResponse:
    return _show_organization(request, _find(organization_id))


def _show_organization(request: PageRequest, found: Organization, **forms: Any) -> HttpResponse:
    values: dict[str, Any] = {name: has_feature(found, name) for name in FEATURES}
    values |= {
        "sandbox_daily_messages": found.sandbox_daily_messages,
        "requests_per_hour": found.requests_per_hour,
    }
    context = {
        "found": found,
        "limits_form": LimitsForm(initial=values),
        "suspend_form": SuspendForm(),
        "members": Membership.objects.filter(organization=found).select_related("user").order_by("id")[:100],
        "lines": [
            (line, get_line_state(line))
            for line in Line.objects.filter(organization=found, deleted_at=None).order_by("id")[:100]
        ],
        "changes": AuditEntry.objects.filter(organization=found).select_related("impersonator").order_by("-id")[:10],
        "default_sandbox": settings.SANDBOX_DAILY_MESSAGES,
        "default_requests": settings.REQUESTS_PER_HOUR,
        "tab": "organizations",
        **forms,
    }
    is_wrong = any(form.errors for form in forms.values())
    return render(request, "dashboard/operator/organization.html", context, status=422 if is_wrong else 200)


@page(role="staff", methods=("POST",))
def suspend(request: PageRequest, organization_id: str) -> HttpResponse:
    found, form = _find(organization_id), SuspendForm(request.POST)
    if not form.is_valid():
        return _show_organization(request, found, suspend_form=form)
    actor = Actor.from_request(request)
    suspend_organization(organization=found, reason=form.cleaned_data["reason"], actor=actor)
    flash.success(request, f"{found.name} is suspended")
    return redirect("operator_organization", organization_id=found.public_id)


@page(role="staff", methods=("POST",))
def unsuspend(request: PageRequest, organization_id: str) -> HttpResponse:
    found = _find(organization_id)
    unsuspend_organization(organization=found, actor=Actor.from_request(request))
    flash.success(request, f"{found.name} is active again")
    return redirect("operator_organization", organization_id=found.public_id)


@page(role="staff", methods=("POST",))
def set_limits(request: PageRequest, organization_id: str) -> HttpResponse:
    found, form = _find(organization_id), LimitsForm(request.POST)
    if not form.is_valid():
        return _show_organization(request, found, limits_form=form)
    set_organization_limits(
        organization=found,
        sandbox_daily_messages=form.cleaned_data["sandbox_daily_messages"],
        requests_per_hour=form.cleaned_data["requests_per_hour"],
        features=form.features,
        actor=Actor.from_request(request),
    )
    flash.success(request, "Limits saved")
    return redirect("operator_organization", organization_id=found.public_id)


# --- lines and the sandbox -------------------------------------------------------------------------------------------


@page(role="staff", methods=("GET", "HEAD"))
def lines(request: PageRequest) -> HttpResponse:
    bar = FilterBar(request, [Search("q", "Number or label"), Choice("health", "Health", list(HealthState.choices))])
    text = bar.search_text.replace("\0", "")
    rows = Line.objects.filter(deleted_at=None).select_related("organization", "node")
    if text:
        rows = rows.filter(Q(handle__icontains=text) | Q(label__icontains=text))
    if bar.values("health"):
        rows = rows.filter(health__in=bar.values("health"))
    found = read_page(rows, order=("-id",), before=request.GET.get("before"), after=request.GET.get("after"))
    last = list_last_traffic([line.pk for line in found.rows])
    context = {
        "bar": bar,
        "page": found,
        "rows": [(line, get_line_state(line), last.get(line.pk)) for line in found.rows],
        "asked": list_open_requests(),
        "nodes": Node.objects.select_related("organization").annotate(n=Count("lines")).order_by("-id")[:50],
        "tab": "lines",
    }
    return render(request, "dashboard/operator/lines.html", context)


@page(role="staff", methods=("POST",))
def answer_request(request: PageRequest, number: int) -> HttpResponse:
    asked, form = get_object_or_404(LineRequest, pk=number), AnswerForm(request.POST)
    if not form.is_valid():
        flash.error(request, "Say whether it is connected or declined, in at most 300 characters.")
    elif not asked.is_open:
        flash.error(request, f"The request for {asked.handle} is answered already.")
    else:
        asked = close_request(asked=asked, actor=Actor.from_request(request), **form.cleaned_data)
        flash.success(request, f"{asked.handle}: {asked.get_status_display().lower()}. Who asked is told.")
    return redirect("operator_lines")


@page(role="staff", methods=("GET", "HEAD"))
def sandbox(request: PageRequest) -> HttpResponse:
    bar = FilterBar(request, [Choice("status", "State", list(SandboxPairing.Status.choices), single=True)])
    rows = SandboxPairing.objects.select_related("organization")
    if bar.values("status"):
        rows = rows.filter(status__in=bar.values("status"))
    found = read_page(rows, order=("-id",), before=request.GET.get("before"), after=request.GET.get("after"))
    context = {"bar": bar, "page": found, "line": get_sandbox_line(), "tab": "sandbox"}
    return render(request, "dashboard/operator/sandbox.html", context)


# --- looking on as somebody ------------------------------------------------------------------------------------------


@page(role="staff", methods=("POST",))
def impersonate(request: PageRequest, organization_id: str, member_id: int) -> HttpResponse:
    rows = Membership.objects.select_related("user", "organization")
    membership = rows.filter(pk=member_id, organization=_find(organization_id)).first()
    if membership is None:
        raise Http404
    try:
        start_impersonation(request=request, membership=membership)
    except PermissionError:
        flash.error(request, "Operators cannot be impersonated.")
        return redirect("operator_organization", organization_id=organization_id)
    return redirect("/")


@page(role="staff", methods=("POST",))
def stop(request: PageRequest) -> HttpResponse:
    stop_impersonation(request=request)
    return redirect("operator")


# --- Prometheus ------------------------------------------------------------------------------------------------------


@page(role="public", methods=("GET",))
def metrics(request: PageRequest) -> HttpResponse:
    """From this machine, or with ``METRICS_TOKEN`` as bearer token; nobody else learns that it is here."""
    if not _may_scrape(request):
        raise Http404
    return HttpResponse(write_metrics(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _may_scrape(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return True
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False  # somebody beyond a proxy on this machine
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


urlpatterns = [
    path("operator", index, name="operator"),
    path("operator/organizations", organizations, name="operator_organizations"),
    path("operator/organizations/<str:organization_id>", organization, name="operator_organization"),
    path("operator/organizations/<str:organization_id>/suspend", suspend, name="operator_suspend"),
    path("operator/organizations/<str:organization_id>/unsuspend", unsuspend, name="operator_unsuspend"),
    path("operator/organizations/<str:organization_id>/limits", set_limits, name="operator_limits"),
    path(
        "operator/organizations/<str:organization_id>/members/<int:member_id>/impersonate",
        impersonate,
        name="operator_impersonate",
    ),
    path("operator/lines", lines, name="operator_lines"),
    path("operator/requests/<int:number>", answer_request, name="operator_answer_request"),
    path("operator/sandbox", sandbox, name="operator_sandbox"),
    path("operator/stop", stop, name="operator_stop"),
    path("metrics", metrics, name="metrics"),
]
