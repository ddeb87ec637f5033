"""What the views of the webhook pages share: looking up, lines, dialogs that are also pages."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django_htmx.http import HttpResponseClientRedirect

from core.errors import NotFoundError
from dashboard.access import PageRequest
from webhooks_app.models import Endpoint
from webhooks_app.selectors import get_endpoint


def find_endpoint(request: PageRequest, endpoint_id: str) -> Endpoint:
    """The endpoint of the current organization behind a public id. Raises Http404."""
    try:
        return get_endpoint(organization_id=request.organization.id, endpoint=endpoint_id)
    except NotFoundError:
        raise Http404 from None


def show_dialog(
    request: PageRequest, name: str, context: dict[str, Any], *, crumb: str, is_wrong: bool = False
) -> HttpResponse:
    """The same fragment in a dialog (htmx) or on a page of its own; ``crumb`` names that page."""
    fragment = f"dashboard/webhooks/_{name}.html"
    context = {"fragment": fragment, "is_dialog": bool(request.htmx), "crumb": crumb, **context}
    template = fragment if request.htmx else "dashboard/webhooks/page.html"
    return render(request, template, context, status=422 if is_wrong else 200)


def go(request: PageRequest, address: str) -> HttpResponse:
    """To another page, also from a dialog."""
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
