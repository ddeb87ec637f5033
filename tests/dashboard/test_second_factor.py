"""An organization that asks its members for two-factor sign-in."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import AuditEntry, Membership, Organization, User
from accounts.sessions import find_membership

pytestmark = pytest.mark.django_db
PATH = "/settings/second-factor"


def set_up(user: User) -> None:
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})


def text(response: Any) -> str:
    return str(response.content.decode())


@pytest.fixture
def strict(lumen: Organization) -> Organization:
    lumen.requires_second_factor = True
    lumen.save()
    return lumen


def test_who_asks_for_it_must_have_it(owner: Client, alice: User, lumen: Organization) -> None:
    assert "Set it up for yourself" in text(owner.get("/settings"))
    assert "Set up two-factor for yourself first" in text(
        owner.post(PATH, {"requires_second_factor": "on"}, follow=True)
    )
    lumen.refresh_from_db()
    assert not lumen.requires_second_factor
    set_up(alice)
    assert "Members need two-factor" in text(owner.post(PATH, {"requires_second_factor": "on"}, follow=True))
    entry = AuditEntry.objects.get(action="organization.updated")
    assert (entry.before, entry.after) == ({"requires_second_factor": False}, {"requires_second_factor": True})
    assert "Two-factor is up to each member" in text(owner.post(PATH, follow=True))
    lumen.refresh_from_db()
    assert not lumen.requires_second_factor


def test_a_member_without_one_is_kept_out_until_it_is_set_up(member: Client, bob: User, strict: Organization) -> None:
    for path in ("/", "/conversations", "/lines", "/settings"):
        response = member.get(path)
        assert response.status_code == 403
        assert "asks for two-factor" in text(response)
    assert member.post("/sandbox-phone/phones", {"name": "B"}).status_code == 403
    toast = member.get("/conversations/rows", headers={"HX-Request": "true"})
    assert "two-factor" in toast.headers["HX-Trigger"]
    assert find_membership(member.session) is None, "nor a live stream"
    assert member.get("/account/2fa/").status_code == 200
    set_up(bob)
    assert member.get("/conversations").status_code == 200
    assert find_membership(member.session) is not None


def test_another_organization_of_theirs_stays_open(
    member: Client, bob: User, strict: Organization, other: Organization
) -> None:
    Membership.objects.create(organization=other, user=bob)
    page = member.get("/")
    assert f"Go to {other.name}" in text(page)
    member.post("/organizations/switch", {"organization": other.public_id})
    assert member.get("/").status_code == 200


def test_owners_see_who_has_none(owner: Client, member: Client, alice: User, bob: User) -> None:
    set_up(alice)
    assert "without two-factor" in text(owner.get("/settings"))
    without = text(owner.get("/settings/members?factor=none"))
    assert "chip-factor" in without
    assert bob.email in without
    assert f'<span class="cut d-b">{alice.email}' not in without
    assert "chip-factor" not in text(member.get("/settings/members?factor=none")), "members see roles"
