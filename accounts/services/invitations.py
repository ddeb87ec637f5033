"""Invitations: offered by e-mail, open for seven days, answered once."""

import hashlib
import secrets
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Invitation, Membership, Organization, Role, User
from accounts.services.audit import Actor, record_change
from accounts.services.mail import send_mail_to
from accounts.services.organizations import lock_organization
from core.clock import now
from core.errors import InvalidRequestError, NotFoundError, invalid

LIFETIME = timedelta(days=7)
MOST_OPEN = 200
UNDO = timedelta(seconds=30)  # longer than the toast that offers it stays


@transaction.atomic
def invite_member(*, organization: Organization, email: str, role: str, actor: Actor) -> Invitation:
    """Offers a role to an address. Raises for a member's address and for one that is invited already."""
    email, role = _clean_email(email), clean_role(role)
    organization = lock_organization(organization)
    if Membership.objects.filter(organization=organization, user__email__iexact=email).exists():
        raise invalid("email", "This person is a member already.")
    waiting = Invitation.objects.filter(organization=organization, accepted_at=None, revoked_at=None)
    present = waiting.filter(email__iexact=email).first()
    if present is not None and present.expires_at > now():
        raise invalid("email", "This address is invited already. Send the invitation again from the list.")
    if present is not None:  # expired: its place is taken by the new one
        present.revoked_at = now()
        present.save(update_fields=["revoked_at"])
    _require_room(waiting)
    token, token_hash = _new_token()
    invitation = Invitation.objects.create(
        organization=organization,
        email=email,
        role=role,
        token_hash=token_hash,
        invited_by=actor.user,
        sent_at=now(),
        expires_at=now() + LIFETIME,
    )
    _mail(invitation, token, actor)
    _record(invitation, actor, "invitation.created", after={"email": email, "role": role})
    return invitation


@transaction.atomic
def resend_invitation(*, invitation: Invitation, actor: Actor) -> Invitation:
    """A new link with a new week; the old link ends."""
    invitation = _lock(invitation)
    _require_open(invitation)
    token, invitation.token_hash = _new_token()
    invitation.sent_at, invitation.expires_at = now(), now() + LIFETIME
    invitation.save(update_fields=["token_hash", "sent_at", "expires_at"])
    _mail(invitation, token, actor)
    _record(invitation, actor, "invitation.resent", after={"expires_at": invitation.expires_at})
    return invitation


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, actor: Actor) -> Invitation:
    invitation = _lock(invitation)
    if invitation.revoked_at is not None:
        return invitation
    _require_open(invitation)
    invitation.revoked_at = now()
    invitation.save(update_fields=["revoked_at"])
    _record(invitation, actor, "invitation.revoked", before={"email": invitation.email, "role": invitation.role})
    return invitation


@transaction.atomic
def restore_invitation(*, invitation: Invitation, actor: Actor) -> Invitation:
    """Takes a withdrawal back, for ``UNDO``: the link that was mailed works again.

    Raises ``invitation_revoked`` (410) after that, and if the address has been invited anew.
    """
    organization = lock_organization(invitation.organization)
    invitation = _lock(invitation)
    if invitation.revoked_at is None:
        return invitation
    waiting = Invitation.objects.filter(organization=organization, accepted_at=None, revoked_at=None)
    is_invited = waiting.filter(email__iexact=invitation.email).exists()
    if invitation.accepted_at is not None or invitation.revoked_at + UNDO < now() or is_invited:
        raise InvalidRequestError("invitation_revoked", "It is too late to take this back. Invite again.", status=410)
    _require_room(waiting)
    invitation.revoked_at = None
    invitation.save(update_fields=["revoked_at"])
    _record(invitation, actor, "invitation.restored", after={"email": invitation.email, "role": invitation.role})
    return invitation


@transaction.atomic
def accept_invitation(*, token: str, user: User, actor: Actor) -> Membership:
    """Joins. Raises for a link that is unknown, used, revoked or expired, or that was sent to somebody else."""
    invitation = find_invitation(token)
    if invitation is None:
        raise NotFoundError("invitation_not_found", "This invitation does not exist. Ask for a new one.")
    invitation = _lock(invitation)
    present = Membership.objects.filter(organization=invitation.organization, user=user).first()
    if present is not None:
        _close(invitation)
        return present
    _require_open(invitation)
    if invitation.expires_at <= now():
        raise InvalidRequestError("invitation_expired", "This invitation has expired. Ask for a new one.", status=410)
    if not is_addressed_to(invitation, user):
        raise InvalidRequestError(
            "invitation_for_another_address",
            f"This invitation was sent to {invitation.email}. Sign in with that address to accept it.",
            status=403,
        )
    membership = Membership.objects.create(organization=invitation.organization, user=user, role=invitation.role)
    _close(invitation)
    _record(invitation, actor, "invitation.accepted", after={"member": user.email, "role": membership.role})
    return membership


def find_invitation(token: str) -> Invitation | None:
    """The invitation behind a link, in whatever state it is."""
    digest = hashlib.sha256(token.encode()).digest()
    return Invitation.objects.select_related("organization", "invited_by").filter(token_hash=digest).first()


def is_addressed_to(invitation: Invitation, user: User) -> bool:
    """Whether the address it was sent to is confirmed as this person's."""
    return bool(EmailAddress.objects.filter(user=user, email__iexact=invitation.email, verified=True).exists())


def clean_role(role: str) -> str:
    if role not in Role.values:
        raise invalid("role", "Choose owner, admin or member.")
    return role


def _clean_email(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise invalid("email", "Enter an e-mail address such as maya@lumen.travel.") from None
    if len(email) > 254:
        raise invalid("email", "This address is too long.")
    return email


def _new_token() -> tuple[str, bytes]:
    token = secrets.token_urlsafe(32)
    return token, hashlib.sha256(token.encode()).digest()


def _lock(invitation: Invitation) -> Invitation:
    found = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("organization", "invited_by")
        .filter(pk=invitation.pk)
        .first()
    )
    if found is None:
        raise NotFoundError("invitation_not_found", "This invitation does not exist any more.")
    return found


def _require_open(invitation: Invitation) -> None:
    if invitation.accepted_at is not None:
        raise InvalidRequestError("invitation_used", "This invitation has been accepted already.", status=409)
    if invitation.revoked_at is not None:
        raise InvalidRequestError("invitation_revoked", "This invitation was withdrawn. Ask for a new one.", status=410)


def _require_room(waiting: QuerySet[Invitation]) -> None:
    if waiting.count() >= MOST_OPEN:
        raise invalid("email", f"There are {MOST_OPEN} open invitations. Revoke some first.")


def _close(invitation: Invitation) -> None:
    if invitation.accepted_at is None:
        invitation.accepted_at = now()
        invitation.save(update_fields=["accepted_at"])


def _mail(invitation: Invitation, token: str, actor: Actor) -> None:
    send_mail_to(
        invitation.email,
        "invitation",
        {"invitation": invitation, "organization": invitation.organization, "token": token, "inviter": actor.label},
    )


def _record(
    invitation: Invitation,
    actor: Actor,
    action: str,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    record_change(
        organization=invitation.organization,
        actor=actor,
        action=action,
        target_label=invitation.email,
        before=before,
        after=after,
    )
