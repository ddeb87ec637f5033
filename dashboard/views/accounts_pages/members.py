"""Members and invitations of the organization."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from accounts.models import Invitation, Membership, Role
from accounts.selectors import (
    count_members,
    get_invitation,
    get_member,
    list_members,
    list_open_invitations,
)
from accounts.services.audit import Actor
from accounts.services.invitations import (
    accept_invitation,
    find_invitation,
    invite_member,
    resend_invitation,
    revoke_invitation,
)
from accounts.services.members import change_role, remove_member, set_text_right
from accounts.sessions import ORGANIZATION_KEY
from core.clock import now
from core.errors import AppError
from dashboard.access import PageRequest, keep_query, page
from dashboard.forms.base import posted
from dashboard.forms.errors import show_error
from dashboard.forms.organization import InvitationForm


@page(role="member", methods=("GET", "HEAD"))
def index(request: PageRequest) -> HttpResponse:
    search = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    role = request.GET.get("role", "")
    found = list_members(
        organization=request.organization,
        search=search,
        role=role,
        before=request.GET.get("before"),
        after=request.GET.get("after"),
    )
    is_first_page = not (request.GET.get("before") or request.GET.get("after") or search or role)
    counts = count_members(organization=request.organization)
    context = {
        "page": found,
        "query": keep_query(request),
        "invitations": list_open_invitations(organization=request.organization) if is_first_page else [],
        "counts": counts,
        "total": sum(counts.values()),
        "roles": Role.choices,
        "role": role,
        "is_filtered": bool(search or role),
        "can_manage": request.membership.is_owner,
        "now": now(),
    }
    is_results_only = request.htmx and request.htmx.target == "results"
    name = "_member_results" if is_results_only else "members"
    return render(request, f"dashboard/settings/{name}.html", context)


@page(role="owner")
def invite(request: PageRequest) -> HttpResponse:
    form = InvitationForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            invitation = invite_member(
                organization=request.organization,
                email=form.cleaned_data["email"],
                role=form.cleaned_data["role"],
                actor=Actor.from_request(request),
            )
            messages.success(request, f"Invitation sent to {invitation.email}.")
            return redirect("members")
        except AppError as error:
            show_error(form, error)
    return render(request, "dashboard/settings/invite.html", {"form": form}, status=422 if form.errors else 200)


@page(role="owner")
def member(request: PageRequest, member_id: int) -> HttpResponse:
    """One member: role, right to read messages, removal."""
    found = _get_member(request, member_id)
    return render(
        request,
        "dashboard/settings/member.html",
        {"member": found, "roles": Role.choices, "is_self": _is_self(request, found)},
    )


@page(role="owner", methods=("POST",))
def role(request: PageRequest, member_id: int) -> HttpResponse:
    found = _get_member(request, member_id)
    wanted = request.POST.get("role", "")
    actor = Actor.from_request(request)
    return _do(request, lambda: change_role(membership=found, role=wanted, actor=actor), "Role changed.")


@page(role="owner", methods=("POST",))
def text_right(request: PageRequest, member_id: int) -> HttpResponse:
    found = _get_member(request, member_id)
    is_granted = request.POST.get("can_read_messages") == "on"
    actor = Actor.from_request(request)
    return _do(
        request,
        lambda: set_text_right(membership=found, is_granted=is_granted, actor=actor),
        f"{found.user.display_name} {'can' if is_granted else 'can no longer'} read messages.",
    )


@page(role="owner", methods=("POST",))
def remove(request: PageRequest, member_id: int) -> HttpResponse:
    found = _get_member(request, member_id)
    actor = Actor.from_request(request)
    was_self = _is_self(request, found)
    response = _do(
        request, lambda: remove_member(membership=found, actor=actor), f"{found.user.display_name} is removed."
    )
    return redirect("/") if was_self and not Membership.objects.filter(pk=found.pk).exists() else response


@page(role="owner", methods=("POST",))
def resend(request: PageRequest, invitation_id: int) -> HttpResponse:
    found = _get_invitation(request, invitation_id)
    actor = Actor.from_request(request)
    return _do(
        request,
        lambda: resend_invitation(invitation=found, actor=actor),
        f"Sent again to {found.email}; the old link ends.",
    )


@page(role="owner", methods=("POST",))
def withdraw(request: PageRequest, invitation_id: int) -> HttpResponse:
    found = _get_invitation(request, invitation_id)
    actor = Actor.from_request(request)
    return _do(
        request,
        lambda: revoke_invitation(invitation=found, actor=actor),
        f"The invitation of {found.email} is withdrawn.",
    )


@page(role="public", act="signed_in")
def answer(request: PageRequest, token: str) -> HttpResponse:
    """The page behind the e-mailed link. Joining needs a click: mail scanners open links too."""
    found = find_invitation(token)
    context: dict[str, Any] = {"invitation": found, "token": token, "problem": _problem(found)}
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


def _problem(invitation: Invitation | None) -> str:
    if invitation is None:
        return "This invitation does not exist. Ask for a new one."
    if invitation.accepted_at is not None:
        return "This invitation has been accepted already."
    if invitation.revoked_at is not None:
        return "This invitation was withdrawn. Ask for a new one."
    return "This invitation has expired. Ask for a new one." if invitation.expires_at <= now() else ""


def _do(request: PageRequest, change: Callable[[], object], done: str) -> HttpResponse:
    try:
        change()
    except AppError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, done)
    return redirect("members")


def _is_self(request: PageRequest, found: Membership) -> bool:
    return found.user_id == request.user.pk


def _get_member(request: PageRequest, member_id: int) -> Membership:
    found = get_member(organization=request.organization, member_id=member_id)
    if found is None:
        raise Http404
    return found


def _get_invitation(request: PageRequest, invitation_id: int) -> Invitation:
    found = get_invitation(organization=request.organization, invitation_id=invitation_id)
    if found is None:
        raise Http404
    return found


urlpatterns = [
    path("settings/members", index, name="members"),
    path("settings/members/invite", invite, name="member_invite"),
    path("settings/members/<int:member_id>", member, name="member"),
    path("settings/members/<int:member_id>/role", role, name="member_role"),
    path("settings/members/<int:member_id>/text", text_right, name="member_text"),
    path("settings/members/<int:member_id>/remove", remove, name="member_remove"),
    path("settings/invitations/<int:invitation_id>/resend", resend, name="invitation_resend"),
    path("settings/invitations/<int:invitation_id>/withdraw", withdraw, name="invitation_withdraw"),
    path("invitations/<str:token>", answer, name="invitation"),
]
