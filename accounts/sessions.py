"""Who a session belongs to, and which organization it looks at."""

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.utils.crypto import constant_time_compare

from accounts.models import Membership, User
from accounts.second_factor import is_kept_out, with_second_factor

ORGANIZATION_KEY = "organization"  # hex of the current organization's id
MOST_MEMBERSHIPS = 100


def find_membership(session: SessionBase) -> Membership | None:
    """The current membership of the signed-in person, without a request: for streams beside Django."""
    user_id = session.get(SESSION_KEY)
    if user_id is None or BACKEND_SESSION_KEY not in session:
        return None
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return None
    membership = get_current_membership(user, session)
    return None if membership is None or is_kept_out(membership) else membership


def get_current_membership(user: User, session: SessionBase) -> Membership | None:
    """The membership chosen in the session, or the oldest one; None without any."""
    return choose_membership(list_memberships(user), session)


def list_memberships(user: User) -> list[Membership]:
    """The organizations of a person, for the switcher: oldest first, at most ``MOST_MEMBERSHIPS``. One query."""
    memberships = with_second_factor(Membership.objects.filter(user=user)).select_related("organization")
    return list(memberships.order_by("id")[:MOST_MEMBERSHIPS])


def choose_membership(memberships: list[Membership], session: SessionBase) -> Membership | None:
    """The one that the session names, of those of one person; else the first."""
    wanted = session.get(ORGANIZATION_KEY)
    chosen = (one for one in memberships if one.organization_id.hex == wanted)
    return next(chosen, memberships[0] if memberships else None)
