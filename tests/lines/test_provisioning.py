"""Making, pausing and removing lines, and who sees which."""

from typing import Any

import pytest

from accounts.models import AuditEntry, Organization
from accounts.services.audit import Actor
from core.clock import now
from core.errors import AppError
from lines.models import Line, SandboxPairing
from lines.selectors import count_lines, get_line, get_sandbox_line, list_lines
from lines.services.provisioning import (
    create_simulated_line,
    delete_line,
    ensure_sandbox_line,
    pause_line,
    rename_line,
    resume_line,
)

ME = Actor(label="alice")


@pytest.mark.django_db
def test_the_sandbox_line_is_made_once() -> None:
    assert get_sandbox_line() is None
    assert ensure_sandbox_line() == ensure_sandbox_line() == get_sandbox_line()
    line = Line.objects.get()
    assert (line.is_sandbox, line.organization) == (True, None)


def test_a_simulated_line_gets_a_number_that_reaches_nobody(lumen: Organization) -> None:
    lines = [create_simulated_line(organization=lumen, actor=ME) for _ in range(3)]
    assert len({line.handle for line in lines}) == 3
    assert all(line.handle.startswith("+1555010") and len(line.handle) == 12 for line in lines)
    assert count_lines(organization=lumen) == 3


@pytest.mark.parametrize("handle", ["12", "not a handle", "+", "a@b"])
def test_a_handle_must_be_one(lumen: Organization, handle: str) -> None:
    with pytest.raises(AppError) as caught:
        create_simulated_line(organization=lumen, handle=handle, actor=ME)
    assert (caught.value.status, caught.value.param) == (400, "handle")


def test_a_handle_is_used_once_until_its_line_is_deleted(lumen: Organization, other: Organization) -> None:
    line = create_simulated_line(organization=lumen, handle="+1 (555) 010-0042", actor=ME)
    assert line.handle == "+15550100042"
    with pytest.raises(AppError):
        create_simulated_line(organization=other, handle="+15550100042", actor=ME)
    delete_line(line=line, actor=ME)
    assert create_simulated_line(organization=other, handle="+15550100042", actor=ME).id != line.id
    assert list_lines(organization=lumen) == []


def test_changes_are_recorded_and_pausing_twice_is_one(line: Line) -> None:
    rename_line(line=line, label="New name", actor=ME)
    pause_line(line=line, actor=ME)
    paused_at = line.paused_at
    pause_line(line=line, actor=ME)
    assert (line.is_active, line.paused_at, line.paused_by) == (False, paused_at, "alice")
    resume_line(line=line, actor=ME)
    assert Line.objects.get().is_active
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["line.renamed", "line.paused", "line.resumed"]
    with pytest.raises(AppError):
        rename_line(line=line, label="x" * 81, actor=ME)


def test_charlie_sees_no_line_of_lumen(line: Line, other: Organization) -> None:
    for name in (line.id, line.public_id, line.handle):
        with pytest.raises(AppError) as caught:
            get_line(organization=other, line_id=name)
        assert caught.value.code == "line_not_found"
    assert list_lines(organization=other) == []


def test_the_sandbox_line_is_listed_once_activated(line: Line, lumen: Organization, other: Organization) -> None:
    shared = ensure_sandbox_line()
    SandboxPairing.objects.create(organization=lumen, line=shared, status="pending", code="ABCDEFGH")
    assert list_lines(organization=lumen) == [line]
    SandboxPairing.objects.update(status="active", contact_identifier="+15550100144", activated_at=now())
    assert list_lines(organization=lumen) == [line, shared]
    assert list_lines(organization=lumen, line_ids=[]) == [shared]
    assert list_lines(organization=other) == []


@pytest.mark.django_db
def test_the_sandboxs_number_must_not_be_somebodys_line(lumen: Organization, settings: Any) -> None:
    create_simulated_line(organization=lumen, handle=settings.SANDBOX_LINE_HANDLE, actor=ME)
    with pytest.raises(AppError):
        ensure_sandbox_line()
