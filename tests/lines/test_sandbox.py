"""Pairing with the shared sandbox line (spec sandbox §2)."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import AuditEntry, Organization
from accounts.services.audit import Actor
from core.clock import now
from lines.models import Line, SandboxPairing, SandboxUsage
from lines.services.sandbox import (
    ALPHABET,
    find_codes,
    get_pairing,
    get_sandbox,
    open_sandbox,
    redeem_code,
    reset_sandbox,
    use_quota,
)

ME = Actor(label="alice")
PHONE = "+15550100144"


def code_of(organization: Organization) -> str:
    code = open_sandbox(organization=organization, actor=ME).activation_code
    assert code is not None
    return code


def text_in(organization: Organization, text: str, phone: str = PHONE) -> SandboxPairing | None:
    return redeem_code(line=Line.objects.get(is_sandbox=True), sender=phone, text=text)


def test_nothing_is_missing_until_it_is_asked_for(lumen: Organization, settings: Any) -> None:
    state = get_sandbox(organization=lumen)
    assert (state.status, state.activation_code, state.sandbox_line_handle) == (
        "missing",
        None,
        settings.SANDBOX_LINE_HANDLE,
    )
    assert (state.used, state.limit, state.remaining) == (0, 50, 50)
    assert (state.resets_at.hour, state.resets_at > now()) == (0, True)


def test_a_code_is_stable_while_pending_and_unambiguous(lumen: Organization) -> None:
    code = code_of(lumen)
    assert code_of(lumen) == code == get_sandbox(organization=lumen).activation_code
    assert len(code) == 8
    assert not set(code) - set(ALPHABET)
    assert not set("ILO01") & set(ALPHABET)
    assert [e.action for e in AuditEntry.objects.all()] == ["sandbox.opened"]


@pytest.mark.parametrize("form", ["{}", "  {}\n", "hello {}!", "my code is:{}", "x{}x", "(lower) {}"])
def test_the_code_is_found_anywhere_in_any_case(lumen: Organization, form: str) -> None:
    code = code_of(lumen)
    text = form.format(code.lower() if "lower" in form else code)
    pairing = text_in(lumen, text)
    assert pairing is not None
    assert get_pairing(line=pairing.line, contact=PHONE) == pairing
    state = get_sandbox(organization=lumen)
    assert (state.status, state.contact_identifier, state.activation_code) == ("active", PHONE, None)
    assert state.activated_at is not None


def test_the_first_valid_code_counts(lumen: Organization, other: Organization) -> None:
    first, second = code_of(lumen), code_of(other)
    pairing = text_in(lumen, f"ABCDEFGH {second} {first}")
    assert pairing is not None
    assert pairing.organization == other
    assert get_sandbox(organization=lumen).status == "pending"


def test_an_expired_code_pairs_nobody_and_is_replaced(lumen: Organization) -> None:
    code = code_of(lumen)
    SandboxPairing.objects.update(code_expires_at=now() - timedelta(seconds=1))
    assert text_in(lumen, code) is None
    fresh = get_sandbox(organization=lumen).activation_code
    assert fresh not in (None, code)
    assert text_in(lumen, code) is None
    assert text_in(lumen, str(fresh)) is not None


def test_a_used_code_changes_nothing(lumen: Organization) -> None:
    code = code_of(lumen)
    text_in(lumen, code)
    assert text_in(lumen, code, "+15550100145") is None
    assert get_sandbox(organization=lumen).contact_identifier == PHONE
    assert open_sandbox(organization=lumen, actor=ME).status == "active"


def test_a_newer_activation_moves_the_number(lumen: Organization, other: Organization) -> None:
    old = code_of(lumen)
    text_in(lumen, old)
    assert text_in(other, code_of(other)) is not None
    state = get_sandbox(organization=lumen)
    assert (state.status, state.contact_identifier, state.activation_code != old) == ("pending", None, True)
    assert text_in(lumen, str(state.activation_code), "+15550100145") is not None
    assert SandboxPairing.objects.filter(status="active").count() == 2


def test_reset_lets_the_phone_go(lumen: Organization) -> None:
    text_in(lumen, code_of(lumen))
    state = reset_sandbox(organization=lumen, actor=ME)
    assert (state.status, state.contact_identifier, bool(state.activation_code)) == ("pending", None, True)
    assert get_pairing(line=Line.objects.get(is_sandbox=True), contact=PHONE) is None
    assert AuditEntry.objects.latest("id").action == "sandbox.reset"


def test_the_quota_is_per_day_and_counted_exactly(lumen: Organization) -> None:
    assert [use_quota(organization_id=lumen.id, limit=2) for _ in range(3)] == [True, True, False]
    state = get_sandbox(organization=lumen)
    assert (state.used, state.remaining) == (2, 48)
    SandboxUsage.objects.update(day=now().date() - timedelta(days=1))
    assert get_sandbox(organization=lumen).used == 0
    assert not use_quota(organization_id=lumen.id, limit=0)


@given(st.text(max_size=50), st.text(alphabet=ALPHABET, min_size=8, max_size=8), st.text(max_size=50))
def test_a_code_is_found_in_any_text(before: str, code: str, after: str) -> None:
    assert code in find_codes(f"{before}{code.lower()}{after}")
