import re
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.test import Client

from accounts.models import Invitation, Membership, Organization, Role, User
from accounts.services.audit import Actor
from accounts.services.invitations import invite_member

PASSWORD = "quiet-harbour-42"


def first_link(text: str) -> str:
    found = re.search(r"https?://[^/\s]+(/\S+)", text)
    assert found
    return found[1]


def sign_up(client: Client, **fields: str) -> Any:
    return client.post("/account/signup/", {"email": "maya@lumen.example", "password1": PASSWORD, **fields})


def confirm(client: Client) -> Any:
    return client.post(first_link(mail.outbox[-1].body))


@pytest.fixture
def _cleared_throttle(settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = False


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_cleared_throttle")]


def test_signing_up_leads_to_a_verified_owner(client: Client) -> None:
    response = sign_up(client, name="Maya Okafor", organization="Ferry Co")
    assert response.headers["Location"].startswith("/account/confirm-email")
    assert client.get("/settings").status_code == 302
    assert mail.outbox[-1].subject == "Confirm your e-mail address"
    confirm(client)
    user = User.objects.get(email="maya@lumen.example")
    assert user.name == "Maya Okafor"
    membership = Membership.objects.get(user=user)
    assert (membership.organization.name, membership.role) == ("Ferry Co", Role.OWNER)
    assert client.get("/settings").status_code == 200


def test_an_organization_gets_a_name_when_none_is_given(client: Client) -> None:
    sign_up(client)
    assert Organization.objects.get().name == "Maya’s organization"


def test_an_unverified_address_cannot_sign_in(client: Client) -> None:
    sign_up(client)
    response = Client().post("/account/login/", {"login": "maya@lumen.example", "password": PASSWORD})
    assert response.headers["Location"].startswith("/account/confirm-email")


@pytest.mark.parametrize(
    "fields", [{"email": "nonsense"}, {"password1": "short"}, {"password1": "password123"}, {"organization": "x" * 81}]
)
def test_wrong_sign_up_makes_nothing(client: Client, fields: dict[str, str]) -> None:
    response = sign_up(client, **fields)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not User.objects.exists()
    assert not Organization.objects.exists()


def test_an_address_in_use_is_not_given_away(client: Client, alice: User) -> None:
    response = sign_up(client, email=alice.email)
    assert response.headers["Location"].startswith("/account/confirm-email")
    assert mail.outbox[-1].subject == "You have an account already"
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_somebody_invited_joins_without_an_organization_of_their_own(
    client: Client, lumen: Organization, as_alice: Actor
) -> None:
    invite_member(organization=lumen, email="maya@lumen.example", role="admin", actor=as_alice)
    place = first_link(mail.outbox[-1].body)
    assert "Join Lumen Travel" in client.get(place).content.decode()
    sign_up(client, next=place)
    confirm(client)
    response = client.post(place)
    assert response.headers["Location"] == "/"
    membership = Membership.objects.get(user__email="maya@lumen.example")
    assert (membership.organization, membership.role) == (lumen, Role.ADMIN)
    assert Invitation.objects.get().accepted_at is not None


def test_a_password_is_reset_by_mail(client: Client, alice: User) -> None:
    client.post("/account/password/reset/", {"email": alice.email})
    response = client.get(first_link(mail.outbox[-1].body), follow=True)
    client.post(response.redirect_chain[-1][0], {"password1": "a-new-harbour-7", "password2": "a-new-harbour-7"})
    alice.refresh_from_db()
    assert alice.check_password("a-new-harbour-7")


def test_a_page_of_a_session_is_written_once_a_minute(
    client: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    client.force_login(alice)
    client.get("/settings/profile")
    with django_assert_max_num_queries(4):
        assert client.get("/settings/profile").status_code == 200


def test_what_is_missing_is_asked_for_in_plain_words(client: Client) -> None:
    for address, words in (
        ("/account/signup/", ("Enter your e-mail address.", "Choose a password.")),
        ("/account/login/", ("Enter your e-mail address.", "Enter your password.")),
        ("/account/password/reset/", ("Enter your e-mail address.",)),
    ):
        shown = client.post(address, {}).content.decode()
        assert all(one in shown for one in words), address
        assert shown.count("autofocus") == 1 + ('id="palette"' in shown)
    wrong = client.post("/account/login/", {"login": "nobody@x.example", "password": "wrong-wrong"}).content.decode()
    assert "E-mail or password is wrong." in wrong
    assert "Enter an e-mail address such as" in sign_up(client, email="nope").content.decode()
    assert "none that many others use" in client.get("/account/signup/").content.decode()


def test_somebody_who_asks_too_often_gets_a_page_that_says_so(client: Client, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"reset_password": "1/h/ip"}
    answers = [client.post("/account/password/reset/", {"email": "nobody@x.example"}) for _ in range(2)]
    assert answers[-1].status_code == 429
    assert "Wait a few minutes" in answers[-1].content.decode()


def test_an_address_is_added_with_a_second_factor_too(client: Client, alice: User) -> None:
    TOTP.activate(alice, "A" * 32)
    client.force_login(alice)
    answer = client.post("/account/email/", {"email": "alice@new.example", "action_add": ""})
    assert answer.status_code == 302
    assert "alice@new.example" in client.get("/account/email/").content.decode()
