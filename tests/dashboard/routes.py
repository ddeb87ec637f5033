"""What the access walk needs to know about routes with parameters.

``KWARGS[name] = lambda world: {…}`` gives the arguments of Lumen's own object for the route called ``name``; add a line
for each route that takes any. ``PUBLIC_BODY`` routes answer everybody alike. ``world`` has the fixtures of
tests/conftest.py as attributes (lumen, alice, line, chat, …) and whatever ``make_world`` adds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from accounts.models import DevMail


@dataclass
class World:
    """Lumen with one of everything; ``extra`` is for objects that page authors add."""

    lumen: Any
    alice: Any
    dana: Any
    bob: Any
    other: Any
    charlie: Any
    line: Any
    chat: Any
    key: Any
    invitation: Any
    membership: Any
    extra: dict[str, Any] = field(default_factory=dict)


def a_key(world: World) -> dict[str, Any]:
    return {"key_id": world.key.public_id}


def a_member(world: World) -> dict[str, Any]:
    return {"member_id": world.membership.pk}


def an_invitation(world: World) -> dict[str, Any]:
    return {"invitation_id": world.invitation.pk}


KWARGS: dict[str, Callable[[World], dict[str, Any]]] = {
    "api_key": a_key,
    "api_key_edit": a_key,
    "api_key_roll": a_key,
    "api_key_revoke": a_key,
    "member": a_member,
    "member_role": a_member,
    "member_text": a_member,
    "member_remove": a_member,
    "invitation_resend": an_invitation,
    "invitation_withdraw": an_invitation,
    "invitation": lambda world: {"token": "unknown"},
    "mail": lambda world: {"mail_id": DevMail.objects.create(sender="a", recipients="b", subject="c", body="d").pk},
}
