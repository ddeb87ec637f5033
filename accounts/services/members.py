"""Members: roles, rights, leaving. An organization never loses its last owner."""

from collections.abc import Mapping

from django.db import transaction

from accounts.models import Membership, Organization, Role
from accounts.services.audit import Actor, record_change
from accounts.services.invitations import clean_role
from accounts.services.organizations import lock_organization
from core.errors import InvalidRequestError, NotFoundError


@transaction.atomic
def change_role(*, membership: Membership, role: str, actor: Actor) -> Membership:
    """Raises ``last_owner`` when nobody would be left to decide."""
    role = clean_role(role)
    membership = _lock(membership)
    before = membership.role
    if before == role:
        return membership
    if before == Role.OWNER:
        _require_other_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    _record(membership, actor, "member.role_changed", {"role": before}, {"role": role})
    return membership


@transaction.atomic
def set_text_right(*, membership: Membership, is_granted: bool, actor: Actor) -> Membership:
    """Whether a plain member may read message text (admins and owners always may)."""
    membership = _lock(membership)
    before = membership.can_read_messages
    if before != is_granted:
        membership.can_read_messages = is_granted
        membership.save(update_fields=["can_read_messages"])
        _record(
            membership,
            actor,
            "member.text_right_changed",
            {"can_read_messages": before},
            {"can_read_messages": is_granted},
        )
    return membership


@transaction.atomic
def remove_member(*, membership: Membership, actor: Actor) -> None:
    """Ends a membership. The person's keys stay: they act for the organization."""
    membership = _lock(membership)
    if membership.role == Role.OWNER:
        _require_other_owner(membership)
    end_membership(membership=membership, actor=actor)


def end_membership(*, membership: Membership, actor: Actor) -> None:
    """Whoever calls holds the organization's row and has made sure that an owner is left, or need not be."""
    is_own = actor.user is not None and actor.user.pk == membership.user_id
    _record(membership, actor, "member.left" if is_own else "member.removed", {"role": membership.role}, {})
    membership.delete()


@transaction.atomic
def transfer_ownership(*, organization: Organization, giver: Membership, taker: Membership, actor: Actor) -> None:
    """``taker`` becomes owner, ``giver`` an admin."""
    lock_organization(organization)
    giver, taker = _lock(giver), _lock(taker)
    if taker.organization_id != organization.pk or giver.organization_id != organization.pk:
        raise _gone()
    if giver.pk == taker.pk:
        raise InvalidRequestError("already_owner", "You own this organization already.", param="member", status=409)
    if giver.role != Role.OWNER:
        raise InvalidRequestError("not_owner", "Only an owner can hand the organization over.", status=403)
    before = {"owner": giver.user.email, taker.user.email: taker.role}
    taker.role, giver.role = Role.OWNER, Role.ADMIN
    taker.save(update_fields=["role"])
    giver.save(update_fields=["role"])
    _record(
        taker,
        actor,
        "organization.transferred",
        before,
        {"owner": taker.user.email, giver.user.email: giver.role},
    )


def _lock(membership: Membership) -> Membership:
    """The membership as it is now, with its organization's row locked: decisions on owners never overlap."""
    lock_organization(membership.organization)
    fresh = Membership.objects.select_related("organization", "user").filter(pk=membership.pk).first()
    if fresh is None:
        raise _gone()
    return fresh


def _gone() -> NotFoundError:
    return NotFoundError("member_not_found", "This person is no longer a member.")


def _require_other_owner(membership: Membership) -> None:
    others = Membership.objects.filter(organization=membership.organization_id, role=Role.OWNER)
    if not others.exclude(pk=membership.pk).exists():
        raise InvalidRequestError(
            "last_owner", "An organization needs an owner. Make somebody else owner first.", param="role", status=409
        )


def _record(
    membership: Membership, actor: Actor, action: str, before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    record_change(
        organization=membership.organization,
        actor=actor,
        action=action,
        target_id=f"mem_{membership.pk}",
        target_label=membership.user.email,
        before=before,
        after=after,
    )
