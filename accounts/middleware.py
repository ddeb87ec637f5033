"""Which organization a signed-in person is looking at."""

from collections.abc import Callable

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
