"""Invitations: the open ones, sending again, withdrawing, and the page behind the e-mailed link."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from accounts.models import Invitation, Membership
from accounts.selectors import get_invitation, list_open_invitations
from accounts.services.audit import Actor
from accounts.services.invitations import (
    accept_invitation,
    find_invitation,
    is_addressed_to,
    resend_invitation,
    restore_invitation,
    revoke_invitation,
)
from accounts.sessions import ORGANIZATION_KEY
from core.clock import now
from core.errors import AppError
from dashboard.access import PageRequest, page
from dashboard.undo import say_with_undo


@page(role="member", methods=("GET", "HEAD"))
def index(request: PageRequest) -> HttpResponse:
    found = list_open_invitations(
        organization=request.organization, before=request.GET.get("before"), after=request.GET.get("after")
    )
    context = {
        "page": found,
        "invitations": found.rows,
        "is_whole": True,
        "can_manage": request.membership.is_owner,
        "now": now(),
    }
    return render(request, "dashboard/settings/invitations.html", context)


@page(role="owner", methods=("POST",))
def resend(request: PageRequest, invitation_id: int) -> HttpResponse:
    found = _get_invitation(request, invitation_id)
    said = f"Sent again to {found.email}; the old link ends."
    return _do(request, lambda: resend_invitation(invitation=found, actor=Actor.from_request(request)), said)


@page(role="owner", methods=("POST",))
def withdraw(request: PageRequest, invitation_id: int) -> HttpResponse:
    found = _get_invitation(request, invitation_id)
    said = f"The invitation of {found.email} is withdrawn."
    undo = f"/settings/invitations/{found.pk}/restore"
    actor = Actor.from_request(request)
    return _do(request, lambda: revoke_invitation(invitation=found, actor=actor), said, undo=undo)


@page(role="owner", methods=("POST",))
def restore(request: PageRequest, invitation_id: int) -> HttpResponse:
    """Takes a withdrawal of the last seconds back."""
    found = _get_invitation(request, invitation_id)
    said = f"The invitation of {found.email} is open again."
    return _do(request, lambda: restore_invitation(invitation=found, actor=Actor.from_request(request)), said)


@page(role="public", act="signed_in")
def answer(request: PageRequest, token: str) -> HttpResponse:
    """The page behind the e-mailed link. Joining needs a click: mail scanners open links too."""
    found = find_invitation(token)
    context: dict[str, Any] = {"invitation": found, "token": token, "problem": _problem(found)}
    if found is not None and request.user.is_authenticated:
        context["is_member"] = Membership.objects.filter(organization=found.organization, user=request.user).exists()
        context["is_for_another"] = not is_addressed_to(found, request.user)
    if request.method == "POST":
        try:
            membership = accept_invitation(token=token, user=request.user, actor=Actor.from_request(request))
        except AppError as error:
            context["problem"] = error.message
            return render(request, "dashboard/settings/invitation.html", context, status=422)
        request.session[ORGANIZATION_KEY] = membership.organization_id.hex
        messages.success(request, f"Welcome to {membership.organization.name}.")
        return redirect("/")
    return render(request, "dashboard/settings/invitation.html", context)


# --- parts -----------------------------------------------------------------------------------------------------------


def _do(request: PageRequest, change: Callable[[], object], done: str, *, undo: str = "") -> HttpResponse:
    """Goes back to the list that was open: all of them, or the few beside the members."""
    try:
        change()
    except AppError as error:
        messages.error(request, error.message)
    else:
        say_with_undo(request, done, undo=undo) if undo else messages.success(request, done)
    return redirect("invitations" if request.POST.get("list") == "all" else "members")


def _problem(invitation: Invitation | None) -> str:
    if invitation is None:
        return "This invitation does not exist. Ask for a new one."
    if invitation.accepted_at is not None:
        return "This invitation has been accepted already."
    if invitation.revoked_at is not None:
        return "This invitation was withdrawn. Ask for a new one."
    return "This invitation has expired. Ask for a new one." if invitation.expires_at <= now() else ""


def _get_invitation(request: PageRequest, invitation_id: int) -> Invitation:
    found = get_invitation(organization=request.organization, invitation_id=invitation_id)
    if found is None:
        raise Http404
    return found


urlpatterns = [
    path("settings/invitations", index, name="invitations"),
    path("settings/invitations/<int:invitation_id>/resend", resend, name="invitation_resend"),
    path("settings/invitations/<int:invitation_id>/withdraw", withdraw, name="invitation_withdraw"),
    path("settings/invitations/<int:invitation_id>/restore", restore, name="invitation_restore"),
    path("invitations/<str:token>", answer, name="invitation"),
]
