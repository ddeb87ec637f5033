"""A person's own settings."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from accounts.services.audit import Actor
from accounts.services.profile import delete_account, list_held_organizations, update_profile
from core.errors import AppError
from dashboard.access import PageRequest, page, refuse
from dashboard.forms.base import posted
from dashboard.forms.errors import show_error
from dashboard.forms.profile import AccountDeletionForm, ProfileForm


@page(role="signed_in")
def profile(request: PageRequest) -> HttpResponse:
    user = request.user
    form = ProfileForm(
        posted(request),
        initial={"name": user.name, "time_zone": user.time_zone, "has_shortcuts": user.has_shortcuts},
    )
    if request.method == "POST" and form.is_valid():
        update_profile(user=user, **form.cleaned_data)
        messages.success(request, "Profile saved.")
        return redirect("profile")
    return render(request, "dashboard/settings/profile.html", {"form": form}, status=422 if form.errors else 200)


@page(role="signed_in")
def delete(request: PageRequest) -> HttpResponse:
    """Deletes one's own account, after one has shown again who one is."""
    if getattr(request, "impersonator", None):
        return refuse(request, "An account is deleted by the person whose it is.")
    answer: HttpResponse = reauthentication_required(_delete)(request)
    return answer


def _delete(request: PageRequest) -> HttpResponse:
    form = AccountDeletionForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            delete_account(
                user=request.user, typed_email=form.cleaned_data["typed_email"], actor=Actor.from_request(request)
            )
        except AppError as error:
            show_error(form, error)
        else:
            logout(request)
            messages.success(request, "Your account is deleted.")
            return redirect("account_login")
    context = {"form": form, "held": list_held_organizations(user=request.user)}
    return render(request, "dashboard/settings/delete_account.html", context, status=422 if form.errors else 200)


urlpatterns = [
    path("settings/profile", profile, name="profile"),
    path("settings/profile/delete", delete, name="profile_delete"),
]
