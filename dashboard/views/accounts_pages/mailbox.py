"""Mail that was not sent because no mail server is configured: readable here, in development only."""

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path

from accounts.models import DevMail
from core.pages import read_page
from dashboard.access import PageRequest, page


@page(role="public", methods=("GET", "HEAD"))
def index(request: PageRequest) -> HttpResponse:
    _require_mailbox()
    mails = DevMail.objects.all()
    recipient = request.GET.get("to", "").replace("\x00", "")
    if recipient:
        mails = mails.filter(recipients__icontains=recipient)
    found = read_page(mails, order=("-id",), before=request.GET.get("before"), after=request.GET.get("after"))
    return render(request, "dev/mailbox.html", {"page": found, "to": recipient})


@page(role="public", methods=("GET", "HEAD"))
def mail(request: PageRequest, mail_id: int) -> HttpResponse:
    _require_mailbox()
    return render(request, "dev/mail.html", {"mail": get_object_or_404(DevMail, pk=mail_id)})


def _require_mailbox() -> None:
    if not settings.DEV_MAILBOX_ENABLED:
        raise Http404


urlpatterns = [
    path("dev/mailbox", index, name="mailbox"),
    path("dev/mailbox/<int:mail_id>", mail, name="mail"),
]
