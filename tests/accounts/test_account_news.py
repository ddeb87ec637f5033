"""Mail about what happened to one's account."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core import mail
from django.test import Client

from accounts.models import User
from core.clock import now

PASSWORD = "quiet-harbour-42"
AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) AppleWebKit/605 (KHTML, like Gecko) Version/17 Safari/605"


@pytest.fixture
def person(db: None, settings: Any) -> User:
    settings.ACCOUNT_RATE_LIMITS = False
    user = User.objects.create_user("maya@lumen.example", PASSWORD, name="Maya")
    User.objects.filter(pk=user.pk).update(date_joined=now() - timedelta(days=2))
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def subjects(django_capture_on_commit_callbacks: Any) -> Any:
    """Runs an act and returns the subjects of what was sent by it."""

    def run(act: Any) -> list[str]:
        before = len(mail.outbox)
        with django_capture_on_commit_callbacks(execute=True):
            act()
        return [str(message.subject) for message in mail.outbox[before:]]

    return run


def sign_in(browser: Client, password: str = PASSWORD) -> Any:
    return browser.post(
        "/account/login/", {"login": "maya@lumen.example", "password": password}, headers={"User-Agent": AGENT}
    )


def test_a_new_browser_is_told_of_once(person: User, subjects: Any) -> None:
    browser = Client()
    assert subjects(lambda: sign_in(browser)) == ["New sign-in to your account"]
    assert "Safari on macOS" in mail.outbox[-1].body
    assert "/account/sessions/" in mail.outbox[-1].body
    browser.post("/account/logout/")
    assert subjects(lambda: sign_in(browser)) == []
    assert subjects(lambda: sign_in(Client())) == ["New sign-in to your account"]


def test_a_forged_cookie_is_no_known_browser(person: User, subjects: Any) -> None:
    browser = Client()
    browser.cookies["known"] = f"{person.pk}:forged"
    assert subjects(lambda: sign_in(browser)) == ["New sign-in to your account"]


def test_a_changed_password_and_factors_are_told_of(person: User, subjects: Any) -> None:
    browser = Client()
    sign_in(browser)
    new = "other-harbour-43"
    change = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert subjects(lambda: browser.post("/account/password/change/", change)) == ["Your password was changed"]
    browser.post("/account/reauthenticate/", {"password": new})
    page = browser.get("/account/2fa/totp/activate/")
    secret = page.context["form"].secret
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    added = subjects(lambda: browser.post("/account/2fa/totp/activate/", {"code": code}))
    assert added == ["A way to sign in was added"]
    assert subjects(lambda: browser.post("/account/2fa/totp/deactivate/"))[:1] == ["A way to sign in was removed"]
