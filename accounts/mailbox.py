"""A mail backend for development: messages are kept in the database and readable in the browser."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from accounts.models import DevMail


class MailboxBackend(BaseEmailBackend):
    """Stores each message as a ``DevMail`` row."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        DevMail.objects.bulk_create(
            DevMail(
                sender=message.from_email or "",
                recipients=", ".join(message.recipients()),
                subject=str(message.subject)[:300],
                body=str(message.body),
            )
            for message in email_messages
        )
        return len(email_messages)
