"""Asking for a real line, and what becomes of it: operators are told by mail, and so is who asked."""

from django.db import IntegrityError, transaction

from accounts.models import Organization, User
from accounts.services.audit import Actor, record_change
from accounts.services.mail import send_mail_to
from core.clock import now
from core.errors import invalid
from core.handles import is_handle, normalise_handle
from lines.models import Line, LineRequest

MAX_OPEN = 10
MAX_NOTE = 1000
Status = LineRequest.Status


def list_requests(*, organization: Organization, limit: int = 20) -> list[LineRequest]:
    """Newest first."""
    rows = LineRequest.objects.filter(organization=organization).select_related("asked_by")
    return list(rows.order_by("-id")[:limit])


def list_open_requests(*, limit: int = 50) -> list[LineRequest]:
    """Of all organizations, who waits longest first."""
    rows = LineRequest.objects.filter(status=Status.OPEN).select_related("organization", "asked_by")
    return list(rows.order_by("id")[:limit])


def request_line(*, organization: Organization, handle: str, note: str = "", actor: Actor) -> LineRequest:
    """Raises 400 ``handle`` or ``note``: no number, one in use, asked for already, or too many that are open."""
    handle, note = normalise_handle(handle), note.replace("\0", "").strip()
    if not is_handle(handle):
        raise invalid("handle", "Give a number with its country code, such as +14155550142, or an Apple ID.")
    if len(note) > MAX_NOTE:
        raise invalid("note", f"A note has {MAX_NOTE:,} characters at most.")
    if Line.objects.filter(handle=handle, deleted_at=None).exists():
        raise invalid("handle", "This is a line already.")
    mine = LineRequest.objects.filter(organization=organization, status=Status.OPEN)
    if mine.count() >= MAX_OPEN:
        raise invalid("handle", f"{MAX_OPEN} requests are open already. Withdraw one first.")
    try:
        with transaction.atomic():
            asked = LineRequest.objects.create(
                organization=organization, handle=handle, note=note, asked_by_id=getattr(actor.user, "pk", None)
            )
            record_change(
                organization=organization,
                actor=actor,
                action="line.requested",
                target_label=handle,
                after={"handle": handle, "note": note},
            )
            for email in User.objects.filter(is_staff=True, is_active=True).values_list("email", flat=True):
                send_mail_to(email, "line_request", {"asked": asked})
    except IntegrityError:
        raise invalid("handle", "You have asked for this one already.") from None
    return asked


def close_request(*, asked: LineRequest, status: str, answer: str = "", actor: Actor) -> LineRequest:
    """Connected, declined or withdrawn. What is closed already stays as it is."""
    with transaction.atomic():
        locked = LineRequest.objects.select_for_update().select_related("organization").get(pk=asked.pk)
        if not locked.is_open:
            return locked
        locked.status, locked.answer, locked.closed_at = Status(status), answer.strip()[:300], now()
        locked.save(update_fields=["status", "answer", "closed_at"])
        record_change(
            organization=locked.organization,
            actor=actor,
            action="line.request_closed",
            target_label=locked.handle,
            after={"status": locked.status, "answer": locked.answer},
        )
        if locked.asked_by is not None and status != Status.WITHDRAWN:
            send_mail_to(locked.asked_by.email, "line_request_closed", {"asked": locked})
    return locked
