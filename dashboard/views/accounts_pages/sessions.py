"""Where a person is signed in. allauth's page asks three queries for each session; this one asks two for all."""

from typing import Any

from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.contrib import messages
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.generic.edit import FormView

from accounts.agents import name_agent
from core.clock import now
from dashboard.access import PageRequest, page

MOST = 100


class SessionList(ListUserSessionsView):  # type: ignore[misc]
    """The newest ``MOST`` that have not ended, oldest first; signing out elsewhere is allauth's."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = FormView.get_context_data(self, **kwargs)
        alive = Session.objects.filter(expire_date__gt=now()).values("session_key")
        rows = UserSession.objects.filter(user=self.request.user, session_key__in=alive).order_by("-created_at")[:MOST]
        sessions = list(rows)[::-1]
        return context | {"sessions": sessions, "session_count": len(sessions), "show_last_seen_at": True}


@page(role="signed_in", methods=("POST",))
def end(request: PageRequest, session_id: int) -> HttpResponse:
    """Signs out one browser of the person's own; this one by its own button."""
    found = UserSession.objects.filter(user=request.user, pk=session_id).first()
    if found is None:
        messages.error(request, "That browser is signed out already.")
    elif found.session_key == request.session.session_key:
        messages.error(request, "This is the browser you are using. Sign out from the menu.")
    else:
        found.end()
        messages.success(request, f"{name_agent(found.user_agent)} at {found.ip} is signed out.")
    return redirect("usersessions_list")


sessions = page(role="signed_in")(SessionList.as_view())
urlpatterns = [
    path("account/sessions/", sessions, name="usersessions_list"),
    path("account/sessions/<int:session_id>/end", end, name="session_end"),
]
