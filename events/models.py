from django.db import models

from core.ids import EVENT, public_id, uuid7


class Event(models.Model):
    """Something that happened, written once in the transaction that made it true. Never updated.

    Order: ``(xid, id)``. ``xid`` is the writing transaction's id, set by the database. A reader takes only rows below
    ``pg_snapshot_xmin(pg_current_snapshot())``: everything there is final, and nothing can appear there later, so a
    cursor neither skips nor repeats whatever the order of commits. The table is made by hand: partitioned by day.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    line_id = models.UUIDField()
    chat_id = models.UUIDField(null=True)
    type = models.CharField(max_length=40, help_text="See events/types.py.")
    object_id = models.UUIDField(null=True, help_text="The message, reaction or outbox item it is about.")
    data = models.TextField(help_text="The `data` member of the webhook as JSON text, serialised once.")
    occurred_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "events_event"

    def __str__(self) -> str:
        return f"{self.type} {self.id}"

    @property
    def public_id(self) -> str:
        return public_id(EVENT, self.id)


class ConsumerCursor(models.Model):
    """How far a consumer has read the log. Moved in the transaction of what the consumer wrote."""

    name = models.CharField(primary_key=True, max_length=40)
    xid = models.BigIntegerField(default=0)
    event_id = models.UUIDField(default="00000000-0000-0000-0000-000000000000")
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.name} at {self.xid}"
