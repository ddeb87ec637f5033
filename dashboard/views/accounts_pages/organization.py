"""Settings of the organization: name, leaving, handing over, deleting."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse

from accounts.models import Membership
from accounts.selectors import count_members, count_without_second_factor
from accounts.services.audit import Actor
from accounts.services.members import remove_member, transfer_ownership
from accounts.services.organizations import (
    cancel_deletion,
    rename_organization,
    require_second_factor,
    schedule_deletion,
)
from accounts.sessions import ORGANIZATION_KEY
from core.errors import AppError, invalid, missing
from dashboard.access import PageRequest, page
from dashboard.forms.base import posted
from dashboard.forms.errors import show_error
from dashboard.forms.organization import DeletionForm, OrganizationSettingsForm, TransferForm
from dashboard.undo import say_with_undo


@page(role="member", act="owner")
def settings(request: PageRequest) -> HttpResponse:
    organization = request.organization
    form = OrganizationSettingsForm(posted(request), initial={"name": organization.name, "slug": organization.slug})
    if request.method == "POST" and form.is_valid():
        try:
            rename_organization(
                organization=organization,
                name=form.cleaned_data["name"],
                slug=form.cleaned_data["slug"],
                actor=Actor.from_request(request),
            )
            messages.success(request, "Organization saved.")
            return redirect("settings")
        except AppError as error:
            show_error(form, error)
    counts = count_members(organization=organization)
    return render(
        request,
        "dashboard/settings/organization.html",
        {
            "form": form,
            "counts": counts,
            "total": sum(counts.values()),
            "is_last_owner": _is_last_owner(request, counts),
            "without_factor": count_without_second_factor(organization=organization),
            "has_factor": vars(request.membership)["has_second_factor"],
        },
        status=422 if form.errors else 200,
    )


@page(role="owner", methods=("POST",))
def second_factor(request: PageRequest) -> HttpResponse:
    """Asks all members for a second factor, or no longer."""
    is_required = request.POST.get("requires_second_factor") == "on"
    try:
        require_second_factor(
            organization=request.organization, is_required=is_required, actor=Actor.from_request(request)
        )
    except AppError as error:
        messages.error(request, error.message)
    else:
        said = "Members need two-factor from their next page on." if is_required else "Two-factor is up to each member."
        messages.success(request, said)
    return redirect("settings")


@page(role="member")
def leave(request: PageRequest) -> HttpResponse:
    if request.method == "POST":
        name = request.organization.name
        try:
            remove_member(membership=request.membership, actor=Actor.from_request(request))
        except AppError as error:
            messages.error(request, error.message)
            return redirect("settings")
        request.session.pop(ORGANIZATION_KEY, None)
        messages.success(request, f"You have left {name}.")
        return redirect("/")
    is_last_owner = _is_last_owner(request, count_members(organization=request.organization))
    return _ask(request, "leave", {"is_last_owner": is_last_owner})


@page(role="owner")
def transfer(request: PageRequest) -> HttpResponse:
    form = TransferForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            email = form.cleaned_data["member"].strip()
            taker = _find_member(request, email)
            transfer_ownership(
                organization=request.organization,
                giver=request.membership,
                taker=taker,
                actor=Actor.from_request(request),
            )
            messages.success(request, f"{taker.user.display_name} owns {request.organization.name} now.")
            return redirect("settings")
        except AppError as error:
            show_error(form, error)
    return _ask(request, "transfer", {"form": form})


@page(role="owner")
def delete(request: PageRequest) -> HttpResponse:
    form = DeletionForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            schedule_deletion(
                organization=request.organization,
                typed_name=form.cleaned_data["typed_name"],
                actor=Actor.from_request(request),
            )
            said = "The organization will be deleted in seven days. You can cancel until then."
            say_with_undo(request, said, undo=reverse("organization_keep"))
            return redirect("settings")
        except AppError as error:
            show_error(form, error)
    return _ask(request, "delete", {"form": form})


@page(role="owner", methods=("POST",))
def keep(request: PageRequest) -> HttpResponse:
    """Cancels the deletion."""
    cancel_deletion(organization=request.organization, actor=Actor.from_request(request))
    messages.success(request, "The organization stays.")
    return redirect("settings")


def _is_last_owner(request: PageRequest, counts: dict[str, int]) -> bool:
    return request.membership.is_owner and counts.get("owner", 0) == 1


def _find_member(request: PageRequest, email: str) -> Membership:
    found = Membership.objects.filter(organization=request.organization, user__email__iexact=email)
    if not email:
        raise missing("member", "Enter the e-mail of the member who takes over.")
    taker = found.select_related("user", "organization").first()
    if taker is None:
        raise invalid("member", "No member of this organization has this address.")
    return taker


def _ask(request: PageRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """A question on a page of its own."""
    form = context.get("form")
    status = 422 if form is not None and form.errors else 200
    return render(request, f"dashboard/settings/{name}.html", context, status=status)


urlpatterns = [
    path("settings", settings, name="settings"),
    path("settings/second-factor", second_factor, name="organization_second_factor"),
    path("settings/leave", leave, name="organization_leave"),
    path("settings/transfer", transfer, name="organization_transfer"),
    path("settings/delete", delete, name="organization_delete"),
    path("settings/delete/cancel", keep, name="organization_keep"),
]
