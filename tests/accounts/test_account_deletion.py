"""Deleting one's own account."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from accounts.models import ApiKey, AuditEntry, Membership, Organization, Role, User
from core.clock import now

PATH = "/settings/profile/delete"
PASSWORD = "quiet-harbour-42"
pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(bob: User, settings: Any) -> Client:
    """Bob, a moment after he has typed his password."""
    settings.ACCOUNT_RATE_LIMITS = False
    bob.set_password(PASSWORD)
    bob.save()
    EmailAddress.objects.get_or_create(user=bob, email=bob.email, defaults={"verified": True, "primary": True})
    client = Client()
    client.post("/account/login/", {"login": bob.email, "password": PASSWORD})
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    return client


def test_an_account_goes_and_what_it_made_stays(
    signed_in: Client, bob: User, lumen: Organization, make_key: Any
) -> None:
    key = make_key(lumen)[0]
    ApiKey.objects.filter(pk=key.pk).update(created_by=bob)
    wrong = signed_in.post(PATH, {"typed_email": "bob"})
    assert wrong.status_code == 422
    assert "exactly as shown" in wrong.content.decode()
    gone = signed_in.post(PATH, {"typed_email": bob.email.upper()})
    assert gone.headers["Location"] == "/account/login/"
    assert not User.objects.filter(pk=bob.pk).exists()
    assert not Membership.objects.filter(user_id=bob.pk).exists()
    entry = AuditEntry.objects.get(organization=lumen, action="member.left")
    assert (entry.actor_id, entry.actor_label) == (None, bob.display_name)
    key.refresh_from_db()
    assert (key.created_by, key.revoked_at) == (None, None)
    assert signed_in.get("/").headers["Location"].startswith("/account/login/")


def test_the_only_owner_hands_over_or_deletes_first(signed_in: Client, bob: User, lumen: Organization) -> None:
    mine = Organization.objects.create(name="Bob’s boats", slug="boats")
    Membership.objects.create(organization=mine, user=bob, role=Role.OWNER)
    assert "only owner of" in signed_in.get(PATH).content.decode()
    refused = signed_in.post(PATH, {"typed_email": bob.email})
    assert refused.status_code == 422
    assert Membership.objects.filter(user=bob).count() == 2
    mine.delete_after = now()
    mine.save()
    assert signed_in.post(PATH, {"typed_email": bob.email}).status_code == 302
    assert not User.objects.filter(pk=bob.pk).exists()


def test_an_old_session_must_show_who_it_is_first(bob: User) -> None:
    client = Client()
    client.force_login(bob)
    answer = client.post(PATH, {"typed_email": bob.email})
    assert answer.headers["Location"].startswith("/account/reauthenticate/")
    assert User.objects.filter(pk=bob.pk).exists()
