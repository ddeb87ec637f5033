from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from core.ids import ORGANIZATION, public_id, uuid7


class Role(models.TextChoices):
    """What a member may do (spec dashboard §2): a member reads, an admin manages, an owner also decides on people."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MEMBER = "member", "Member"


class Organization(models.Model):
    """Owns everything: keys, lines, files, webhooks, conversations."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    suspended_at = models.DateTimeField(null=True, blank=True, help_text="Set by an operator: keys are refused.")
    suspended_reason = models.CharField(max_length=200, blank=True)
    requires_second_factor = models.BooleanField(default=False, help_text="Members without one are kept out.")
    delete_after = models.DateTimeField(null=True, blank=True, help_text="Deletion was asked for; runs then.")
    sandbox_daily_messages = models.PositiveIntegerField(null=True, blank=True, help_text="Empty = the default.")
    requests_per_hour = models.PositiveIntegerField(null=True, blank=True, help_text="Empty = the default.")
    features = models.JSONField(default=dict, blank=True, help_text="Feature switches set by an operator.")

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return public_id(ORGANIZATION, self.id)


class Membership(models.Model):
    """One person in one organization, in one role."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    can_read_messages = models.BooleanField(
        default=False, help_text="A plain member sees message text only with this right; admins and owners always do."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="one_membership_each")]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization} as {self.role}"

    @property
    def is_admin(self) -> bool:
        """Whether the member may manage keys, webhooks and lines."""
        return self.role in (Role.OWNER, Role.ADMIN)

    @property
    def is_owner(self) -> bool:
        return self.role == Role.OWNER

    @property
    def sees_text(self) -> bool:
        return self.is_admin or self.can_read_messages


class Invitation(models.Model):
    """An e-mailed offer to join; the link's token is stored as a hash."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    token_hash = models.BinaryField(max_length=32, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("email"),
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation_each",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.organization}"
