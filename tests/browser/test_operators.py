"""An operator looks on as somebody in a real browser; and somebody signs in with an account elsewhere."""

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from django.test import Client

from accounts.models import AuditEntry, Organization, User
from config.env import Env
from config.sign_in import list_sign_in_providers
from tests.accounts.provider import Provider, run_provider

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_operator_looks_on_and_everybody_can_see_it(
    open_page: Any, live_server: Any, client: Client, lumen: Organization, alice: User, bob: User
) -> None:
    olga = User.objects.create_user("olga@operator.example", "x", name="Olga Operator", is_staff=True)
    client.force_login(olga)
    page = open_page()
    session = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    page.context.add_cookies([session])
    page.goto(f"{live_server.url}/operator/organizations/{lumen.public_id}")
    page.get_by_role("row", name="Bob Kim").get_by_role("button", name="Impersonate").click()
    banner = page.get_by_role("region", name="Impersonation")
    banner.wait_for()
    assert "You look on as Bob Kim" in banner.inner_text()
    assert lumen.name in page.locator("body").inner_text()
    page.goto(f"{live_server.url}/api-keys")  # on every page
    assert banner.is_visible()

    hers = Client()  # the organization is told meanwhile, and finds it in its log
    hers.force_login(alice)
    own = open_page()
    session["value"] = hers.cookies["sessionid"].value
    own.context.add_cookies([session])
    own.goto(live_server.url + "/settings/members")
    told = own.get_by_role("region", name="Notice").inner_text()
    assert "olga@operator.example is looking at this organization as Bob Kim" in told
    own.goto(live_server.url + "/settings/audit")
    entry = own.get_by_role("row", name="impersonation.started").inner_text()
    assert "operator olga@operator.example" in entry

    banner.get_by_role("button", name="Stop").click()
    page.wait_for_url("**/operator")
    assert banner.count() == 0
    stopped = AuditEntry.objects.get(organization=lumen, action="impersonation.stopped")
    assert (stopped.actor, stopped.impersonator) == (bob, olga)


@pytest.fixture
def provider(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    values = {"GITHUB_CLIENT_ID": "the-id", "GITHUB_CLIENT_SECRET": "the-secret"}
    settings.SOCIALACCOUNT_PROVIDERS = list_sign_in_providers(Env(values))
    with run_provider() as running:
        monkeypatch.setattr(GitHubOAuth2Adapter, "authorize_url", running.url + "/login/oauth/authorize")
        monkeypatch.setattr(GitHubOAuth2Adapter, "access_token_url", running.url + "/login/oauth/access_token")
        monkeypatch.setattr(GitHubOAuth2Adapter, "profile_url", running.url + "/user")
        monkeypatch.setattr(GitHubOAuth2Adapter, "emails_url", running.url + "/user/emails")
        yield running


def test_somebody_signs_in_with_an_account_elsewhere(
    open_page: Any, live_server: Any, lumen: Organization, alice: User, provider: Provider
) -> None:
    """To the provider's own address and back: the policy of the page lets the form go there, and nowhere else."""
    EmailAddress.objects.get_or_create(user=alice, email=alice.email, defaults={"verified": True, "primary": True})
    provider.knows(alice.email)
    page = open_page()
    page.goto(live_server.url + "/account/login/")
    page.get_by_role("link", name="GitHub").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Overview").or_(page.get_by_role("heading", name="Welcome")).first.wait_for()
    assert provider.requests[0][1]["redirect_uri"] == [live_server.url + "/account/github/login/callback/"]
    assert lumen.name in page.locator("body").inner_text()
