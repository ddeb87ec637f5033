"""Letting a command line in, as a person does it: the consent page and the page that takes a device's code."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.axe import assert_accessible
from tests.browser.test_accounts import sign_in
from tests.live import Account, Answer, Product, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
REDIRECT = "http://127.0.0.1:33333/callback"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def make_pair() -> tuple[str, str]:
    """A verifier and its S256 challenge (RFC 7636)."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).decode().rstrip("=")


def post_form(product: Product, path: str, form: dict[str, str]) -> Answer:
    return product.call(
        "POST", path, content=urlencode(form).encode(), Content_Type="application/x-www-form-urlencoded"
    )


def exchange_for_key(product: Product, account: Account, access_token: str) -> Any:
    """What the CLI does with its token: chooses the organization, takes a key, uses it."""
    organizations = product.call("POST", "/api/v1/cli/orgs", token=access_token, content={}).json()["orgs"]
    assert [one["id"] for one in organizations] == [account.organization.public_id]
    body = {"name": "messages CLI on laptop", "org_id": organizations[0]["id"]}
    made = product.call("POST", "/api/v1/cli/exchange", token=access_token, content=body).json()
    me = product.call("GET", "/v1/me", token=made["api_key"])
    assert (me.status, me.json()["key"]["name"]) == (200, body["name"])
    return made


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_a_command_line_is_let_in_and_its_key_shows_and_goes(
    product: Product, open_page: Callable[..., Any], size: str, theme: str
) -> None:
    account, page, (verifier, challenge) = product.make_account(), open_page(size=size, theme=theme), make_pair()
    ask = {
        "response_type": "code", "client_id": "messages-cli", "redirect_uri": REDIRECT, "state": "st-1",
        "code_challenge": challenge, "code_challenge_method": "S256", "scope": "profile email",
    }  # fmt: skip
    page.goto(f"{product.base_url}/oauth/authorize?{urlencode(ask)}")
    assert "/account/login/" in page.url
    sign_in_here(page, account)
    page.get_by_role("heading", name="Let messages-dev CLI in?").wait_for()
    page.get_by_text(account.user.email).wait_for()
    assert_accessible(page)
    with page.expect_request(lambda request: request.url.startswith(REDIRECT)) as asked:
        page.get_by_role("button", name="Allow").click()
    answer = parse_qs(urlsplit(asked.value.url).query)
    assert answer["state"] == ["st-1"]
    form = {
        "grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": REDIRECT,
        "client_id": "messages-cli", "code_verifier": verifier,
    }  # fmt: skip
    token = post_form(product, "/oauth/token", form)
    assert token.status == 200, token.body
    made = exchange_for_key(product, account, token.json()["access_token"])
    page = open_page(size=size, theme=theme)
    sign_in(page, product.base_url, account.user.email, account.password)
    page.goto(f"{product.base_url}/api-keys")
    page.get_by_role("link", name="messages CLI on laptop").click()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke key").click()
    page.locator(".m-st", has_text="Revoked").wait_for()
    assert product.call("GET", "/v1/me", token=made["api_key"]).status == 401


@pytest.mark.parametrize(("size", "theme"), [("desktop", "dark"), ("phone", "light")])
def test_a_device_is_let_in_by_its_code(product: Product, open_page: Callable[..., Any], size: str, theme: str) -> None:
    account, page = product.make_account(), open_page(size=size, theme=theme)
    asked = {"client_id": "messages-cli", "scope": "profile email"}
    codes = post_form(product, "/oauth/device-authorization", asked).json()
    form = {"grant_type": DEVICE_GRANT, "device_code": codes["device_code"], "client_id": "messages-cli"}
    waiting = post_form(product, "/oauth/token", form)
    assert (waiting.status, waiting.json()["error"]) == (400, "authorization_pending")
    page.goto(f"{product.base_url}/oauth/device")
    sign_in_here(page, account)
    page.get_by_label("Code").fill("NO-SUCH")
    page.get_by_role("button", name="Continue").click()
    page.locator("[aria-invalid=true]").wait_for()
    assert_accessible(page)
    page.get_by_label("Code").fill(codes["user_code"].lower())
    page.get_by_role("button", name="Continue").click()
    page.get_by_text(codes["user_code"]).wait_for()
    assert_accessible(page)
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("heading", name="You can go back to your device").wait_for()
    assert_accessible(page)
    token = wait_until(lambda: find_token(product, form), seconds=20, what="the device's token")
    exchange_for_key(product, account, token)


def find_token(product: Product, form: dict[str, str]) -> str | None:
    answer = post_form(product, "/oauth/token", form)
    return str(json.loads(answer.body)["access_token"]) if answer.status == 200 else None


def sign_in_here(page: Any, account: Account) -> None:
    """Signs in on the page that asked for it, and comes back to where it was going."""
    page.get_by_label("E-mail").or_(page.get_by_label("Email")).first.fill(account.user.email)
    page.get_by_label("Password", exact=True).fill(account.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/account/login" not in url)
