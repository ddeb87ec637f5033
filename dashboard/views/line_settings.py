"""Changing a line: label and warm-up, pause, strict mode, alerts, deletion."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.urls import path

from accounts.services.audit import Actor
from core.errors import AppError
from core.handles import normalise_handle
from dashboard.access import PageRequest, page
from dashboard.forms.errors import show_error
from dashboard.forms.lines import AlertForm, DeleteLineForm, LineSettingsForm
from dashboard.undo import say_with_undo
from dashboard.views.line_parts import find_line, go_to, show_fragment
from lines.models import AlertRule
from lines.services.alerts import ALERT_LIMITS, add_rule, list_last_sent, list_rules, remove_rule, restore_rule
from lines.services.provisioning import (
    delete_line,
    pause_line,
    rename_line,
    resume_line,
    set_strict,
    set_warmup,
)
from messaging.services.holds import release_line


@page(role="admin")
def edit(request: PageRequest, line_id: str) -> HttpResponse:
    line = find_line(request, line_id, is_own=True)
    initial = {"label": line.label, "warmup_days": line.warmup_days}
    form = LineSettingsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        actor = Actor.from_request(request)
        try:
            rename_line(line=line, label=form.cleaned_data["label"], actor=actor)
            set_warmup(line=line, days=form.cleaned_data["warmup_days"] or 0, actor=actor)
        except AppError as error:
            show_error(form, error)
        else:
            messages.success(request, "Line saved.")
            return go_to(request, f"/lines/{line.public_id}")
    return show_fragment(request, "edit", {"form": form, "line": line}, is_wrong=bool(form.errors))


@page(role="admin", methods=("POST",))
def pause(request: PageRequest, line_id: str) -> HttpResponse:
    """Pauses, or resumes with ``resume=1``, also in the address (undo)."""
    line = find_line(request, line_id, is_own=True)
    here = f"/lines/{line.public_id}/pause"
    if request.POST.get("resume") or request.GET.get("resume"):
        resume_line(line=line, actor=Actor.from_request(request))
        say_with_undo(request, f"{line} sends again. What waited goes out now.", undo=here)
    else:
        pause_line(line=line, actor=Actor.from_request(request))
        say_with_undo(
            request, f"{line} is paused. What is queued waits, new sends are refused.", undo=f"{here}?resume=1"
        )
    return go_to(request, f"/lines/{line.public_id}")


@page(role="admin", methods=("POST",))
def strict(request: PageRequest, line_id: str) -> HttpResponse:
    """Switches strict mode to ``is_strict``, also in the address (undo)."""
    line = find_line(request, line_id, is_own=True)
    is_strict = bool(request.POST.get("is_strict") or request.GET.get("is_strict"))
    set_strict(line=line, is_strict=is_strict, actor=Actor.from_request(request))
    released = 0 if is_strict else release_line(line_id=line.id)
    here = f"/lines/{line.public_id}/strict"
    if released:  # on their way: nothing brings them back
        messages.success(request, f"Strict mode is off. {released} held sends go out now.")
    elif is_strict:
        say_with_undo(request, "Strict mode is on. Sends beyond guidance wait.", undo=here)
    else:
        say_with_undo(request, "Strict mode is off.", undo=f"{here}?is_strict=1")
    return go_to(request, f"/lines/{line.public_id}")


@page(role="member", act="admin")
def alerts(request: PageRequest, line_id: str) -> HttpResponse:
    line = find_line(request, line_id, is_own=True)
    form = AlertForm(request.POST or None, initial={"limit": "*", "percent": 80})
    if request.method == "POST" and form.is_valid():
        try:
            add_rule(line=line, actor=Actor.from_request(request), **form.cleaned_data)
        except AppError as error:
            show_error(form, error)
        else:
            messages.success(request, "Alert added.")
            return go_to(request, f"/lines/{line.public_id}/alerts")
    known = list_rules(line=line)
    told = list_last_sent(line=line, rules=known)
    rules = [(rule, ALERT_LIMITS.get(rule.limit, rule.limit), told.get(rule.pk)) for rule in known]
    context = {"form": form, "line": line, "rules": rules, "can_manage": request.membership.is_admin}
    return show_fragment(request, "alerts", context, is_wrong=bool(form.errors))


@page(role="admin", methods=("POST",))
def alert_remove(request: PageRequest, line_id: str, rule_id: int) -> HttpResponse:
    line = find_line(request, line_id, is_own=True)
    rule = next((rule for rule in list_rules(line=line) if rule.pk == rule_id), None)
    if rule is None:
        raise Http404
    remove_rule(rule=rule, line=line, actor=Actor.from_request(request))
    here = f"/lines/{line.public_id}/alerts"
    say_with_undo(request, "Alert removed.", undo=f"{here}/{rule.pk}/restore")
    return go_to(request, here)


@page(role="admin", methods=("POST",))
def alert_restore(request: PageRequest, line_id: str, rule_id: int) -> HttpResponse:
    """Puts back what was removed last."""
    line = find_line(request, line_id, is_own=True)
    rule = AlertRule.objects.filter(pk=rule_id, organization=request.organization, is_active=False).first()
    if rule is None or rule.line_id not in (None, line.pk):
        raise Http404
    restore_rule(rule=rule, line=line, actor=Actor.from_request(request))
    messages.success(request, "The alert is back.")
    return go_to(request, f"/lines/{line.public_id}/alerts")


@page(role="admin")
def delete(request: PageRequest, line_id: str) -> HttpResponse:
    line = find_line(request, line_id, is_own=True)
    form = DeleteLineForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if normalise_handle(form.cleaned_data["handle"]) != line.handle:
            form.add_error("handle", f"This is not the line's number. Type {line.handle}.")
        else:
            delete_line(line=line, actor=Actor.from_request(request))
            messages.success(request, f"{line} is deleted.")
            return go_to(request, "/lines")
    return show_fragment(request, "delete", {"form": form, "line": line}, is_wrong=bool(form.errors))


urlpatterns = [
    path("lines/<str:line_id>/edit", edit, name="line_edit"),
    path("lines/<str:line_id>/pause", pause, name="line_pause"),
    path("lines/<str:line_id>/strict", strict, name="line_strict"),
    path("lines/<str:line_id>/alerts", alerts, name="line_alerts"),
    path("lines/<str:line_id>/alerts/<int:rule_id>/remove", alert_remove, name="line_alert_remove"),
    path("lines/<str:line_id>/alerts/<int:rule_id>/restore", alert_restore, name="line_alert_restore"),
    path("lines/<str:line_id>/delete", delete, name="line_delete"),
]
