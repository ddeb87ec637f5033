from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Organization
from lines.models.line import Line


class AlertRule(models.Model):
    """Tell somebody when a limit of a line passes a share of its value. No line = every line of the organization."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="alert_rules")
    line = models.ForeignKey(Line, models.CASCADE, null=True, blank=True, related_name="alert_rules")
    limit = models.CharField(max_length=40, help_text="A meter's name, or 'health', or '*' for all.")
    percent = models.PositiveSmallIntegerField(default=80)
    emails = ArrayField(models.EmailField(), default=list, blank=True, help_text="Empty = the admins.")
    url = models.URLField(max_length=500, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.limit} at {self.percent} %"


class AlertSent(models.Model):
    """An alert that went out; at most one for each rule, line, limit and window."""

    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="sent")
    line = models.ForeignKey(Line, models.CASCADE, related_name="alerts_sent")
    limit = models.CharField(max_length=40)
    window = models.CharField(max_length=40, help_text="The window's start, as text.")
    used = models.FloatField()
    sent_at = models.DateTimeField(auto_now_add=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "line", "limit", "window"], name="one_alert_per_window")]

    def __str__(self) -> str:
        return f"{self.limit} {self.window}"
