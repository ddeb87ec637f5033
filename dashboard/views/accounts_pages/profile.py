"""A person's own settings."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from accounts.services.profile import update_profile
from dashboard.access import PageRequest, page
from dashboard.forms.base import posted
from dashboard.forms.profile import ProfileForm


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


urlpatterns = [path("settings/profile", profile, name="profile")]
