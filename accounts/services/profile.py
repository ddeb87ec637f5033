"""What a person changes about themselves. Not in an organization's audit log, where it concerns no organization."""

from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.models import Membership, Organization, Role, User
from accounts.services.audit import Actor
from accounts.services.mail import send_mail_to
from accounts.services.members import end_membership
from accounts.services.organizations import lock_organization
from core.errors import InvalidRequestError, invalid


def update_profile(*, user: User, name: str, time_zone: str, has_shortcuts: bool) -> User:
    user.name = " ".join(name.replace("\x00", "").split())[:120]
    user.time_zone, user.has_shortcuts = time_zone, has_shortcuts
    user.save(update_fields=["name", "time_zone", "has_shortcuts"])
    return user


def list_held_organizations(*, user: User) -> list[Organization]:
    """Those that nobody else owns and that are not about to be deleted. One query."""
    others = Membership.objects.filter(organization=OuterRef("organization"), role=Role.OWNER).exclude(user=user)
    own = Membership.objects.filter(user=user, role=Role.OWNER, organization__delete_after=None)
    rows = own.exclude(Exists(others)).select_related("organization").order_by("id")
    return [membership.organization for membership in rows]


@transaction.atomic
def delete_account(*, user: User, typed_email: str, actor: Actor) -> None:
    """Ends the person's memberships and sign-in for good. Keys and endpoints they made stay with their organizations.

    Raises InvalidRequestError naming ``typed_email``, and ``last_owner`` while an organization would be left without.
    """
    if typed_email.strip().lower() != user.email.lower():
        raise invalid("typed_email", "Type your e-mail address exactly as shown.")
    memberships = list(Membership.objects.filter(user=user).select_related("organization", "user").order_by("id"))
    for membership in memberships:
        lock_organization(membership.organization)
    held = list_held_organizations(user=user)
    if held:
        names = ", ".join(organization.name for organization in held)
        text = f"You are the only owner of {names}. Hand it over or delete it first."
        raise InvalidRequestError("last_owner", text, status=409)
    for membership in memberships:
        end_membership(membership=membership, actor=actor)
    send_mail_to(user.email, "account_deleted", {})
    user.delete()
