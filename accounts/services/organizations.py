"""Organizations: create, rename, delete with a grace period."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string
from django.utils.text import slugify

from accounts.models import Membership, Organization, Role, User
from accounts.revocation import mark_organization_changed
from accounts.second_factor import has_second_factor
from accounts.services.audit import Actor, record_change
from accounts.services.mail import send_mail_to
from core.clock import now
from core.errors import InvalidRequestError, invalid, missing

GRACE = timedelta(days=7)
RESERVED_SLUGS = frozenset({"admin", "api", "account", "docs", "operator", "static", "dev", "live", "settings", "v1"})


@transaction.atomic
def create_organization(*, user: User, name: str, actor: Actor) -> Organization:
    """A new organization that ``user`` owns. The slug is made from the name and is unique."""
    name = clean_name(name)
    organization = _insert_with_free_slug(name)
    Membership.objects.create(organization=organization, user=user, role=Role.OWNER)
    record_change(
        organization=organization,
        actor=actor,
        action="organization.created",
        target_id=organization.public_id,
        target_label=name,
        after={"name": name, "slug": organization.slug},
    )
    return organization


@transaction.atomic
def rename_organization(*, organization: Organization, name: str, slug: str, actor: Actor) -> Organization:
    """Raises InvalidRequestError naming ``name`` or ``slug``; a slug that is taken is refused."""
    organization = lock_organization(organization)
    before = {"name": organization.name, "slug": organization.slug}
    organization.name, organization.slug = clean_name(name), clean_slug(slug)
    after = {"name": organization.name, "slug": organization.slug}
    changed = {field for field in before if before[field] != after[field]}
    if not changed:
        return organization
    if "slug" in changed and Organization.objects.filter(slug=organization.slug).exists():
        raise _slug_taken()
    try:
        with transaction.atomic():
            organization.save(update_fields=changed)
    except IntegrityError:  # somebody took it between the look and the write
        raise _slug_taken() from None
    record_change(
        organization=organization,
        actor=actor,
        action="organization.updated",
        target_id=organization.public_id,
        target_label=organization.name,
        before={field: before[field] for field in changed},
        after={field: after[field] for field in changed},
    )
    return organization


@transaction.atomic
def require_second_factor(*, organization: Organization, is_required: bool, actor: Actor) -> Organization:
    """Keeps members without a second factor out, from their next page on. Keys go on working.

    Raises InvalidRequestError: who asks for it must have one, or would be kept out as well.
    """
    organization = lock_organization(organization)
    if is_required and (actor.user is None or not has_second_factor(actor.user)):
        raise invalid("requires_second_factor", "Set up two-factor for yourself first: it would keep you out as well.")
    if organization.requires_second_factor == is_required:
        return organization
    organization.requires_second_factor = is_required
    organization.save(update_fields=["requires_second_factor"])
    record_change(
        organization=organization,
        actor=actor,
        action="organization.updated",
        target_id=organization.public_id,
        target_label=organization.name,
        before={"requires_second_factor": not is_required},
        after={"requires_second_factor": is_required},
    )
    return organization


@transaction.atomic
def schedule_deletion(*, organization: Organization, typed_name: str, actor: Actor) -> Organization:
    """Marks for deletion in seven days; until then any owner can cancel. Mails the owners."""
    organization = lock_organization(organization)
    if typed_name.strip() != organization.name:
        raise invalid("typed_name", "Type the organization's name exactly as shown.")
    if organization.delete_after is not None:
        return organization
    organization.delete_after = now() + GRACE
    organization.save(update_fields=["delete_after"])
    record_change(
        organization=organization,
        actor=actor,
        action="organization.deletion_scheduled",
        target_id=organization.public_id,
        target_label=organization.name,
        after={"delete_after": organization.delete_after},
    )
    for owner in User.objects.filter(memberships__organization=organization, memberships__role=Role.OWNER):
        send_mail_to(owner.email, "deletion_scheduled", {"organization": organization, "actor": actor.label})
    return organization


@transaction.atomic
def cancel_deletion(*, organization: Organization, actor: Actor) -> Organization:
    organization = lock_organization(organization)
    if organization.delete_after is None:
        return organization
    before = organization.delete_after
    organization.delete_after = None
    organization.save(update_fields=["delete_after"])
    record_change(
        organization=organization,
        actor=actor,
        action="organization.deletion_cancelled",
        target_id=organization.public_id,
        target_label=organization.name,
        before={"delete_after": before},
    )
    return organization


def delete_due_organizations() -> int:
    """Deletes what has outlived its grace period, each in a transaction of its own. Returns how many."""
    deleted = 0
    while True:
        with transaction.atomic():
            due = Organization.objects.select_for_update(skip_locked=True).filter(delete_after__lte=now()).first()
            if due is None:
                return deleted
            mark_organization_changed(due.id)
            due.delete()
            deleted += 1


def lock_organization(organization: Organization) -> Organization:
    """The row, locked: whoever decides on owners or on deletion comes one after another."""
    locked = Organization.objects.select_for_update().filter(pk=organization.pk).first()
    if locked is None:
        raise InvalidRequestError("organization_not_found", "This organization no longer exists.", status=404)
    return locked


def clean_name(name: str) -> str:
    name = " ".join(name.replace("\x00", "").split())
    if not name:
        raise missing("name", "Give the organization a name.")
    if len(name) > 80:
        raise invalid("name", "Use at most 80 characters.")
    return name


def clean_slug(slug: str) -> str:
    slug = slug.strip().lower()
    if not slug:
        raise missing("slug", "Give a short name for addresses.")
    if slug != slugify(slug) or not 2 <= len(slug) <= 60 or slug.strip("-_") != slug:
        raise invalid("slug", "Use 2 to 60 lower-case letters, digits and hyphens.")
    if slug in RESERVED_SLUGS:
        raise _slug_taken()
    return slug


def _slug_taken() -> InvalidRequestError:
    return invalid("slug", "This short name is taken. Choose another.")


def _insert_with_free_slug(name: str) -> Organization:
    base = slugify(name)[:48].strip("-_")
    if len(base) < 2 or base in RESERVED_SLUGS:
        base = f"{base or 'team'}-org"
    for attempt in range(6):
        slug = base if attempt == 0 else f"{base}-{get_random_string(3 + attempt, 'abcdefghjkmnpqrstuvwxyz23456789')}"
        try:
            with transaction.atomic():
                return Organization.objects.create(name=name, slug=slug)
        except IntegrityError:
            continue
    raise InvalidRequestError("slug_unavailable", "No free short name was found. Try another name.", param="name")
