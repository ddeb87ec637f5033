"""The CLI's login: OAuth with PKCE, the device grant, and a key for one organization (spec cli §8, api §9.12)."""

import base64
import hashlib
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client

from accounts.models import ApiKey, Membership, Organization
from accounts.oauth import REDIRECT_URI
from accounts.scopes import SCOPES
from tests.api.checks import refuses_bad_json
from tests.api.conftest import ApiClient
from tests.conftest import make_user

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
ASK = {
    "response_type": "code", "client_id": "messages-cli", "redirect_uri": REDIRECT_URI, "code_challenge": CHALLENGE,
    "code_challenge_method": "S256", "state": "st-1", "scope": "profile email",
}  # fmt: skip


@pytest.fixture
def browser():
    return Client()


def fields_of(response):
    import re

    text = response.content.decode()
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))


def allow(browser, user, **changes):
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    page = browser.get("/oauth/authorize", {**ASK, **changes})
    assert page.status_code == 200, page.content
    response = browser.post("/oauth/authorize", {**fields_of(page), "allow": "Authorize"})
    assert response.status_code == 302
    return response.headers["Location"]


def exchange_code(location, **changes):
    code = parse_qs(urlsplit(location).query)["code"][0]
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI, "client_id": "messages-cli",
        "code_verifier": VERIFIER, **changes,
    }  # fmt: skip
    return post_form("/oauth/token", form)


def post_form(path, form):
    return Client().post(path, urlencode(form), content_type="application/x-www-form-urlencoded")


@pytest.fixture
def log_in(browser):
    """An API client that holds an access token of a person."""
    return lambda user: ApiClient(exchange_code(allow(browser, user)).json()["access_token"])


class TestAuthorizing:
    def test_a_login_ends_in_a_named_key_with_every_scope(self, log_in, alice, lumen):
        client = log_in(alice)
        assert client.post("/api/v1/cli/orgs", {}).body["orgs"] == [
            {"id": lumen.public_id, "name": "Lumen Travel", "slug": "lumen", "role": "owner"}
        ]
        body = {"name": "messages CLI on laptop", "org_id": lumen.public_id}
        answer = client.post("/api/v1/cli/exchange", body)
        assert answer.status == 200
        made = answer.body
        assert (made["org_id"], made["email"]) == (lumen.public_id, alice.email)
        assert made["api_key"].startswith(made["key_prefix"])
        key = ApiKey.objects.get(organization=lumen)
        assert (key.name, key.source, set(key.scopes), key.line_ids) == (body["name"], "cli", set(SCOPES), None)
        assert ApiClient(made["api_key"]).get("/v1/me").status == 200
        assert client.post("/api/v1/cli/exchange", body).body["api_key"] != made["api_key"]

    def test_the_state_comes_back_and_the_redirect_is_the_listener(self, browser, alice):
        location = allow(browser, alice)
        assert location.startswith(REDIRECT_URI + "?")
        assert parse_qs(urlsplit(location).query)["state"] == ["st-1"]

    def test_who_is_not_signed_in_signs_in_first(self, browser, db):
        response = browser.get("/oauth/authorize", ASK)
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/account/login/")

    def test_refusing_tells_the_listener(self, browser, alice):
        browser.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
        page = browser.get("/oauth/authorize", ASK)
        response = browser.post("/oauth/authorize", fields_of(page))
        assert "error=access_denied" in response.headers["Location"]

    def test_the_page_may_send_its_form_on_to_the_listener_only(self, browser, alice):
        browser.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
        policy = browser.get("/oauth/authorize", ASK).headers["Content-Security-Policy"]
        assert "form-action 'self' http://127.0.0.1:33333;" in policy

    @pytest.mark.parametrize(
        "change",
        [
            {"redirect_uri": "http://127.0.0.1:33334/callback"}, {"redirect_uri": "http://localhost:33333/callback"},
            {"redirect_uri": REDIRECT_URI + "/x"}, {"client_id": "another"}, {"code_challenge_method": "plain"},
            {"code_challenge_method": ""},
        ],
    )  # fmt: skip
    def test_another_redirect_client_or_challenge_is_refused_here(self, browser, alice, change):
        browser.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
        response = browser.get("/oauth/authorize", {**ASK, **change})
        assert response.status_code in (400, 401, 403)

    @pytest.mark.parametrize("change", [{"code_verifier": "w" * 43}, {"code_verifier": ""}, {"code": "x"}])
    def test_a_code_needs_its_verifier_and_works_once(self, browser, alice, change):
        location = allow(browser, alice)
        assert exchange_code(location, **change).status_code == 400

    def test_a_code_works_once(self, browser, alice):
        location = allow(browser, alice)
        assert exchange_code(location).status_code == 200
        assert exchange_code(location).status_code == 400


class TestDevice:
    def test_a_device_is_let_in_by_its_code(self, browser, alice, lumen):
        started = post_form("/oauth/device-authorization", {"client_id": "messages-cli", "scope": "profile email"})
        assert started.status_code == 200, started.content
        codes = started.json()
        assert codes["verification_uri"].endswith("/oauth/device")
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": codes["device_code"],
            "client_id": "messages-cli",
        }  # fmt: skip
        waiting = post_form("/oauth/token", form)
        assert (waiting.status_code, waiting.json()["error"]) == (400, "authorization_pending")
        browser.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
        assert b"Let messages-dev CLI in" in browser.post("/oauth/device", {"user_code": codes["user_code"]}).content
        browser.post("/oauth/device", {"user_code": codes["user_code"], "decision": "allow"})
        token = post_form("/oauth/token", form)
        assert token.status_code == 200, token.content
        client = ApiClient(token.json()["access_token"])
        assert client.post("/api/v1/cli/orgs", {}).body["orgs"][0]["id"] == lumen.public_id
        assert post_form("/oauth/token", form).status_code == 400
        assert post_form("/oauth/token", {"grant_type": form["grant_type"]}).status_code == 400

    def test_a_wrong_code_is_told_beside_the_field(self, browser, alice):
        browser.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
        response = browser.post("/oauth/device", {"user_code": "WRONG"})
        assert response.status_code == 400
        assert b"Incorrect user code" in response.content


class TestExchanging:
    def test_a_token_is_needed(self, db):
        for path in ("/api/v1/cli/orgs", "/api/v1/cli/exchange"):
            for token in (None, "nonsense"):
                assert ApiClient(token).post(path, {}).error[:3] == (
                    401,
                    "authentication_error",
                    "invalid_access_token",
                )

    def test_an_api_key_is_no_access_token(self, api):
        assert api.post("/api/v1/cli/orgs", {}).error[2] == "invalid_access_token"

    def test_another_organization_and_a_plain_member_are_refused(self, log_in, alice, bob, lumen, other):
        client = log_in(alice)
        body = {"name": "x", "org_id": other.public_id}
        assert client.post("/api/v1/cli/exchange", body).error == (
            403, "authorization_error", "organization_not_accessible", None,
        )  # fmt: skip
        assert log_in(bob).post("/api/v1/cli/exchange", {**body, "org_id": lumen.public_id}).error[2] == (
            "insufficient_role"
        )

    def test_who_has_no_second_factor_gets_no_key_where_one_is_asked_for(self, log_in, alice, lumen):
        client = log_in(alice)
        Organization.objects.filter(pk=lumen.pk).update(requires_second_factor=True)
        answer = client.post("/api/v1/cli/exchange", {"name": "x", "org_id": lumen.public_id})
        assert answer.error == (403, "authorization_error", "second_factor_required", None)

    def test_an_account_without_organization_is_told_so(self, log_in, lumen):
        eve = make_user("eve@nowhere.example")
        client = log_in(eve)
        assert client.post("/api/v1/cli/orgs", {}).body["orgs"] == []
        assert Membership.objects.filter(user=eve).count() == 0
        answer = client.post("/api/v1/cli/exchange", {"name": "x", "org_id": lumen.public_id})
        assert answer.error == (403, "authorization_error", "no_active_organization", None)

    def test_bad_input_is_named(self, log_in, alice):
        client = log_in(alice)
        assert client.post("/api/v1/cli/exchange", {"name": "x"}).error[2:] == ("missing_required_parameter", "org_id")
        wrong = client.post("/api/v1/cli/exchange", {"name": "x", "org_id": "ln_1"})
        assert wrong.error[2:] == ("invalid_parameter_value", "org_id")
        refuses_bad_json(client, "/api/v1/cli/exchange")
