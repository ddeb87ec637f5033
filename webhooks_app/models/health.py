from django.contrib.postgres.fields import ArrayField
from django.db import models


class EndpointMinute(models.Model):
    """Attempts of one endpoint in one minute: the charts read this, never the attempts.

    ``histogram`` counts durations in the buckets of ``webhooks_app/histogram.py``.
    """

    endpoint_id = models.UUIDField()
    organization_id = models.UUIDField()
    minute = models.DateTimeField()
    delivered = models.PositiveIntegerField(default=0)
    retried = models.PositiveIntegerField(default=0, help_text="Attempts not accepted that will be tried again.")
    failed = models.PositiveIntegerField(default=0, help_text="Deliveries given up.")
    histogram = ArrayField(models.PositiveIntegerField(), default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint_id", "minute"], name="one_row_per_endpoint_minute")]
        indexes = [models.Index(fields=["organization_id", "minute"], name="endpoint_minute_org")]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.minute:%H:%M}"


class EndpointHour(models.Model):
    """The same in one hour, for charts of weeks."""

    endpoint_id = models.UUIDField()
    organization_id = models.UUIDField()
    hour = models.DateTimeField()
    delivered = models.PositiveIntegerField(default=0)
    retried = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    histogram = ArrayField(models.PositiveIntegerField(), default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint_id", "hour"], name="one_row_per_endpoint_hour")]
        indexes = [models.Index(fields=["organization_id", "hour"], name="endpoint_hour_org")]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.hour:%d %H}"


class OrganizationHour(models.Model):
    """The sum of an organization's ``EndpointHour`` rows of one ended hour, made by a sweep."""

    organization_id = models.UUIDField()
    hour = models.DateTimeField(db_index=True)
    delivered = models.PositiveIntegerField(default=0)
    retried = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    histogram = ArrayField(models.PositiveIntegerField(), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "hour"], name="one_row_per_organization_and_hour")
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.hour:%d %H}"
