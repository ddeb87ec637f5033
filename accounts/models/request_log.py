from datetime import datetime

from django.db import models

from core.ids import time_of, uuid7


class ApiRequest(models.Model):
    """One API request. Written in bulk, off the hot path; partitioned by day through the key.

    The table is made by hand in the migration, hence ``managed = False``.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request_id = models.CharField(max_length=20)
    organization_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField(null=True)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=500, help_text="With its query, secrets removed.")
    route = models.CharField(max_length=80, help_text="The path without ids and query, for filters.")
    status = models.PositiveSmallIntegerField()
    error_code = models.CharField(max_length=60, blank=True)
    duration_ms = models.FloatField()
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    request_body = models.TextField(blank=True)
    response_body = models.TextField(blank=True)
    object_id = models.CharField(max_length=40, blank=True, help_text="Public id of what it created, such as obx_…")

    class Meta:
        managed = False
        db_table = "accounts_apirequest"

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"

    @property
    def at(self) -> datetime:
        return time_of(self.id)
