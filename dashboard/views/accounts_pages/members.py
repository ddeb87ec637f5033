"""Members of the organization."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from accounts.models import Membership, Role
from accounts.selectors import count_members, get_member, list_members, list_open_invitations
from accounts.services.audit import Actor
from accounts.services.invitations import invite_member
from accounts.services.members import change_role, remove_member, set_text_right
from core.clock import now
from core.errors import AppError
from dashboard.access import PageRequest, page
from dashboard.filters import Choice, FilterBar, Search
from dashboard.forms.base import posted
from dashboard.forms.errors import show_error
from dashboard.forms.organization import InvitationForm
from dashboard.undo import say_with_undo

FACTORS = [("on", "Set up"), ("none", "Not set up")]
FEW = 5  # invitations above the members; the rest has a page of its own


@page(role="member", methods=("GET", "HEAD"))
def index(request: PageRequest) -> HttpResponse:
    choices = [Choice("role", "Role", Role.choices)]
    if request.membership.is_admin:
        choices.append(Choice("factor", "Two-factor", FACTORS))
    bar = FilterBar(request, [Search("q", "Name or e-mail"), *choices])
    factors = bar.values("factor") if request.membership.is_admin else []
    found = list_members(
        organization=request.organization,
        search=bar.text().replace("\x00", "")[:100],
        roles=bar.values("role"),
        has_factor=factors == ["on"] if len(factors) == 1 else None,
        before=request.GET.get("before"),
        after=request.GET.get("after"),
    )
    is_first_page = not (request.GET.get("before") or request.GET.get("after") or bar.is_set)
    invited = list_open_invitations(organization=request.organization, size=FEW) if is_first_page else None
    counts = count_members(organization=request.organization)
    context = {
        "page": found,
        "bar": bar,
        "invitations": invited.rows if invited else [],
        "has_more_invited": bool(invited and invited.older),
        "counts": counts,
        "total": sum(counts.values()),
        "can_manage": request.membership.is_owner,
        "now": now(),
    }
    return render(request, "dashboard/settings/members.html", context)


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
        {"member": found, "roles": Role.choices, "is_self": found.user_id == request.user.pk},
    )


@page(role="owner", methods=("POST",))
def role(request: PageRequest, member_id: int) -> HttpResponse:
    """Gives ``role``, also in the address (undo)."""
    found = _get_member(request, member_id)
    before, wanted = found.role, request.POST.get("role") or request.GET.get("role", "")
    try:
        after = change_role(membership=found, role=wanted, actor=Actor.from_request(request))
    except AppError as error:
        messages.error(request, error.message)
    else:
        article = "a" if after.role == Role.MEMBER else "an"
        said = f"{found.user.display_name} is {article} {after.get_role_display().lower()} now."
        _say(request, found, said, undo=f"role?role={before}" if after.role != before else "")
    return redirect("members")


@page(role="owner", methods=("POST",))
def text_right(request: PageRequest, member_id: int) -> HttpResponse:
    """Gives or takes the right to read messages; ``can_read_messages`` also in the address (undo)."""
    found = _get_member(request, member_id)
    asked = request.POST.get("can_read_messages") or request.GET.get("can_read_messages")
    before, is_granted = found.can_read_messages, asked == "on"
    try:
        set_text_right(membership=found, is_granted=is_granted, actor=Actor.from_request(request))
    except AppError as error:
        messages.error(request, error.message)
    else:
        said = f"{found.user.display_name} {'can' if is_granted else 'can no longer'} read messages."
        undo = f"text?can_read_messages={'on' if before else 'off'}" if before != is_granted else ""
        _say(request, found, said, undo=undo)
    return redirect("members")


@page(role="owner")
def remove(request: PageRequest, member_id: int) -> HttpResponse:
    """Asks, then ends the membership."""
    found = _get_member(request, member_id)
    is_self = found.user_id == request.user.pk
    if request.method != "POST":
        return render(request, "dashboard/settings/remove.html", {"member": found, "is_self": is_self})
    try:
        remove_member(membership=found, actor=Actor.from_request(request))
    except AppError as error:
        messages.error(request, error.message)
        return redirect("members")
    messages.success(request, f"{found.user.display_name} is removed.")
    return redirect("/" if is_self else "members")


# --- parts -----------------------------------------------------------------------------------------------------------


def _say(request: PageRequest, found: Membership, said: str, *, undo: str) -> None:
    """Who gave up their own rights cannot take it back: somebody else has to."""
    if undo and not (found.user_id == request.user.pk and undo.startswith("role")):
        say_with_undo(request, said, undo=f"/settings/members/{found.pk}/{undo}")
    else:
        messages.success(request, said)


def _get_member(request: PageRequest, member_id: int) -> Membership:
    found = get_member(organization=request.organization, member_id=member_id)
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
]
