"""The documentation, for everybody, as pages and as text for language models."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import path

from dashboard.access import PageRequest, page
from dashboard.docs_pages import SECTIONS, TITLES, get_docs_page, read_docs_text, write_llms_full, write_llms_index

TEXT = "text/plain; charset=utf-8"
MARKDOWN = "text/markdown; charset=utf-8"


@page(role="public", methods=("GET", "HEAD"))
def docs_index(request: PageRequest) -> HttpResponse:
    return _show(request, "index")


@page(role="public", methods=("GET", "HEAD"))
def docs_page(request: PageRequest, slug: str) -> HttpResponse:
    """``/docs/send`` is the page, ``/docs/send.md`` its Markdown."""
    if slug.endswith(".md") and slug[:-3] in TITLES:
        return HttpResponse(read_docs_text(slug[:-3]), content_type=MARKDOWN)
    return _show(request, slug)


def _show(request: PageRequest, slug: str) -> HttpResponse:
    found = get_docs_page(slug)
    if found is None:
        raise Http404
    order = list(TITLES)
    place = order.index(slug)
    around = [order[place - 1] if place else "", order[place + 1] if place + 1 < len(order) else ""]
    previous, following = [(name, TITLES[name]) if name else None for name in around]
    sections = [(group, list(pages.items())) for group, pages in SECTIONS.items()]
    context = {"doc": found, "sections": sections, "previous": previous, "following": following}
    return render(request, "docs/page.html", context)


@page(role="public", methods=("GET", "HEAD"))
def llms(request: PageRequest) -> HttpResponse:
    return HttpResponse(write_llms_index(), content_type=TEXT)


@page(role="public", methods=("GET", "HEAD"))
def llms_full(request: PageRequest) -> HttpResponse:
    return HttpResponse(write_llms_full(), content_type=TEXT)


urlpatterns = [
    path("docs", docs_index, name="docs"),
    path("docs/llms.txt", llms, name="docs_llms"),
    path("docs/llms-full.txt", llms_full, name="docs_llms_full"),
    path("llms.txt", llms, name="llms"),
    path("llms-full.txt", llms_full, name="llms_full"),
    path("docs/<str:slug>", docs_page, name="docs_page"),
]
