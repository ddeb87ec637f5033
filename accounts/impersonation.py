"""An operator who looks on as somebody else: recorded at both ends, shown on every page, over after an hour.

The session stays the operator's own. While it lasts, ``request.user`` is the other person and ``request.impersonator``
the operator, except on pages about one's own account and in the operator area: nobody's password or second factor can
be touched, and "stop" always works.
"""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.models import Membership, User
from accounts.services.audit import Actor, record_change
from accounts.sessions import ORGANIZATION_KEY

KEY = "impersonation"  # {"user": pk, "organization": hex, "until": Unix seconds}
SECONDS = 3600
OWN_PATHS = ("/account/", "/operator")
STARTED, STOPPED = "impersonation.started", "impersonation.stopped"


class Impersonation:
    """Sets ``request.user`` and ``request.impersonator``. Stands before whatever asks who is looking."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(OWN_PATHS):
            found = find_impersonated(request)
            if found is not None:
                request.impersonator, request.user = request.user, found  # type: ignore[attr-defined]
        return self.get_response(request)


def find_impersonated(request: HttpRequest) -> User | None:
    """Who the session looks on as; None if it does not, if its time is over, or if it is no operator's any more."""
    kept = request.session.get(KEY)
    if not kept or kept["until"] < time.time() or not request.user.is_authenticated or not request.user.is_staff:
        return None
    return User.objects.filter(pk=kept["user"], is_active=True, is_staff=False).first()


def start_impersonation(*, request: HttpRequest, membership: Membership) -> None:
    """The operator of the request looks on as this member. Raises ``PermissionError`` for another operator."""
    if membership.user.is_staff:
        raise PermissionError("operators cannot be impersonated")
    _record(request, membership, STARTED)
    organization = membership.organization_id.hex
    request.session[KEY] = {"user": membership.user_id, "organization": organization, "until": time.time() + SECONDS}
    request.session[ORGANIZATION_KEY] = organization


def stop_impersonation(*, request: HttpRequest) -> None:
    kept = request.session.pop(KEY, None)
    request.session.pop(ORGANIZATION_KEY, None)
    if not kept:
        return
    rows = Membership.objects.select_related("organization", "user")
    membership = rows.filter(user_id=kept["user"], organization_id=kept["organization"]).first()
    if membership is not None:
        _record(request, membership, STOPPED)


def _record(request: HttpRequest, membership: Membership, action: str) -> None:
    actor = Actor.from_request(request)
    record_change(
        organization=membership.organization,
        actor=Actor(
            user=membership.user,
            label=membership.user.display_name,
            address=actor.address,
            user_agent=actor.user_agent,
            impersonator=actor.user,
        ),
        action=action,
        target_label=membership.user.display_name,
    )
