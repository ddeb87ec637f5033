from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Organization
from lines.limit_math import PRESSING_REACH_OUTS
from lines.models.line import Line


class LineHour(models.Model):
    """What one line did in one UTC hour. Changed only inside the transaction of the message it counts."""

    line = models.ForeignKey(Line, models.CASCADE, related_name="hours")
    hour = models.DateTimeField()
    inbound = models.PositiveIntegerField(default=0)
    outbound = models.PositiveIntegerField(default=0)
    reach_outs = models.PositiveIntegerField(default=0, help_text="To contacts silent for more than 24 h.")
    new_contacts = models.PositiveIntegerField(default=0, help_text="First message ever from a contact.")
    contacts = models.PositiveIntegerField(
        default=0, help_text="Contacts heard for the first time that day, who started the conversation."
    )
    minutes = ArrayField(models.PositiveIntegerField(), default=list, help_text="Outbound of each of the 60 minutes.")
    peak_minute = models.PositiveIntegerField(default=0, help_text="The most outbound messages in one minute.")
    failed = models.PositiveIntegerField(default=0)
    held = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["line", "hour"], name="one_row_per_line_hour")]
        indexes = [  # small: hours like this are rare, and every page asks for them
            models.Index(
                fields=["line", "hour"],
                name="line_hour_pressing",
                condition=models.Q(reach_outs__gte=PRESSING_REACH_OUTS),
            )
        ]

    def __str__(self) -> str:
        return f"{self.line} {self.hour:%Y-%m-%d %H}h"


class LineDayContact(models.Model):
    """A contact who started the conversation on a line on one UTC day: counts unique contacts exactly."""

    line = models.ForeignKey(Line, models.CASCADE, related_name="+")
    day = models.DateField()
    contact = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["line", "day", "contact"], name="one_row_per_line_day_contact")]

    def __str__(self) -> str:
        return f"{self.line} {self.day} {self.contact}"


class OrganizationHour(models.Model):
    """What an organization's own lines did in one UTC hour that has ended: the sum of ``LineHour``, made by a sweep."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField(db_index=True)
    inbound = models.PositiveIntegerField(default=0)
    outbound = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "hour"], name="one_row_per_organization_hour")]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.hour:%Y-%m-%d %H}h"
