"""Choosing among many: a page holds a few options, the rest is found by searching, also without scripts."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import ApiKey, Organization, User
from dashboard.pickers import SHOWN, list_options
from lines.models import Line

pytestmark = pytest.mark.django_db
MANY = SHOWN + 20


@pytest.fixture
def as_dana(dana: User) -> Client:
    client = Client()
    client.force_login(dana, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


@pytest.fixture
def lines(lumen: Organization) -> list[Line]:
    return [
        Line.objects.create(organization=lumen, handle=f"+1555070{n:04}", label=f"Desk {n:03}") for n in range(MANY)
    ]


def text(response: Any) -> str:
    return str(response.content.decode())


def test_a_list_offers_a_few_lines_and_finds_the_others(as_dana: Client, lines: list[Line]) -> None:
    page = text(as_dana.get("/logs/outbox"))
    assert lines[0].public_id in page
    assert lines[-1].public_id not in page
    assert "/pick?source=lines&amp;name=line" in page
    found = text(as_dana.get("/pick", {"source": "lines", "name": "line", "find": f"desk {MANY - 1:03}"}))
    assert lines[-1].public_id in found
    assert found.count("<label>") == 1


def test_what_is_chosen_is_always_offered(as_dana: Client, lines: list[Line]) -> None:
    last = lines[-1].public_id
    page = text(as_dana.get("/webhooks/deliveries", {"line": last}))
    assert f'value="{last}" checked' in page
    found = text(as_dana.get("/pick", {"source": "lines", "name": "line", "find": "desk 001", "line": last}))
    assert f'value="{last}" checked' in found
    assert lines[1].public_id in found


def test_without_scripts_a_link_lists_them_all(as_dana: Client, lines: list[Line]) -> None:
    assert "all=line" in text(as_dana.get("/logs/outbox"))
    assert lines[-1].public_id in text(as_dana.get("/logs/outbox?all=line"))
    assert str(lines[-1].pk) in text(as_dana.get("/api-keys/new?all=line_ids"))


def test_a_form_takes_a_line_that_it_has_not_listed(as_dana: Client, lines: list[Line]) -> None:
    assert str(lines[-1].pk) not in text(as_dana.get("/api-keys/new"))
    values = {"name": "far", "scopes": ["messages:write"], "reach": "some", "line_ids": [str(lines[-1].pk)]}
    assert "sk_" in text(as_dana.post("/api-keys/new", values))
    key = ApiKey.objects.get(name="far")
    assert key.line_ids == [lines[-1].pk]
    assert f'value="{lines[-1].pk}" checked' in text(as_dana.get(f"/api-keys/{key.public_id}/edit"))


def test_nobody_is_offered_what_belongs_to_others(
    lumen: Organization, other: Organization, make_key: Callable[..., Any]
) -> None:
    foreign = Line.objects.create(organization=other, handle="+15550180000", label="Theirs")
    key, _ = make_key(other, name="theirs")
    for source, thing in (("lines", foreign), ("own_lines", foreign), ("keys", key)):
        assert list_options(source, lumen, search="their", chosen=[thing.pk]).options == []


def test_markup_in_a_name_or_a_search_stays_text(as_dana: Client, line: Line) -> None:
    Line.objects.filter(pk=line.pk).update(label="<b>bold</b>")
    assert "<b>bold" not in text(as_dana.get("/pick", {"source": "lines", "name": "line"}))
    nothing = text(as_dana.get("/pick", {"source": "lines", "name": "<b>", "find": "<script>\x00"}))
    assert "<script>" not in nothing
    assert "None matches" in nothing
