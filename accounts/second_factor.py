"""Whether people sign in with a second factor, and organizations that ask for one."""

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import Membership, User

KINDS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)  # recovery codes come with one of these


def has_second_factor(user: User) -> bool:
    """One query."""
    return bool(Authenticator.objects.filter(user=user, type__in=KINDS).exists())


def with_second_factor(memberships: QuerySet[Membership]) -> QuerySet[Membership]:
    """Adds ``has_second_factor``."""
    return memberships.annotate(has_second_factor=_owns())


def filter_by_second_factor(memberships: QuerySet[Membership], *, has: bool) -> QuerySet[Membership]:
    """Those with, or without."""
    return memberships.filter(_owns()) if has else memberships.exclude(_owns())


def _owns() -> Exists:
    return Exists(Authenticator.objects.filter(user=OuterRef("user_id"), type__in=KINDS))


def is_kept_out(membership: Membership) -> bool:
    """Whether the organization asks for a second factor that this member, of ``with_second_factor``, has not."""
    return membership.organization.requires_second_factor and not vars(membership)["has_second_factor"]
