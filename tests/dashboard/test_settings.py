import csv
import hashlib
import io
from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from accounts.models import AuditEntry, Invitation, Membership, Organization, Role, User
from accounts.services.audit import Actor, record_change
from accounts.services.invitations import invite_member
from accounts.services.organizations import schedule_deletion
from core.clock import now
from tests.conftest import make_user


@pytest.fixture
def as_owner(client: Client, alice: User) -> Client:
    client.force_login(alice)
    client.get("/settings/profile")
    return client


def text(response: Any) -> str:
    return response.content.decode()


def test_renaming_tells_a_taken_slug_beside_the_field(
    as_owner: Client, lumen: Organization, other: Organization
) -> None:
    response = as_owner.post("/settings", {"name": "Lumen", "slug": "other"})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["slug"]
    assert as_owner.post("/settings", {"name": "Lumen", "slug": "lumen-2"}).status_code == 302
    lumen.refresh_from_db()
    assert (lumen.name, lumen.slug) == ("Lumen", "lumen-2")


def test_a_member_reads_settings_and_may_not_change_them(client: Client, lumen: Organization, bob: User) -> None:
    client.force_login(bob)
    assert "Owners change these" in text(client.get("/settings"))
    assert client.post("/settings", {"name": "Bob’s", "slug": "bobs"}).status_code == 403
    refused = client.post("/settings", {"name": "Bob’s"}, headers={"HX-Request": "true"})
    assert refused.status_code == 403
    assert "owner" in refused.headers["HX-Trigger"]
    assert refused.headers["HX-Reswap"] == "none"


def test_inviting_a_member_and_a_second_time(as_owner: Client, lumen: Organization, bob: User) -> None:
    assert as_owner.post("/settings/members/invite", {"email": bob.email, "role": "member"}).status_code == 422
    assert as_owner.post("/settings/members/invite", {"email": "", "role": "member"}).status_code == 422
    assert as_owner.post("/settings/members/invite", {"email": "e@x.example", "role": "king"}).status_code == 422
    assert as_owner.post("/settings/members/invite", {"email": "eve@x.example", "role": "admin"}).status_code == 302
    assert as_owner.post("/settings/members/invite", {"email": "eve@x.example", "role": "admin"}).status_code == 422
    assert "eve@x.example" in text(as_owner.get("/settings/members"))
    invitation = Invitation.objects.get()
    as_owner.post(f"/settings/invitations/{invitation.pk}/resend")
    as_owner.post(f"/settings/invitations/{invitation.pk}/withdraw")
    invitation.refresh_from_db()
    assert invitation.revoked_at is not None
    assert "withdrawn" in text(as_owner.post(f"/settings/invitations/{invitation.pk}/resend", follow=True))


def test_the_last_owner_can_neither_leave_nor_step_down(as_owner: Client, alice: User, bob: User) -> None:
    own = Membership.objects.get(user=alice)
    for place, data in (
        ("/settings/leave", {}),
        (f"/settings/members/{own.pk}/role", {"role": "member"}),
        (f"/settings/members/{own.pk}/remove", {}),
    ):
        assert "needs an owner" in text(as_owner.post(place, data, follow=True))
    own.refresh_from_db()
    assert own.role == Role.OWNER


def test_a_role_that_changed_while_the_page_was_open_is_refused(as_owner: Client, alice: User, dana: User) -> None:
    Membership.objects.filter(user=dana).update(role=Role.OWNER)
    Membership.objects.filter(user=alice).update(role=Role.MEMBER)
    target = Membership.objects.get(user=dana)
    assert as_owner.post(f"/settings/members/{target.pk}/role", {"role": "member"}).status_code == 403
    target.refresh_from_db()
    assert target.role == Role.OWNER


def test_somebody_removed_while_the_page_was_open_is_gone(as_owner: Client, bob: User) -> None:
    member = Membership.objects.get(user=bob)
    as_owner.post(f"/settings/members/{member.pk}/remove")
    assert as_owner.post(f"/settings/members/{member.pk}/remove").status_code == 404


def test_roles_rights_and_handing_over(as_owner: Client, lumen: Organization, alice: User, bob: User) -> None:
    member = Membership.objects.get(user=bob)
    as_owner.post(f"/settings/members/{member.pk}/text", {"can_read_messages": "on"})
    member.refresh_from_db()
    assert member.can_read_messages
    assert as_owner.post("/settings/transfer", {"member": "who@x.example"}).status_code == 422
    assert as_owner.post("/settings/transfer", {"member": bob.email.upper()}).status_code == 302
    member.refresh_from_db()
    assert member.role == Role.OWNER
    assert Membership.objects.get(user=alice).role == Role.ADMIN


def test_deleting_needs_the_name_and_can_be_taken_back(as_owner: Client, lumen: Organization) -> None:
    assert as_owner.post("/settings/delete", {"typed_name": "lumen"}).status_code == 422
    as_owner.post("/settings/delete", {"typed_name": lumen.name})
    lumen.refresh_from_db()
    assert lumen.delete_after is not None
    assert "will be deleted" in text(as_owner.get("/settings"))
    as_owner.post("/settings/delete/cancel")
    lumen.refresh_from_db()
    assert lumen.delete_after is None


def test_every_page_says_that_the_organization_ends(
    client: Client, as_owner: Client, lumen: Organization, bob: User
) -> None:
    schedule_deletion(organization=lumen, typed_name=lumen.name, actor=Actor())
    for address in ("/", "/settings", "/api-keys"):
        assert "will be deleted on" in text(as_owner.get(address))
    assert "Keep it" in text(as_owner.get("/lines"))
    client.force_login(bob)
    shown = text(client.get("/lines"))
    assert "will be deleted on" in shown
    assert "Keep it" not in shown


def test_handing_over_asks_for_an_address(as_owner: Client) -> None:
    assert "Enter the e-mail of the member" in text(as_owner.post("/settings/transfer", {"member": " "}))


def test_the_only_owner_is_told_before_leaving(as_owner: Client) -> None:
    assert "You are the only owner" in text(as_owner.get("/settings/leave"))


def test_an_invitation_of_somebody_else_says_whom_it_is_for(
    client: Client, lumen: Organization, alice: User, charlie: User
) -> None:
    invite_member(organization=lumen, email="eve@x.example", role=Role.MEMBER, actor=Actor(user=alice))
    Invitation.objects.update(token_hash=hashlib.sha256(b"abc").digest())
    client.force_login(charlie)
    shown = text(client.get("/invitations/abc"))
    assert "Only eve@x.example can accept it" in shown
    assert "Accept invitation" not in shown
    client.force_login(alice)
    assert "You belong to Lumen" in text(client.get("/invitations/abc"))


def test_switching_reaches_own_organizations_only(
    as_owner: Client, alice: User, other: Organization, charlie: User
) -> None:
    as_owner.post("/organizations/switch", {"organization": other.public_id})
    assert "Other Co" not in text(as_owner.get("/settings/members"))
    Membership.objects.create(organization=other, user=alice, role=Role.MEMBER)
    response = as_owner.post("/organizations/switch", {"organization": other.public_id, "next": "//evil.example/"})
    assert response.headers["Location"] == "/"
    assert "Other Co" in text(as_owner.get("/settings"))


def test_an_expired_invitation_says_so(client: Client, lumen: Organization, alice: User) -> None:
    Invitation.objects.create(
        organization=lumen,
        email="eve@x.example",
        token_hash=hashlib.sha256(b"abc").digest(),
        expires_at=now() - timedelta(days=1),
    )
    assert "expired" in text(client.get("/invitations/abc"))
    client.force_login(make_user("eve@x.example"))
    assert client.post("/invitations/abc").status_code == 422


def test_a_thousand_members_cost_no_more_queries(
    as_owner: Client, lumen: Organization, django_assert_max_num_queries: Any
) -> None:
    people = User.objects.bulk_create(User(email=f"p{n:04}@lumen.example", password="!") for n in range(1000))
    Membership.objects.bulk_create(Membership(organization=lumen, user=user) for user in people)
    with django_assert_max_num_queries(8):
        response = as_owner.get("/settings/members")
    assert len(response.context["page"].rows) == 50
    with django_assert_max_num_queries(8):
        found = as_owner.get("/settings/members?q=p0042")
    assert [row.user.email for row in found.context["page"].rows] == ["p0042@lumen.example"]


def test_many_invitations_are_paged(as_owner: Client, lumen: Organization) -> None:
    Invitation.objects.bulk_create(
        Invitation(
            organization=lumen,
            email=f"i{n:02}@x.example",
            token_hash=hashlib.sha256(b"%d" % n).digest(),
            expires_at=now() + timedelta(days=1),
        )
        for n in range(60)
    )
    beside_members = as_owner.get("/settings/members")
    assert [one.email[:3] for one in beside_members.context["invitations"]] == ["i59", "i58", "i57", "i56", "i55"]
    assert "All invitations" in text(beside_members)
    first = as_owner.get("/settings/invitations")
    rest = as_owner.get(f"/settings/invitations?before={first.context['page'].older}")
    seen = [one.email for page in (first, rest) for one in page.context["invitations"]]
    assert seen == [f"i{n:02}@x.example" for n in reversed(range(60))]
    last = rest.context["invitations"][-1]
    answer = as_owner.post(f"/settings/invitations/{last.pk}/withdraw", {"list": "all"})
    assert answer.headers["Location"] == "/settings/invitations"


def test_the_audit_log_is_narrowed_and_exported(
    as_owner: Client, lumen: Organization, other: Organization, alice: User, django_assert_max_num_queries: Any
) -> None:
    by_alice = Actor(user=alice, label="=cmd()|' /C calc'!A0", address="203.0.113.7")
    for n in range(120):
        record_change(
            organization=lumen, actor=by_alice, action="api_key.created", target_label=f"key {n}", after={"n": n}
        )
    record_change(
        organization=lumen, actor=Actor(), action="member.left", target_label="bob", before={"role": "member"}
    )
    record_change(organization=other, actor=Actor(), action="member.left", target_label="foreign")
    with django_assert_max_num_queries(8):
        response = as_owner.get("/settings/audit?action=api_key.created&q=key 11")
    assert [entry.target_label for entry, *_ in response.context["rows"]][:3] == ["key 119", "key 118", "key 117"]
    by_somebody = as_owner.get("/settings/audit?q=CALC&action=api_key.created&action=member.left").context["rows"]
    assert len(by_somebody) == 50
    assert {entry.action for entry, *_ in by_somebody} == {"api_key.created"}
    page = as_owner.get("/settings/audit")
    assert len(page.context["rows"]) == 50
    assert "foreign" not in text(page)
    for query in (
        "actor=zero",
        "from=never",
        "to=2026-99-99",
        "actor=99999999999999999999",
        "before=%00",
        "q=%00",
    ):
        assert as_owner.get(f"/settings/audit?{query}").status_code == 200
    exported = as_owner.get("/settings/audit.csv?time=1h")
    rows = list(csv.DictReader(io.StringIO(exported.getvalue().decode())))
    assert len(rows) == 121
    assert rows[0]["action"] == "member.left"
    assert rows[1]["actor"].startswith("'=")
    assert AuditEntry.objects.filter(organization=lumen).count() == 121


def test_the_audit_log_leads_to_what_was_changed(as_owner: Client, lumen: Organization) -> None:
    for action, target in (("webhook.updated", "wh_1"), ("line.deleted", "ln_2"), ("member.left", "mem_3")):
        record_change(organization=lumen, actor=Actor(), action=action, target_id=target, target_label=target)
    shown = text(as_owner.get("/settings/audit"))
    assert 'href="/webhooks/wh_1"' in shown
    assert 'href="/lines/ln_2"' not in shown
    assert "mem_3" in shown


def test_the_profile_refuses_a_zone_that_does_not_exist(as_owner: Client, alice: User) -> None:
    assert as_owner.post("/settings/profile", {"name": "A", "time_zone": "Mars/Olympus"}).status_code == 422
    as_owner.post("/settings/profile", {"name": "Alice O", "time_zone": "Europe/Warsaw"})
    alice.refresh_from_db()
    assert (alice.name, alice.time_zone, alice.has_shortcuts) == ("Alice O", "Europe/Warsaw", False)


def test_one_browser_is_signed_out_from_another(client: Client, as_owner: Client, alice: User, charlie: User) -> None:
    elsewhere, stranger = Client(), Client()
    for one, user in ((elsewhere, alice), (stranger, charlie)):
        one.force_login(user)
        one.get("/settings/profile")
    mine, other = UserSession.objects.filter(user=alice).order_by("id")
    foreign = UserSession.objects.get(user=charlie)
    assert "is signed out" in text(as_owner.post(f"/account/sessions/{other.pk}/end", follow=True))
    assert elsewhere.get("/settings").status_code == 302
    assert "using" in text(as_owner.post(f"/account/sessions/{mine.pk}/end", follow=True))
    assert "already" in text(as_owner.post(f"/account/sessions/{foreign.pk}/end", follow=True))
    assert stranger.get("/settings").status_code == 200


def test_both_wrong_names_of_an_organization_are_told(as_owner: Client) -> None:
    response = as_owner.post("/settings", {"name": "", "slug": "Bad Slug!"})
    assert set(response.context["form"].errors) == {"name", "slug"}


def test_somebody_without_an_organization_can_sign_out(client: Client, db: None) -> None:
    client.force_login(make_user("eve@x.example"))
    assert "in no organization" in text(client.get("/", follow=True))


def test_the_mailbox_exists_only_where_it_is_meant_to(client: Client, db: Any, settings: Any) -> None:
    settings.DEV_MAILBOX_ENABLED = False
    assert client.get("/dev/mailbox").status_code == 404
