from django.db import models

from core.ids import uuid7


class EngineBatch(models.Model):
    """A run of events whose deliveries an engine has in its hands and has not written down yet.

    Written in the transaction that moves the log's cursor beyond the run, gone in the one that writes the last row.
    When its lease is over, whoever finds it writes down what is missing, to be claimed by anybody.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    first_xid = models.BigIntegerField()
    first_id = models.UUIDField()
    last_xid = models.BigIntegerField()
    last_id = models.UUIDField()
    lease_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.id} until {self.lease_until:%H:%M:%S}"
