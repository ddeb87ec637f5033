"""Asking for a real line, and answering it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client

from accounts.models import AuditEntry, Organization, User
from accounts.services.audit import Actor
from core.errors import AppError
from lines.models import Line, LineRequest
from lines.services.requests import request_line
from tests.conftest import make_user

NUMBER = "+14155550142"


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


@pytest.fixture
def olga(db: Any) -> User:
    user = make_user("olga@operator.example", "Olga Berg")
    user.is_staff = True
    user.save()
    return user


def text(response: Any) -> str:
    return str(response.content.decode())


@pytest.mark.django_db(transaction=True)
def test_a_request_is_told_to_operators_answered_and_told_back(alice: User, olga: User, lumen: Organization) -> None:
    owner, operator = sign_in(alice), sign_in(olga)
    answer = owner.post("/lines/request", {"handle": "+1 (415) 555-0142", "note": "On mac-mini-02 <b>"})
    assert answer.headers["Location"] == "/lines/request"
    asked = LineRequest.objects.get()
    assert (asked.handle, asked.status, asked.asked_by) == (NUMBER, "open", alice)
    assert [message.to for message in mail.outbox] == [["olga@operator.example"]]
    assert "On mac-mini-02 &lt;b&gt;" in text(operator.get("/operator/lines"))
    operator.post(f"/operator/requests/{asked.pk}", {"status": "done", "answer": "It is yours."})
    assert mail.outbox[-1].to == ["alice@lumen.example"]
    assert "It is yours." in str(mail.outbox[-1].body)
    page = text(owner.get("/lines/request"))
    assert "Connected" in page
    assert "It is yours." in page
    assert "mac-mini-02" not in text(operator.get("/operator/lines"))
    operator.post(f"/operator/requests/{asked.pk}", {"status": "declined"})  # a page that was open meanwhile
    asked.refresh_from_db()
    assert asked.status == "done"
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["line.requested", "line.request_closed"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"handle": ""}, "This field is required"),
        ({"handle": "call me"}, "Give a number with its country code"),
        ({"handle": "+15550100042"}, "This is a line already"),
        ({"handle": "+14155550199"}, "You have asked for this one already"),
        ({"handle": NUMBER, "note": "x" * 1001}, "1,000 characters at most"),
        ({"handle": "+" + "1" * 200}, "at most 120"),
    ],
)
def test_a_wrong_request_says_so_beside_its_field_and_changes_nothing(
    alice: User, line: Line, lumen: Organization, given: dict[str, str], words: str
) -> None:
    request_line(organization=lumen, handle="+14155550199", actor=Actor(user=alice))
    answer = sign_in(alice).post("/lines/request", {"note": "", **given})
    assert answer.status_code == 422
    assert words in text(answer)
    assert LineRequest.objects.count() == 1


def test_members_ask_for_nothing_and_see_what_was_asked(alice: User, bob: User, lumen: Organization) -> None:
    request_line(organization=lumen, handle=NUMBER, actor=Actor(user=alice))
    client = sign_in(bob)
    assert "+1 415 555 0142" in text(client.get("/lines/request"))
    assert client.post("/lines/request", {"handle": "+14155550100"}).status_code == 403
    assert client.post(f"/lines/request/{LineRequest.objects.get().pk}/withdraw").status_code == 403


def test_a_request_is_withdrawn_once_and_only_ones_own(alice: User, charlie: User, lumen: Organization) -> None:
    asked = request_line(organization=lumen, handle=NUMBER, actor=Actor(user=alice))
    here = f"/lines/request/{asked.pk}/withdraw"
    assert sign_in(charlie).post(here).status_code == 404
    for _ in range(2):
        sign_in(alice).post(here)
    asked.refresh_from_db()
    assert asked.status == "withdrawn"
    assert AuditEntry.objects.filter(action="line.request_closed").count() == 1
    assert request_line(organization=lumen, handle=NUMBER, actor=Actor(user=alice)).is_open  # may be asked for anew


@pytest.mark.django_db(transaction=True)
def test_asking_twice_at_once_makes_one_request(alice: User, lumen: Organization) -> None:
    def ask(_: int) -> str:
        try:
            request_line(organization=lumen, handle=NUMBER, actor=Actor(user=alice))
        except AppError as error:
            return error.message
        finally:
            connection.close()
        return "asked"

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(ask, range(4)))
    assert found.count("asked") == 1
    assert LineRequest.objects.count() == 1


def test_an_organization_has_ten_open_requests_at_most(alice: User, lumen: Organization) -> None:
    for number in range(10):
        request_line(organization=lumen, handle=f"+1415555020{number}", actor=Actor(user=alice))
    with pytest.raises(AppError, match="10 requests are open"):
        request_line(organization=lumen, handle=NUMBER, actor=Actor(user=alice))
