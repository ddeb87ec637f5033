from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Organization
from core.ids import FILE, public_id, uuid7


class File(models.Model):
    """Bytes in storage, with what was found out about them. Immutable once written."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="files")
    storage_key = models.CharField(max_length=200)
    filename = models.CharField(max_length=255, blank=True)
    mime_type = models.CharField(max_length=100)
    size = models.BigIntegerField()
    sha256 = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)
    # Sound: filled when the file is first used as a voice memo
    audio_caf_key = models.CharField(max_length=200, blank=True, help_text="24 kHz Opus in CAF, as sent.")
    audio_m4a_key = models.CharField(max_length=200, blank=True, help_text="AAC, for browsers.")
    duration_seconds = models.FloatField(null=True)
    peaks = ArrayField(models.PositiveSmallIntegerField(), default=list, help_text="64 values, 0 to 100.")

    class Meta:
        indexes = [models.Index(fields=["organization", "-id"], name="file_org")]

    def __str__(self) -> str:
        return self.filename or self.public_id

    @property
    def public_id(self) -> str:
        return public_id(FILE, self.id)
