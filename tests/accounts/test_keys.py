from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import ApiKey, AuditEntry, Organization
from accounts.revocation import generation_key, mark_organization_changed
from accounts.scopes import SCOPES
from accounts.selectors import has_active_key_named, list_keys
from accounts.services.audit import Actor
from accounts.services.keys import create_key, find_key, revoke_key, roll_key, update_key
from accounts.tokens import hash_token, is_well_formed
from core.clock import now
from core.errors import AppError
from core.redis_client import get_redis


def generation(key: ApiKey) -> int:
    return int(get_redis().get(generation_key(key.id)) or 0)


def test_a_new_key_is_found_by_its_token_and_stored_only_as_a_hash(lumen: Organization, as_alice: Actor) -> None:
    key, token = create_key(organization=lumen, name=" prod  agent ", scopes=SCOPES, actor=as_alice)
    assert is_well_formed(token)
    assert token.startswith(key.prefix)
    assert bytes(key.token_hash) == hash_token(token)
    assert key.name == "prod agent"
    assert find_key(token) == key
    entry = AuditEntry.objects.get(action="api_key.created")
    assert entry.target_id == key.public_id
    assert entry.address == "203.0.113.7"
    assert token not in str(entry.after)


def test_a_mistyped_token_asks_the_database_nothing(
    lumen: Organization, as_alice: Actor, django_assert_num_queries: Any
) -> None:
    _, token = create_key(organization=lumen, name="a", scopes=SCOPES, actor=as_alice)
    wrong = token[:-1] + ("a" if token[-1] != "a" else "b")
    with django_assert_num_queries(0):
        assert find_key(wrong) is None
    with django_assert_num_queries(1):
        assert find_key(token) is not None


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["messages:delete"]}, "scopes"),
        ({"expires_at": now() - timedelta(seconds=1)}, "expires_at"),
        ({"line_ids": []}, "line_ids"),
        ({"allowed_networks": ["10.0.0.0/99"]}, "allowed_networks"),
        ({"allowed_networks": [f"10.0.{n}.0/24" for n in range(201)]}, "allowed_networks"),
        ({"allowed_recipients": ["somebody"]}, "allowed_recipients"),
        ({"requests_per_hour": -1}, "requests_per_hour"),
        ({"daily_send_budget": 10**9}, "daily_send_budget"),
    ],
)
def test_wrong_settings_are_refused_by_name_and_nothing_is_made(
    lumen: Organization, as_alice: Actor, changes: dict[str, Any], param: str
) -> None:
    with pytest.raises(AppError) as caught:
        create_key(**{"organization": lumen, "name": "a", "scopes": SCOPES, "actor": as_alice, **changes})
    assert caught.value.param == param
    assert not ApiKey.objects.exists()
    assert not AuditEntry.objects.exists()


def test_networks_and_recipients_are_stored_in_one_form(lumen: Organization, as_alice: Actor) -> None:
    key, _ = create_key(
        organization=lumen,
        name="a",
        scopes=["messages:write"],
        actor=as_alice,
        allowed_networks=["203.0.113.7/24", "2001:db8::1"],
        allowed_recipients=["+1 (628) 555-0144", "Maya@Lumen.example", "+44*", "*@lumen.example"],
    )
    assert key.allowed_networks == ["203.0.113.0/24", "2001:db8::1/128"]
    assert key.allowed_recipients == ["+16285550144", "maya@lumen.example", "+44*", "*@lumen.example"]


@pytest.mark.django_db(transaction=True)
def test_revoking_moves_the_generation_that_every_process_reads(lumen: Organization, as_alice: Actor) -> None:
    key, token = create_key(organization=lumen, name="a", scopes=SCOPES, actor=as_alice)
    assert generation(key) == 0
    revoke_key(key=key, actor=as_alice)
    assert generation(key) == 1
    found = find_key(token)
    assert found is not None
    assert found.revoked_at is not None
    revoke_key(key=key, actor=as_alice, reason="leaked")
    found.refresh_from_db()
    assert found.revoked_reason == "revoked"
    assert AuditEntry.objects.filter(action="api_key.revoked").count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_changes_for_an_organization_changes_its_keys(lumen: Organization, as_alice: Actor) -> None:
    key, _ = create_key(organization=lumen, name="a", scopes=SCOPES, actor=as_alice)
    mark_organization_changed(lumen.id)
    assert generation(key) == 1


def test_updating_records_only_what_changed(lumen: Organization, as_alice: Actor) -> None:
    key, _ = create_key(organization=lumen, name="a", scopes=SCOPES, actor=as_alice)
    line_id = uuid4()
    update_key(key=key, actor=as_alice, name="a", line_ids=[line_id], daily_send_budget=5)
    key.refresh_from_db()
    assert key.line_ids == [line_id]
    entry = AuditEntry.objects.get(action="api_key.updated")
    assert entry.before == {"line_ids": None, "daily_send_budget": None}
    assert entry.after == {"line_ids": [str(line_id)], "daily_send_budget": 5}


def test_a_revoked_key_cannot_be_changed_or_rolled(lumen: Organization, as_alice: Actor) -> None:
    key, _ = create_key(organization=lumen, name="a", scopes=SCOPES, actor=as_alice)
    revoke_key(key=key, actor=as_alice)
    for change in (
        lambda: update_key(key=key, actor=as_alice, name="b"),
        lambda: roll_key(key=key, actor=as_alice, overlap_seconds=60),
    ):
        with pytest.raises(AppError) as caught:
            change()
        assert caught.value.code == "key_revoked"


def test_rolling_keeps_both_keys_until_the_chosen_time(lumen: Organization, as_alice: Actor) -> None:
    key, token = create_key(
        organization=lumen, name="a", scopes=["messages:read"], actor=as_alice, allowed_networks=["10.0.0.0/8"]
    )
    successor, new_token = roll_key(key=key, actor=as_alice, overlap_seconds=3600)
    key.refresh_from_db()
    assert new_token != token
    assert (successor.name, successor.scopes, successor.allowed_networks) == ("a", ["messages:read"], ["10.0.0.0/8"])
    assert successor.expires_at is None
    assert key.rolled_to == successor
    assert key.revoked_at is None
    assert key.expires_at is not None
    assert timedelta(minutes=59) < key.expires_at - now() <= timedelta(hours=1)
    with pytest.raises(AppError) as caught:
        roll_key(key=key, actor=as_alice, overlap_seconds=3600)
    assert caught.value.code == "key_already_rolled"


def test_rolling_without_overlap_ends_the_old_key_at_once(lumen: Organization, as_alice: Actor) -> None:
    key, _ = create_key(organization=lumen, name="a", scopes=SCOPES, actor=as_alice)
    roll_key(key=key, actor=as_alice, overlap_seconds=0)
    key.refresh_from_db()
    assert key.revoked_reason == "rolled"


def test_keys_that_work_come_first_and_pages_meet(
    lumen: Organization, other: Organization, as_alice: Actor, make_key: Any
) -> None:
    ended = [make_key(lumen, name=f"old {n}", revoked_at=now())[0] for n in range(30)]
    working = [make_key(lumen, name=f"key {n}")[0] for n in range(40)]
    make_key(other)
    expected = [*reversed(working), *reversed(ended)]
    first = list_keys(organization=lumen)
    assert first.rows == expected[:50]
    assert first.newer is None
    second = list_keys(organization=lumen, before=first.older)
    assert second.rows == expected[50:]
    assert second.older is None
    assert list_keys(organization=lumen, after=second.newer).rows == expected[:50]
    assert list_keys(organization=lumen, before="nonsense").rows == expected[:50]
    assert list_keys(organization=lumen, search="key 7").rows == [working[7]]
    assert list_keys(organization=lumen, states=["revoked"]).rows == expected[40:]
    assert has_active_key_named(organization=lumen, name="KEY 7")
    assert not has_active_key_named(organization=lumen, name="old 7")
