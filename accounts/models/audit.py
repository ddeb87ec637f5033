from django.conf import settings
from django.db import models

from accounts.models.organization import Organization
from core.ids import uuid7


class AuditEntry(models.Model):
    """One change: by whom, from where, what was before and after. Never updated."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="audit_entries")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    actor_label = models.CharField(max_length=200, help_text="Name at the time, or the key's name, or 'system'.")
    impersonator = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=60, help_text="noun.verb, such as api_key.revoked")
    target_id = models.CharField(max_length=80, blank=True, help_text="Public id of what was changed.")
    target_label = models.CharField(max_length=200, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["organization", "-id"], name="audit_org"),
            models.Index(fields=["organization", "action", "-id"], name="audit_org_action"),
            models.Index(fields=["organization", "actor", "-id"], name="audit_org_actor"),
            models.Index(fields=["organization", "target_id", "-id"], name="audit_org_target"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_label}"
