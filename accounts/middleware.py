"""Which organization a signed-in person is looking at, and when each session was last seen."""

from collections.abc import Callable

import redis
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

from accounts.models import Membership
from accounts.sessions import get_current_membership


class CurrentOrganization:
    """Sets ``request.membership``: the member's current one with its organization, or None."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.membership = _find(request)  # type: ignore[attr-defined]
        return self.get_response(request)


def _find(request: HttpRequest) -> Membership | None:
    if not request.user.is_authenticated:
        return None
    return get_current_membership(request.user, request.session)


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
