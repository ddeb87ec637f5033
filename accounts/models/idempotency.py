from django.db import models


class IdempotencyRecord(models.Model):
    """What a POST with an ``Idempotency-Key`` answered, kept for 24 hours (spec api §6). No status = still running."""

    api_key_id = models.UUIDField()
    path = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    body_hash = models.BinaryField(max_length=32)
    request_id = models.CharField(max_length=20)
    status = models.PositiveSmallIntegerField(null=True)
    response = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key_id", "path", "key"], name="one_answer_per_key")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return f"{self.path} {self.key}"
