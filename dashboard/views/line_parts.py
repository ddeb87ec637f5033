"""What the views of a line share."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django_htmx.http import HttpResponseClientRedirect

from core.errors import AppError
from dashboard.access import PageRequest
from lines.models import Line
from lines.selectors import get_line


def find_line(request: PageRequest, line_id: str, *, is_own: bool = False) -> Line:
    """The line, or 404; with ``is_own`` the shared sandbox line is not found either."""
    if not line_id.startswith("ln_"):
        raise Http404
    try:
        line = get_line(organization=request.organization, line_id=line_id)
    except AppError as error:
        raise Http404 from error
    if is_own and line.is_sandbox:
        raise Http404
    return line


def go_to(request: PageRequest, address: str) -> HttpResponse:
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


def show_fragment(request: PageRequest, name: str, context: dict[str, Any], *, is_wrong: bool = False) -> HttpResponse:
    """The same form in a dialog (htmx) or on a page of its own."""
    fragment = f"dashboard/lines/_{name}.html"
    word = {"new": "Add", "edit": "Change", "alerts": "Alerts", "delete": "Delete", "sandbox_reset": "Reset"}[name]
    template = fragment if request.htmx else "dashboard/lines/page.html"
    context = {"fragment": fragment, "is_dialog": bool(request.htmx), "word": word, **context}
    return render(request, template, context, status=422 if is_wrong else 200)
