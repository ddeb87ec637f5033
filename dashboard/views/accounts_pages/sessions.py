"""Where a person is signed in. allauth's page asks three queries for each session; this one asks two for all."""

from typing import Any

from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.contrib.sessions.models import Session
from django.urls import path
from django.views.generic.edit import FormView

from core.clock import now
from dashboard.access import page

MOST = 100


class SessionList(ListUserSessionsView):  # type: ignore[misc]
    """The newest ``MOST`` that have not ended, oldest first; signing out elsewhere is allauth's."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = FormView.get_context_data(self, **kwargs)
        alive = Session.objects.filter(expire_date__gt=now()).values("session_key")
        rows = UserSession.objects.filter(user=self.request.user, session_key__in=alive).order_by("-created_at")[:MOST]
        sessions = list(rows)[::-1]
        return context | {"sessions": sessions, "session_count": len(sessions), "show_last_seen_at": True}


sessions = page(role="signed_in")(SessionList.as_view())
urlpatterns = [path("account/sessions/", sessions, name="usersessions_list")]
