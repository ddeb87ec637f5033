"""The reference of the API and of its errors: public, and inside the shell for who is signed in."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from dashboard.access import PageRequest, page
from dashboard.reference import list_error_codes, list_events, list_groups


@page(role="public", methods=("GET", "HEAD"))
def api_reference(request: PageRequest) -> HttpResponse:
    groups = list_groups()
    context = {
        "base_template": base_template(request),
        "groups": groups,
        "events": list_events(),
        "count": sum(len(group.operations) for group in groups),
        "file_bytes": settings.FILE_MAX_BYTES,
    }
    return render(request, "docs/api.html", context)


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
