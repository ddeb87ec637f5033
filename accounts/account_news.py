"""Tells people by mail what happened to their account: what they did not do themselves, they should hear of at once."""

from datetime import timedelta
from typing import Any

from allauth.account import signals as account_signals
from allauth.mfa import signals as factor_signals
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from accounts.addresses import get_client_address
from accounts.agents import name_agent
from accounts.models import User
from accounts.services.mail import send_mail_to
from core.clock import now

COOKIE, SALT = "known", "accounts.known-browser"
KEPT_SECONDS = 365 * 86_400
MOST_PEOPLE = 10  # whose browser one browser is
FRESH = timedelta(hours=1)
FACTORS = {
    Authenticator.Type.TOTP: "authenticator app",
    Authenticator.Type.WEBAUTHN: "passkey or security key",
    Authenticator.Type.RECOVERY_CODES: "set of recovery codes",
}


@receiver(account_signals.user_logged_in)
def note_browser(request: HttpRequest, user: User, response: HttpResponse, **_: Any) -> None:
    """A browser that has not been signed in with for a year is told of; who has just joined knows it."""
    known = _read_known(request)
    if user.pk not in known and user.date_joined < now() - FRESH:
        _tell(
            request,
            user,
            "New sign-in to your account",
            "Somebody signed in to your account with a browser that is new to it",
        )
    kept = [user.pk, *(key for key in known if key != user.pk)][:MOST_PEOPLE]
    response.set_signed_cookie(
        COOKIE, "-".join(map(str, kept)), salt=SALT, max_age=KEPT_SECONDS, httponly=True, samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip


def _read_known(request: HttpRequest) -> list[int]:
    value = request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=KEPT_SECONDS)
    return [int(key) for key in value.split("-")] if value else []


@receiver([account_signals.password_changed, account_signals.password_set, account_signals.password_reset])
def tell_of_password(request: HttpRequest, user: User, **_: Any) -> None:
    _tell(request, user, "Your password was changed", "The password of your account was changed")


@receiver(account_signals.email_changed)
def tell_of_address(request: HttpRequest, user: User, from_email_address: Any, to_email_address: Any, **_: Any) -> None:
    """The old address hears of it: the new one may be a stranger's."""
    if from_email_address is not None:
        words = f"The e-mail address of your account was changed to {to_email_address.email}"
        _tell(request, user, "Your e-mail address was changed", words, to=from_email_address.email)


@receiver(factor_signals.authenticator_added)
def tell_of_factor(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:  # they come with the first factor
        words = f"A new {FACTORS[authenticator.type]} can be used to sign in to your account"
        _tell(request, user, "A way to sign in was added", words)


@receiver(factor_signals.authenticator_removed)
def tell_of_lost_factor(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    words = f"A {FACTORS[authenticator.type]} of your account was removed"
    _tell(request, user, "A way to sign in was removed", words)


@receiver(factor_signals.authenticator_reset)
def tell_of_new_codes(request: HttpRequest, user: User, **_: Any) -> None:
    _tell(request, user, "New recovery codes", "New recovery codes were made for your account; the old ones are void")


def _tell(request: HttpRequest, user: User, subject: str, words: str, *, to: str = "") -> None:
    context = {
        "subject": subject,
        "words": words,
        "at": now(),
        "agent": name_agent(request.headers.get("User-Agent", "")),
        "address": get_client_address(request) or "an unknown address",
    }
    send_mail_to(to or user.email, "account_news", context)
