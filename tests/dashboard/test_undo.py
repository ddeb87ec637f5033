"""What can be taken back: by a button of the toast, which is a plain form."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiKey, AuditEntry, Invitation, Membership, Organization, Role, User
from accounts.services.audit import Actor
from accounts.services.invitations import invite_member, revoke_invitation
from core.clock import now
from lines.models import AlertRule, Line
from lines.services.alerts import add_rule, list_rules
from tests.dashboard.routes import World, a_webhook
from webhooks_app.models import Endpoint


def act(client: Client, address: str, **fields: str) -> str:
    """Posts, and returns where the page that follows would post to take it back ("" if it offers nothing)."""
    page = client.post(address, fields, follow=True)
    assert page.status_code == 200
    offered = re.search(r'data-toast-shown>.*?<form method="post" action="([^"]+)">', page.content.decode())
    return offered[1] if offered else ""


def test_a_revoked_key_works_again(
    owner: Client, lumen: Organization, make_key: Callable[..., tuple[ApiKey, str]]
) -> None:
    key, _ = make_key(lumen)
    undo = act(owner, f"/api-keys/{key.public_id}/revoke")
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert act(owner, undo) == ""
    key.refresh_from_db()
    assert (key.revoked_at, key.revoked_reason) == (None, "")
    assert AuditEntry.objects.filter(action="api_key.restored", target_id=key.public_id).exists()


@pytest.mark.parametrize(("reason", "age"), [("revoked", 60), ("leaked", 0), ("rolled", 0), ("member_left", 0)])
def test_a_key_stays_revoked_when_it_is_late_or_another_reason(
    owner: Client, lumen: Organization, make_key: Callable[..., tuple[ApiKey, str]], reason: str, age: int
) -> None:
    key, _ = make_key(lumen, revoked_at=now() - timedelta(seconds=age), revoked_reason=reason)
    assert owner.post(f"/api-keys/{key.public_id}/restore").status_code == 409
    key.refresh_from_db()
    assert key.revoked_reason == reason


def test_a_member_takes_nothing_back(
    client: Client, bob: User, lumen: Organization, make_key: Callable[..., tuple[ApiKey, str]]
) -> None:
    key, _ = make_key(lumen, revoked_at=now(), revoked_reason="revoked")
    client.force_login(bob)
    assert client.post(f"/api-keys/{key.public_id}/restore").status_code == 403


def test_a_paused_line_goes_on_and_stops_again(owner: Client, line: Line) -> None:
    address = f"/lines/{line.public_id}/pause"
    undo = act(owner, address)
    line.refresh_from_db()
    assert line.paused_at is not None
    redo = act(owner, undo)
    line.refresh_from_db()
    assert line.paused_at is None
    assert redo == address


def test_strict_mode_is_taken_back(owner: Client, line: Line) -> None:
    undo = act(owner, f"/lines/{line.public_id}/strict", is_strict="1")
    act(owner, undo)
    line.refresh_from_db()
    assert line.is_strict is False


def test_a_removed_alert_comes_back_until_another_goes(owner: Client, line: Line, alice: User) -> None:
    actor = Actor(user=alice)
    first = add_rule(line=line, limit="ratio", percent=80, actor=actor)
    second = add_rule(line=line, limit="contacts", percent=80, actor=actor)
    here = f"/lines/{line.public_id}/alerts"
    undo = act(owner, f"{here}/{first.pk}/remove")
    assert list_rules(line=line) == [second]
    act(owner, undo)
    assert list_rules(line=line) == [first, second]
    undo = act(owner, f"{here}/{first.pk}/remove")
    act(owner, f"{here}/{second.pk}/remove")
    assert owner.post(undo).status_code == 404
    assert not AlertRule.objects.filter(pk=first.pk).exists()


def test_an_alert_can_watch_every_line(owner: Client, line: Line, lumen: Organization) -> None:
    fields = {"limit": "*", "percent": "90", "emails": "", "url": "", "is_for_all": "on"}
    owner.post(f"/lines/{line.public_id}/alerts", fields)
    another = Line.objects.create(organization=lumen, handle="+15550100043", label="Bookings")
    (rule,) = list_rules(line=another)
    assert (rule.line_id, rule.percent) == (None, 90)
    assert "Every line" in owner.get(f"/lines/{another.public_id}/alerts").content.decode()


def test_an_endpoint_is_switched_on_again_without_script(owner: Client, lumen: Organization, alice: User) -> None:
    world: Any = World(*[None] * 11)
    world.lumen, world.alice = lumen, alice
    address = f"/webhooks/{a_webhook(world)['webhook_id']}/switch"
    undo = act(owner, address)
    assert not Endpoint.objects.get().is_active
    act(owner, undo)
    assert Endpoint.objects.get().is_active


def test_a_role_is_given_back(owner: Client, alice: User, bob: User) -> None:
    member = Membership.objects.get(user=bob)
    address = f"/settings/members/{member.pk}/role"
    undo = act(owner, address, role="admin")
    member.refresh_from_db()
    assert member.role == Role.ADMIN
    act(owner, undo)
    member.refresh_from_db()
    assert member.role == Role.MEMBER
    assert AuditEntry.objects.filter(action="member.role_changed").count() == 2
    assert act(owner, address, role="member") == ""


def test_who_steps_down_is_offered_no_way_back(owner: Client, alice: User, bob: User) -> None:
    Membership.objects.filter(user=bob).update(role=Role.OWNER)
    own = Membership.objects.get(user=alice)
    assert act(owner, f"/settings/members/{own.pk}/role", role="admin") == ""
    assert owner.post(f"/settings/members/{own.pk}/role?role=owner").status_code == 403
    own.refresh_from_db()
    assert own.role == Role.ADMIN


def test_the_right_to_read_is_taken_back(owner: Client, bob: User) -> None:
    member = Membership.objects.get(user=bob)
    undo = act(owner, f"/settings/members/{member.pk}/text", can_read_messages="on")
    act(owner, undo)
    member.refresh_from_db()
    assert not member.can_read_messages


def test_removing_a_member_asks_first(owner: Client, bob: User) -> None:
    member = Membership.objects.get(user=bob)
    address = f"/settings/members/{member.pk}/remove"
    assert f'href="{address}"' in owner.get(f"/settings/members/{member.pk}").content.decode()
    assert "Keys they made go on working" in owner.get(address).content.decode()
    assert Membership.objects.filter(pk=member.pk).exists()
    owner.post(address)
    assert not Membership.objects.filter(pk=member.pk).exists()


def test_a_withdrawn_invitation_is_open_again(owner: Client, lumen: Organization, alice: User) -> None:
    invitation = invite_member(organization=lumen, email="eve@x.example", role="admin", actor=Actor(user=alice))
    undo = act(owner, f"/settings/invitations/{invitation.pk}/withdraw")
    invitation.refresh_from_db()
    assert invitation.revoked_at is not None
    act(owner, undo)
    invitation.refresh_from_db()
    assert invitation.revoked_at is None
    assert AuditEntry.objects.filter(action="invitation.restored", target_label="eve@x.example").exists()


@pytest.mark.parametrize("why", ["late", "invited anew"])
def test_an_invitation_stays_withdrawn(owner: Client, lumen: Organization, alice: User, why: str) -> None:
    actor = Actor(user=alice)
    invitation = invite_member(organization=lumen, email="eve@x.example", role="admin", actor=actor)
    revoke_invitation(invitation=invitation, actor=actor)
    if why == "late":
        Invitation.objects.update(revoked_at=now() - timedelta(seconds=60))
    else:
        invite_member(organization=lumen, email="EVE@x.example", role="member", actor=actor)
    page = owner.post(f"/settings/invitations/{invitation.pk}/restore", follow=True)
    assert "too late" in page.content.decode()
    invitation.refresh_from_db()
    assert invitation.revoked_at is not None
