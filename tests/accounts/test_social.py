"""Signing in with GitHub or Google: offered where the operator has set it up, and only with a confirmed address."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from django.test import Client

from accounts.models import User
from config.env import Env
from config.sign_in import list_sign_in_providers
from tests.accounts.provider import Provider, run_provider

pytestmark = pytest.mark.django_db
ENVIRONMENT = {
    f"{name}_CLIENT_{part}": f"the-{part.lower()}" for name in ("GITHUB", "GOOGLE") for part in ("ID", "SECRET")
}


@pytest.fixture
def offered(settings: Any) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = list_sign_in_providers(Env(ENVIRONMENT))


@pytest.fixture
def provider(offered: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with run_provider() as running:
        for name, path in (
            ("authorize_url", "/login/oauth/authorize"),
            ("access_token_url", "/login/oauth/access_token"),
            ("profile_url", "/user"),
            ("emails_url", "/user/emails"),
        ):
            monkeypatch.setattr(GitHubOAuth2Adapter, name, running.url + path)
        yield running


def begin(client: Client, name: str = "github") -> dict[str, list[str]]:
    """Presses the button; returns the query of the provider's page that the person is sent to."""
    answer = client.post(f"/account/{name}/login/")
    assert answer.status_code == 302
    return parse_qs(urlsplit(answer.headers["Location"]).query)


def come_back(client: Client) -> Any:
    state = begin(client)["state"][0]
    return client.get(f"/account/github/login/callback/?code=the-code&state={state}")


def is_signed_in(client: Client) -> bool:
    return client.get("/settings/profile").status_code == 200


def test_nothing_is_offered_without_settings(client: Client, settings: Any) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = list_sign_in_providers(Env({}))
    for address in ("/account/login/", "/account/signup/"):
        page = client.get(address).content.decode()
        assert "GitHub" not in page
        assert "Google" not in page
    assert client.post("/account/github/login/").status_code == 404


def test_each_provider_has_a_button(client: Client, offered: None) -> None:
    page = client.get("/account/login/").content.decode()
    assert 'href="/account/github/login/' in page
    assert 'href="/account/google/login/' in page


@pytest.mark.parametrize(
    ("name", "place"),
    [("github", "github.com/login/oauth/authorize"), ("google", "accounts.google.com/o/oauth2/v2/auth")],
)
def test_the_button_leads_to_the_provider_and_back(client: Client, offered: None, name: str, place: str) -> None:
    page = client.get(f"/account/{name}/login/")
    assert page.status_code == 200  # asks first: another site's link signs nobody in
    origin = f"https://{place.partition('/')[0]}"
    assert f"form-action 'self' {origin};" in page.headers["Content-Security-Policy"]
    answer = client.post(f"/account/{name}/login/")
    target = urlsplit(answer.headers["Location"])
    query = parse_qs(target.query)
    assert (target.scheme, target.netloc + target.path) == ("https", place)
    assert query["client_id"] == ["the-id"]
    assert query["redirect_uri"] == [f"http://testserver/account/{name}/login/callback/"]
    assert query["state"][0]


def test_other_pages_send_forms_nowhere_else(client: Client, offered: None) -> None:
    policy = client.get("/account/login/").headers["Content-Security-Policy"]
    assert "form-action 'self';" in policy


def test_a_person_known_by_a_confirmed_address_is_signed_in(client: Client, provider: Provider, alice: User) -> None:
    EmailAddress.objects.get_or_create(user=alice, email=alice.email, defaults={"verified": True, "primary": True})
    provider.knows(alice.email)
    come_back(client)
    assert is_signed_in(client)
    assert str(client.session["_auth_user_id"]) == str(alice.pk)
    asked = dict(provider.requests)
    assert asked["/login/oauth/access_token"]["code"] == ["the-code"]
    assert asked["/login/oauth/access_token"]["client_secret"] == ["the-secret"]


def test_an_address_the_provider_has_not_confirmed_opens_nobodys_account(
    client: Client, provider: Provider, alice: User
) -> None:
    EmailAddress.objects.get_or_create(user=alice, email=alice.email, defaults={"verified": True, "primary": True})
    provider.knows(alice.email, is_verified=False)
    come_back(client)
    assert not is_signed_in(client)
    assert not SocialAccount.objects.filter(user=alice).exists()


def test_somebody_new_gets_an_account_of_their_own(client: Client, provider: Provider) -> None:
    provider.knows("maya@lumen.example")
    answer = come_back(client)
    if answer.headers.get("Location") == "/account/3rdparty/signup/":
        client.post("/account/3rdparty/signup/", {"email": "maya@lumen.example"})
    account = SocialAccount.objects.get(provider="github", uid="7")
    assert account.user.email == "maya@lumen.example"


def test_an_answer_nobody_asked_for_signs_nobody_in(client: Client, provider: Provider, alice: User) -> None:
    provider.knows(alice.email)
    client.get("/account/github/login/callback/?code=the-code&state=forged")
    assert not is_signed_in(client)
    assert provider.requests == []
