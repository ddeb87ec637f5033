"""The options of a picker while somebody searches in it."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from dashboard.access import PageRequest, page
from dashboard.pickers import list_options, parse_chosen

NAMES = {"lines": ("line", "line_ids"), "own_lines": ("line", "line_ids"), "keys": ("key",), "endpoints": ("endpoint",)}


@page(role="member", methods=("GET", "HEAD"))
def options(request: PageRequest) -> HttpResponse:
    """``?source=lines&name=line&find=Oslo``: a fragment for the field ``name``; its own values are what is chosen."""
    source = request.GET.get("source", "")
    source = source if source in NAMES else "lines"
    name = request.GET.get("name", "")
    name = name if name in NAMES[source] else NAMES[source][0]
    chosen = parse_chosen(source, request.GET.getlist(name))
    picker = list_options(source, request.organization, search=request.GET.get("find", ""), chosen=chosen)
    is_form = name.endswith("_ids")
    context = {"picker": picker, "name": name, "is_form": is_form, "is_search": True}
    return render(request, "parts/_picker_options.html", context)


urlpatterns = [path("pick", options, name="pick")]
