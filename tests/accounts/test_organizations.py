import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.core import mail
from django.utils.module_loading import import_string

from accounts.models import AuditEntry, Invitation, Membership, Organization, Role, User
from accounts.services.audit import Actor
from accounts.services.invitations import (
    accept_invitation,
    invite_member,
    resend_invitation,
    revoke_invitation,
)
from accounts.services.members import change_role, remove_member, set_text_right, transfer_ownership
from accounts.services.organizations import (
    cancel_deletion,
    create_organization,
    delete_due_organizations,
    rename_organization,
    schedule_deletion,
)
from core.clock import now
from core.errors import AppError
from tests.conftest import make_user


def code_of(error: pytest.ExceptionInfo[AppError]) -> tuple[str, str | None]:
    return error.value.code, error.value.param


@pytest.fixture(autouse=True)
def _committed(django_capture_on_commit_callbacks: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail goes out after commit; a test's transaction never commits, so its commit is played here."""
    monkeypatch.setattr("django.db.transaction.on_commit", lambda callback, using=None, robust=False: callback())


def link_token() -> str:
    found = re.search(r"/invitations/(\S+)", mail.outbox[-1].body)
    assert found
    return found[1]


def test_a_slug_is_made_free(alice: User, as_alice: Actor) -> None:
    first = create_organization(user=alice, name="Ferry & Co", actor=as_alice)
    second = create_organization(user=alice, name="Ferry  & Co", actor=as_alice)
    assert first.slug == "ferry-co"
    assert re.fullmatch(r"ferry-co-\w{4}", second.slug)
    assert create_organization(user=alice, name="日本", actor=as_alice).slug
    assert Membership.objects.get(organization=first).role == Role.OWNER


@pytest.mark.parametrize("slug", ["", "x", "Has Space", "api", "-a-", "ä" * 5, "other"])
def test_a_wrong_or_taken_slug_is_refused(lumen: Organization, other: Organization, as_alice: Actor, slug: str) -> None:
    with pytest.raises(AppError) as caught:
        rename_organization(organization=lumen, name="Lumen", slug=slug, actor=as_alice)
    assert caught.value.param == "slug"
    lumen.refresh_from_db()
    assert lumen.name == "Lumen Travel"


def test_an_invitation_is_accepted_once_by_its_address(lumen: Organization, as_alice: Actor, charlie: User) -> None:
    invite_member(organization=lumen, email=" Eve@Lumen.example ", role="admin", actor=as_alice)
    token = link_token()
    assert mail.outbox[-1].to == ["eve@lumen.example"]
    with pytest.raises(AppError) as caught:
        accept_invitation(token=token, user=charlie, actor=Actor(user=charlie, label="Charlie"))
    assert caught.value.code == "invitation_for_another_address"
    eve = make_user("eve@lumen.example")
    membership = accept_invitation(token=token, user=eve, actor=Actor(user=eve, label="Eve"))
    assert (membership.organization, membership.role) == (lumen, Role.ADMIN)
    assert accept_invitation(token=token, user=eve, actor=Actor(user=eve)) == membership
    late = make_user("late@lumen.example")
    with pytest.raises(AppError) as caught:
        accept_invitation(token=token, user=late, actor=Actor(user=late))
    assert caught.value.code == "invitation_used"


def test_expired_revoked_and_replaced_links_do_nothing(lumen: Organization, as_alice: Actor) -> None:
    eve = make_user("eve@lumen.example")
    as_eve = Actor(user=eve, label="Eve")
    invitation = invite_member(organization=lumen, email=eve.email, role="member", actor=as_alice)
    first = link_token()
    resend_invitation(invitation=invitation, actor=as_alice)
    second = link_token()
    with pytest.raises(AppError) as caught:
        accept_invitation(token=first, user=eve, actor=as_eve)
    assert caught.value.code == "invitation_not_found"
    Invitation.objects.update(expires_at=now() - timedelta(seconds=1))
    with pytest.raises(AppError) as caught:
        accept_invitation(token=second, user=eve, actor=as_eve)
    assert caught.value.code == "invitation_expired"
    resend_invitation(invitation=invitation, actor=as_alice)
    revoke_invitation(invitation=invitation, actor=as_alice)
    with pytest.raises(AppError) as caught:
        accept_invitation(token=link_token(), user=eve, actor=as_eve)
    assert caught.value.code == "invitation_revoked"
    assert not Membership.objects.filter(user=eve).exists()


def test_inviting_a_member_or_twice_is_refused(lumen: Organization, bob: User, as_alice: Actor) -> None:
    for email, part in (("BOB@lumen.example", "member already"), ("nonsense", "Enter an e-mail"), ("", "Enter")):
        with pytest.raises(AppError, match=part):
            invite_member(organization=lumen, email=email, role="member", actor=as_alice)
    invite_member(organization=lumen, email="eve@lumen.example", role="member", actor=as_alice)
    with pytest.raises(AppError, match="invited already"):
        invite_member(organization=lumen, email="EVE@lumen.example", role="member", actor=as_alice)
    Invitation.objects.update(expires_at=now() - timedelta(days=1))
    invite_member(organization=lumen, email="eve@lumen.example", role="member", actor=as_alice)
    with pytest.raises(AppError) as caught:
        invite_member(organization=lumen, email="x@y.example", role="king", actor=as_alice)
    assert code_of(caught) == ("invalid_parameter_value", "role")


def test_the_last_owner_stays(lumen: Organization, alice: User, bob: User, as_alice: Actor) -> None:
    owner, member = Membership.objects.get(user=alice), Membership.objects.get(user=bob)
    for change in (
        lambda: change_role(membership=owner, role="admin", actor=as_alice),
        lambda: remove_member(membership=owner, actor=as_alice),
    ):
        with pytest.raises(AppError) as caught:
            change()
        assert caught.value.code == "last_owner"
    change_role(membership=member, role="owner", actor=as_alice)
    change_role(membership=owner, role="admin", actor=as_alice)
    with pytest.raises(AppError) as caught:
        remove_member(membership=member, actor=as_alice)
    assert caught.value.code == "last_owner"


def test_ownership_is_handed_over(lumen: Organization, alice: User, bob: User, charlie: User, as_alice: Actor) -> None:
    owner, member = Membership.objects.get(user=alice), Membership.objects.get(user=bob)
    with pytest.raises(AppError):
        transfer_ownership(organization=lumen, giver=owner, taker=Membership.objects.get(user=charlie), actor=as_alice)
    transfer_ownership(organization=lumen, giver=owner, taker=member, actor=as_alice)
    owner.refresh_from_db()
    member.refresh_from_db()
    assert (owner.role, member.role) == (Role.ADMIN, Role.OWNER)
    with pytest.raises(AppError) as caught:
        transfer_ownership(organization=lumen, giver=owner, taker=member, actor=as_alice)
    assert caught.value.code == "not_owner"


def test_removing_somebody_who_has_gone_says_so(lumen: Organization, bob: User, as_alice: Actor) -> None:
    member = Membership.objects.get(user=bob)
    set_text_right(membership=member, is_granted=True, actor=as_alice)
    remove_member(membership=member, actor=as_alice)
    with pytest.raises(AppError) as caught:
        change_role(membership=Membership(pk=10**9, organization=lumen), role="admin", actor=as_alice)
    assert caught.value.code == "member_not_found"
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "member.text_right_changed",
        "member.removed",
    ]


def test_deletion_waits_seven_days_and_can_be_cancelled(lumen: Organization, as_alice: Actor) -> None:
    with pytest.raises(AppError) as caught:
        schedule_deletion(organization=lumen, typed_name="lumen travel", actor=as_alice)
    assert caught.value.param == "typed_name"
    schedule_deletion(organization=lumen, typed_name="Lumen Travel", actor=as_alice)
    assert mail.outbox[-1].subject == "Lumen Travel will be deleted"
    assert delete_due_organizations() == 0
    cancel_deletion(organization=lumen, actor=as_alice)
    lumen.refresh_from_db()
    assert lumen.delete_after is None
    schedule_deletion(organization=lumen, typed_name="Lumen Travel", actor=as_alice)
    Organization.objects.update(delete_after=now() - timedelta(seconds=1))
    import_string(next(name for name in settings.SWEEPS if name.endswith("delete_organizations")))()
    assert delete_due_organizations() == 0
    assert not Organization.objects.filter(pk=lumen.pk).exists()
