"""The signature debugger: paste what was received, read what matches and what differs."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache

from core.clock import now, to_ms
from dashboard.access import PageRequest, page
from dashboard.forms.debugger import DebuggerForm
from webhooks_app.debugger import debug_signature, parse_headers

CAUSE_WORDS = {
    "secret": "Wrong secret",
    "timestamp": "Wrong timestamp",
    "body": "Body altered",
    "header": "Wrong header",
    "expired": "Too old",
}
SHAPES = {"ok": "ok", "warn": "warn", "bad": "bad", "missing": "off"}


@never_cache
@page(role="member")
def debugger(request: PageRequest) -> HttpResponse:
    """Nothing is stored: the secret is used for the check and forgotten, also by the form after an error."""
    form = DebuggerForm(request.POST or None)
    context = {"form": form, "tab": "debugger"}
    if request.method == "POST" and form.is_valid():
        verdict = debug_signature(
            headers=parse_headers(form.cleaned_data["headers"]),
            body=form.raw_body,
            secret=form.cleaned_data["secret"],
            now_ms=to_ms(now()),
        )
        checks = [(SHAPES.get(check.state, "warn"), check) for check in verdict.checks]
        context |= {"verdict": verdict, "checks": checks, "cause": CAUSE_WORDS.get(verdict.cause, "")}
    is_wrong = request.method == "POST" and "verdict" not in context
    name = "_debugger.html" if request.htmx else "debugger.html"
    return render(request, f"dashboard/webhooks/{name}", context, status=422 if is_wrong else 200)


urlpatterns = [path("webhooks/debugger", debugger, name="webhook_debugger")]
