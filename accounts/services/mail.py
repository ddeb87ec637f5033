"""Mail of ours: one text template each, its first line the subject. Sent after commit, never inside a transaction."""

import logging
from collections.abc import Mapping
from datetime import UTC
from functools import partial
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

logger = logging.getLogger(__name__)


def send_mail_to(email: str, template: str, context: Mapping[str, Any]) -> None:
    """Sends ``templates/mail/<template>.txt`` once the current transaction is committed."""
    with timezone.override(UTC):  # not the zone of whoever caused it
        text = render_to_string(f"mail/{template}.txt", {"base_url": settings.BASE_URL, **context})
    subject, _, body = text.strip().partition("\n")
    transaction.on_commit(partial(_send, email, " ".join(subject.split()), body.strip() + "\n"))


def _send(email: str, subject: str, body: str) -> None:
    try:
        send_mail(subject, body, None, [email])
    except (OSError, SMTPException) as error:
        # What the mail tells is saved; an invitation can be sent again from its row.
        logger.error("mail %r to %s was not sent: %s", subject, email, error)
