"""A person's way through accounts and keys, in a real browser, on the real product."""

import base64
import hmac
import re
import struct
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import ApiKey, ApiRequest, Membership
from tests.axe import assert_accessible
from tests.live import Account, Product, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PASSWORD = "quiet-harbour-42"


def sign_in(page: Any, base_url: str, email: str, password: str) -> None:
    page.goto(f"{base_url}/account/login/")
    page.get_by_label("E-mail").or_(page.get_by_label("Email")).first.fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/account/login" not in url)


def open_mail(page: Any, base_url: str, email: str) -> None:
    """Follows the link of the newest mail to an address."""
    page.goto(f"{base_url}/dev/mailbox?to={email}")
    page.locator("a.lead-l").first.click()
    link = page.locator('pre a[href^="http"]').first.get_attribute("href")
    page.goto(base_url + re.sub(r"^https?://[^/]+", "", link))


def sign_up(page: Any, base_url: str, email: str, *, organization: str = "", at: str = "/account/signup/") -> None:
    page.goto(base_url + at)
    page.get_by_label("Your name").fill("Maya Okafor")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Organization").fill(organization)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("heading", name="Check your e-mail").wait_for()
    open_mail(page, base_url, email)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(lambda url: "confirm-email" not in url)


def totp(secret: str) -> str:
    """The six digits that an authenticator app shows now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_from_sign_up_to_a_revoked_key(product: Product, open_page: Callable[..., Any], size: str, theme: str) -> None:
    page = open_page(size=size, theme=theme)
    email = f"maya-{uuid4().hex[:8]}@lumen.example"
    sign_up(page, product.base_url, email, organization="Ferry Co")
    page.goto(f"{product.base_url}/api-keys")
    page.get_by_role("heading", name="Your keys will be here").wait_for()
    assert_accessible(page)
    page.get_by_role("link", name="Create key").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Create key").click()
    dialog.get_by_text("Name the key after the place it runs.").wait_for()
    dialog.get_by_label("Name").fill("prod-agent")
    dialog.get_by_role("button", name="Send only").click()
    dialog.get_by_text("4 of 15 scopes, all lines").wait_for()
    assert_accessible(page)
    dialog.get_by_role("button", name="Create key").click()
    dialog.get_by_role("heading", name="Save your key now").wait_for()
    token = dialog.locator("[data-token]").inner_text()
    assert_accessible(page)
    page.keyboard.press("Escape")
    assert dialog.is_visible()
    assert product.call("GET", "/v1/lines", token=token).status == 200
    dialog.get_by_role("button", name="Copy command").click()
    done = dialog.get_by_role("link", name="Done")
    assert done.get_attribute("aria-disabled") == "true"  # the command does not hold the key
    dialog.get_by_role("button", name="Copy key").click()
    done.click()
    page.get_by_role("heading", name="prod-agent").wait_for()
    key = ApiKey.objects.get(prefix=token[:12])
    wait_until(lambda: ApiRequest.objects.filter(api_key_id=key.pk).exists(), what="the request in the log")
    page.reload()
    request = page.get_by_role("link", name="GET /v1/lines")
    assert request.evaluate("el => el.getBoundingClientRect().width") > 80
    assert token not in page.content()
    assert_accessible(page)
    page.get_by_role("link", name="Revoke").click()
    assert dialog.get_by_role("button", name="Cancel").evaluate("el => el === document.activeElement")
    dialog.get_by_role("button", name="Revoke key").click()
    page.locator(".m-st", has_text="Revoked").wait_for()
    assert product.call("GET", "/v1/lines", token=token).status == 401


def test_an_invitation_is_followed(product: Product, open_page: Callable[..., Any]) -> None:
    account = product.make_account()
    page, guest = open_page(), f"eve-{uuid4().hex[:8]}@lumen.example"
    sign_in(page, product.base_url, account.user.email, account.password)
    page.goto(f"{product.base_url}/settings/members")
    page.get_by_role("link", name="Invite member").click()
    page.get_by_role("button", name="Send invitation").click()
    page.get_by_text("Enter an e-mail address").wait_for()
    page.get_by_label("E-mail").fill(guest)
    page.get_by_label("Role").select_option("admin")
    page.get_by_role("button", name="Send invitation").click()
    page.get_by_role("cell", name=guest, exact=True).wait_for()
    assert_accessible(page)
    other = open_page(size="phone")
    open_mail(other, product.base_url, guest)
    assert_accessible(other)
    invitation = other.url.removeprefix(product.base_url)
    other.get_by_role("link", name="Create an account").click()
    sign_up(other, product.base_url, guest, at=other.url.removeprefix(product.base_url))
    other.goto(product.base_url + invitation)
    other.get_by_role("button", name="Accept invitation").click()
    found = Membership.objects.filter(organization=account.organization, user__email=guest)
    assert wait_until(found.first, what="the membership").role == "admin"


def test_an_app_is_set_up_and_a_recovery_code_replaces_it_once(product: Product, open_page: Callable[..., Any]) -> None:
    account = product.make_account()
    page = open_page()
    sign_in(page, product.base_url, account.user.email, account.password)
    page.goto(f"{product.base_url}/account/2fa/")
    assert_accessible(page)
    page.get_by_role("link", name="Set up app").click()
    if "reauthenticate" in page.url:
        page.locator("input[type=password]").fill(account.password)
        page.locator("main form button").first.click()
    secret = page.get_by_label("Secret, if you cannot scan").input_value()
    assert_accessible(page)
    page.get_by_label("Authenticator code").fill(totp(secret))
    page.get_by_role("button", name="Switch on").click()
    page.wait_for_url(lambda url: "activate" not in url)
    page.goto(f"{product.base_url}/account/2fa/recovery-codes/")
    recovery_code = page.locator("pre").inner_text().split()[0]
    assert_accessible(page)
    other = open_page()
    answer_second_step(other, product, account, recovery_code)
    other.wait_for_url(lambda url: "/2fa/" not in url)
    other.context.clear_cookies()
    answer_second_step(other, product, account, recovery_code)
    other.get_by_text("This code is wrong or used up").wait_for()


def answer_second_step(page: Any, product: Product, account: Account, code: str) -> None:
    sign_in(page, product.base_url, account.user.email, account.password)
    page.wait_for_url("**/account/2fa/authenticate/**")
    assert_accessible(page)
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in").click()


def test_a_passkey_is_added_and_signs_in(product: Product, open_page: Callable[..., Any]) -> None:
    account = product.make_account()
    base_url = product.base_url.replace("127.0.0.1", "localhost")  # a passkey belongs to a name, not to an address
    page = open_page()
    debugger = page.context.new_cdp_session(page)
    debugger.send("WebAuthn.enable")
    debugger.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    sign_in(page, base_url, account.user.email, account.password)
    page.goto(f"{base_url}/account/2fa/webauthn/add/")
    if "reauthenticate" in page.url:
        page.locator("input[type=password]").fill(account.password)
        page.locator("main form button").first.click()
    assert_accessible(page)
    page.locator("input[name=name]").fill("Laptop")
    page.locator("input[name=passwordless]").check()
    page.locator("#mfa_webauthn_add").click()
    page.wait_for_url(lambda url: "webauthn/add" not in url)
    assert account.user.authenticator_set.filter(type="webauthn").exists()
    page.context.clear_cookies()
    page.goto(f"{base_url}/account/login/")
    page.locator("#passkey_login").click()
    page.wait_for_url(lambda url: "/account/login" not in url)
    page.goto(f"{base_url}/settings/profile")
    page.get_by_text(account.user.email).first.wait_for()


def test_a_phone_without_script_reaches_reads_and_acts(product: Product, open_page: Callable[..., Any]) -> None:
    account = product.make_account()
    page = open_page(size="phone", java_script_enabled=False)
    sign_in(page, product.base_url, account.user.email, account.password)
    page.goto(f"{product.base_url}/?view=start")
    assert all(panel.is_visible() for panel in page.get_by_role("tabpanel").all())
    assert not page.get_by_role("button", name="Search").or_(page.get_by_label("Switch theme")).first.is_visible()
    page.get_by_role("link", name="More").click()
    page.locator("#menu").get_by_role("link", name="API keys").click()
    page.get_by_role("link", name="Create key").click()
    page.get_by_label("Name").fill("by hand")
    page.get_by_role("button", name="Create key").click()
    page.locator("[data-token]").wait_for()
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke key").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("by hand works again.").wait_for()
