"""The reference of the API and of its errors: public, and inside the shell for who is signed in."""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import path

from dashboard.access import PageRequest, page
from dashboard.reference import list_error_codes, list_events, list_groups


@cache
def _draw_reference() -> dict[str, Any]:
    """What is the same for everybody, drawn once per process: the code that it is made from does not change."""
    groups, events = list_groups(), list_events()
    parts = {"groups": groups, "events": events, "file_bytes": settings.FILE_MAX_BYTES}
    return {
        "contents": render_to_string("docs/_contents.html", parts),
        "operations": render_to_string("docs/_operations.html", parts),
        "count": sum(len(group.operations) for group in groups),
        "event_count": len(events),
    }


@page(role="public", methods=("GET", "HEAD"))
def api_reference(request: PageRequest) -> HttpResponse:
    return render(request, "docs/api.html", _draw_reference() | {"base_template": base_template(request)})


@page(role="public", methods=("GET", "HEAD"))
def errors(request: PageRequest) -> HttpResponse:
    context = {"base_template": base_template(request), "codes": list_error_codes()}
    return render(request, "docs/errors.html", context)


def base_template(request: PageRequest) -> str:
    """The shell for members, a plain top bar for everybody else."""
    return "shell.html" if getattr(request, "membership", None) else "docs/public.html"


urlpatterns = [
    path("docs/api", api_reference, name="api_reference"),
    path("docs/errors", errors, name="docs_errors"),
]
