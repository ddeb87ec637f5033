from django.db import models

from accounts.models import Organization
from core.ids import uuid7
from lines.models.line import Line


class SandboxPairing(models.Model):
    """An organization's use of the shared sandbox line (spec sandbox §2). No row = missing."""

    class Status(models.TextChoices):
        PENDING = "pending"  # has a code, waits for a text
        ACTIVE = "active"  # contact_identifier is the paired number

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.OneToOneField(Organization, models.CASCADE, related_name="sandbox")
    line = models.ForeignKey(Line, models.CASCADE, related_name="pairings")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    code = models.CharField(max_length=8, blank=True)
    code_expires_at = models.DateTimeField(null=True)
    contact_identifier = models.CharField(max_length=120, blank=True)
    activated_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["line", "contact_identifier"],
                condition=models.Q(status="active"),
                name="one_pairing_per_contact",
            ),
            models.UniqueConstraint(fields=["code"], condition=models.Q(status="pending"), name="one_pairing_per_code"),
        ]

    def __str__(self) -> str:
        return f"{self.organization} {self.status}"


class SandboxUsage(models.Model):
    """Accepted sandbox sends of one organization on one UTC day."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="sandbox_days")
    day = models.DateField()
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "day"], name="one_usage_per_day")]

    def __str__(self) -> str:
        return f"{self.organization} {self.day}: {self.used}"
