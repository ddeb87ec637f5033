"""A new organization: on the way in, and later from the switcher."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.forms import suggest_organization_name
from accounts.models import Membership
from accounts.services.audit import Actor
from accounts.services.organizations import create_organization
from accounts.sessions import ORGANIZATION_KEY
from core.errors import AppError
from core.ids import ORGANIZATION, parse_id
from dashboard.access import PageRequest, page
from dashboard.forms.base import posted
from dashboard.forms.errors import show_error
from dashboard.forms.organization import OrganizationForm


@page(role="signed_in")
def new(request: PageRequest) -> HttpResponse:
    """One field. The first organization is suggested by the person's name."""
    is_first = request.membership is None
    form = OrganizationForm(
        posted(request), initial={"name": suggest_organization_name(request.user) if is_first else ""}
    )
    if request.method == "POST" and form.is_valid():
        try:
            organization = create_organization(
                user=request.user, name=form.cleaned_data["name"], actor=Actor.from_request(request)
            )
        except AppError as error:
            show_error(form, error)
        else:
            request.session[ORGANIZATION_KEY] = organization.pk.hex
            return redirect("/")
    return render(request, "dashboard/organization_new.html", {"form": form, "is_first": is_first})


@page(role="signed_in", methods=("POST",))
def switch(request: PageRequest) -> HttpResponse:
    """Looks at another of the person's organizations from now on."""
    wanted = parse_id(ORGANIZATION, request.POST.get("organization", ""))
    membership = Membership.objects.filter(user=request.user, organization_id=wanted).first() if wanted else None
    if membership is None:
        messages.error(request, "You are not a member of that organization.")
        return redirect("/")
    request.session[ORGANIZATION_KEY] = membership.organization_id.hex
    target = request.POST.get("next", "")
    is_safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return redirect(target if is_safe else "/")


urlpatterns = [
    path("organizations/new", new, name="organization_new"),
    path("organizations/switch", switch, name="organization_switch"),
]
