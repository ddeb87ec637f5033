from django.db import models


class DevMail(models.Model):
    """Mail that would have been sent, kept readable where no mail server is configured (development only)."""

    created_at = models.DateTimeField(auto_now_add=True)
    sender = models.CharField(max_length=200)
    recipients = models.CharField(max_length=500)
    subject = models.CharField(max_length=300)
    body = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["-id"], name="dev_mail_newest")]

    def __str__(self) -> str:
        return f"{self.subject} to {self.recipients}"
