"""Which organization a signed-in person is looking at, and when each session was last seen."""

from collections.abc import Callable

import redis
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

from accounts.sessions import choose_membership, list_memberships


class CurrentOrganization:
    """Sets ``request.memberships``, and ``request.membership``: the current one with its organization, or None."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        memberships = list_memberships(request.user) if request.user.is_authenticated else []
        request.memberships = memberships  # type: ignore[attr-defined]
        request.membership = choose_membership(memberships, request.session)  # type: ignore[attr-defined]
        return self.get_response(request)


class SessionActivity:
    """Keeps the list of sessions fresh: address, agent and last use, written at most once a minute per session.

    allauth's own middleware writes on every request, which is four statements more on every page.
    """

    EVERY_SECONDS = 60

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.session.session_key
        if key and request.user.is_authenticated and self._is_due(key):
            UserSession.objects.create_from_request(request)
        return self.get_response(request)

    def _is_due(self, session_key: str) -> bool:
        try:
            return bool(cache.add(f"session-seen:{session_key}", 1, self.EVERY_SECONDS))
        except redis.RedisError:
            return True  # pages work without Redis; this one only writes more
