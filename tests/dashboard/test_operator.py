"""The operator area: deciding about organizations, queues and their ages, looking on as somebody, metrics."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts import impersonation
from accounts.models import ApiKey, AuditEntry, Membership, Organization, Role, User
from dashboard.queue_numbers import read_installation
from dashboard.shell_news import read_shell_news
from lines.models import Line
from messaging.models import Chat, OutboxItem
from tests.conftest import make_user


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def text(response: Any) -> str:
    return str(response.content.decode())


@pytest.fixture
def olga(db: Any) -> User:
    """An operator, member of nothing."""
    user = make_user("olga@operator.example", "Olga Berg")
    user.is_staff = True
    user.save()
    return user


PAGES = ("/operator", "/operator/organizations", "/operator/lines", "/operator/sandbox")


@pytest.mark.parametrize("path", PAGES)
def test_nobody_but_operators_learns_that_it_is_there(alice: User, olga: User, path: str) -> None:
    assert sign_in(alice).get(path).status_code == 404
    assert sign_in(olga).get(path).status_code == 200


def test_operators_see_the_way_in_and_others_do_not(alice: User, olga: User, lumen: Organization) -> None:
    Membership.objects.create(organization=lumen, user=olga, role=Role.ADMIN)
    assert 'href="/operator"' in text(sign_in(olga).get("/settings"))
    assert 'href="/operator"' not in text(sign_in(alice).get("/settings"))


@pytest.mark.parametrize("query", ["lumen", "alice@lumen", "{id}"])
def test_organizations_are_found_by_name_person_and_id(
    olga: User, alice: User, lumen: Organization, other: Organization, query: str
) -> None:
    page = text(sign_in(olga).get("/operator/organizations", {"q": query.format(id=lumen.public_id)}))
    assert f'id="{lumen.public_id}"' in page
    assert f'id="{other.public_id}"' not in page


def test_a_suspended_organizations_keys_are_refused_until_it_is_lifted(
    olga: User, lumen: Organization, make_key: Callable[..., tuple[ApiKey, str]]
) -> None:
    token = make_key(lumen)[1]
    client, address = sign_in(olga), f"/operator/organizations/{lumen.public_id}"

    def call() -> int:
        return Client().get("/v1/lines", headers={"Authorization": f"Bearer {token}"}).status_code

    assert client.post(f"{address}/suspend", {"reason": ""}).status_code == 422
    client.post(f"{address}/suspend", {"reason": "Reports of junk"})
    lumen.refresh_from_db()
    assert lumen.suspended_reason == "Reports of junk"
    assert call() == 403
    client.post(f"{address}/unsuspend")
    lumen.refresh_from_db()
    assert lumen.suspended_at is None
    actions = list(AuditEntry.objects.order_by("id").values_list("action", "actor__email"))
    assert actions == [("organization.suspended", olga.email), ("organization.unsuspended", olga.email)]


def test_limits_and_features_are_set_and_recorded(olga: User, lumen: Organization) -> None:
    client, address = sign_in(olga), f"/operator/organizations/{lumen.public_id}/limits"
    assert client.post(address, {"sandbox_daily_messages": "-1"}).status_code == 422
    client.post(address, {"sandbox_daily_messages": "200", "requests_per_hour": "", "dashboard_send": "on"})
    lumen.refresh_from_db()
    assert (lumen.sandbox_daily_messages, lumen.requests_per_hour) == (200, None)
    assert lumen.features == {"conversation_export": False}
    entry = AuditEntry.objects.get()
    assert (entry.before["sandbox_daily_messages"], entry.after["sandbox_daily_messages"]) == (None, 200)


def test_a_feature_that_is_off_is_refused(dana: User, chat: Chat, lumen: Organization) -> None:
    lumen.features = {"conversation_export": False, "dashboard_send": False}
    lumen.save()
    client = sign_in(dana)
    assert client.post(f"/conversations/{chat.public_id}/export").status_code == 403
    assert client.post(f"/conversations/{chat.public_id}/send", {"text": "x"}).status_code == 403
    assert not OutboxItem.objects.exists()


# --- looking on as somebody ------------------------------------------------------------------------------------------


@pytest.fixture
def visit(olga: User, alice: User, lumen: Organization) -> Client:
    """Olga, looking on as Alice."""
    client = sign_in(olga)
    member = Membership.objects.get(user=alice)
    answer = client.post(f"/operator/organizations/{lumen.public_id}/members/{member.pk}/impersonate")
    assert answer.headers["Location"] == "/"
    return client


def test_an_operator_sees_what_the_person_sees_and_is_told_so(visit: Client) -> None:
    page = text(visit.get("/settings"))
    assert "You look on as Alice Okafor" in page
    assert "Lumen Travel" in page


def test_what_an_operator_changes_is_recorded_under_both_names(visit: Client, olga: User, alice: User) -> None:
    visit.post("/api-keys/new", {"name": "made by support", "scopes": ["lines:read"]})
    made = AuditEntry.objects.get(action="api_key.created")
    assert (made.actor, made.impersonator) == (alice, olga)
    started = AuditEntry.objects.get(action=impersonation.STARTED)
    assert (started.actor, started.impersonator) == (alice, olga)


def test_the_organization_is_told_while_it_lasts(visit: Client, lumen: Organization) -> None:
    banner = read_shell_news(lumen).banner
    assert banner is not None
    assert "olga@operator.example is looking at this organization as Alice Okafor" in banner.text
    visit.post("/operator/stop")
    assert read_shell_news(lumen).banner is None


def test_stopping_brings_the_operator_back(visit: Client, alice: User) -> None:
    visit.post("/operator/stop")
    assert visit.get("/api-keys").headers["Location"] == "/organizations/new"
    assert AuditEntry.objects.filter(action=impersonation.STOPPED, actor=alice).exists()


def test_nobodys_password_or_second_factor_can_be_touched(visit: Client, olga: User) -> None:
    page = text(visit.get("/account/email/"))
    assert olga.email in page
    assert "alice@lumen.example" not in page


def test_it_ends_after_an_hour(visit: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + impersonation.SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert visit.get("/api-keys").headers["Location"] == "/organizations/new"


def test_somebody_who_is_no_operator_any_more_looks_on_as_nobody(visit: Client, olga: User) -> None:
    User.objects.filter(pk=olga.pk).update(is_staff=False)
    assert visit.get("/api-keys").headers["Location"] == "/organizations/new"


def test_operators_cannot_be_impersonated(olga: User, alice: User, lumen: Organization) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    member = Membership.objects.get(user=alice)
    client = sign_in(olga)
    client.post(f"/operator/organizations/{lumen.public_id}/members/{member.pk}/impersonate")
    assert impersonation.KEY not in client.session


def test_only_operators_can_look_on(alice: User, bob: User, lumen: Organization) -> None:
    member = Membership.objects.get(user=bob)
    client = sign_in(alice)
    address = f"/operator/organizations/{lumen.public_id}/members/{member.pk}/impersonate"
    assert client.post(address).status_code == 404


# --- queues and metrics ----------------------------------------------------------------------------------------------


def test_queues_show_depth_and_age(lumen: Organization, line: Line, chat: Chat) -> None:
    for minutes in (5, 1):
        OutboxItem.objects.create(
            organization_id=lumen.id, line_id=line.id, chat_id=chat.id, operation="send", payload={}, lane="one",
            deadline_at=timezone.now(), not_before=timezone.now() - timedelta(minutes=minutes),
        )  # fmt: skip
    found = {queue.name: queue for queue in read_installation().queues}
    pending = found["outbox_pending"]
    assert (pending.depth, pending.is_late) == (2, True)
    assert 299 < (pending.oldest_seconds or 0) < 330
    assert (found["inbound_open"].depth, found["inbound_open"].oldest_seconds) == (0, None)
    assert set(settings.EVENT_CONSUMERS) == {n.removeprefix("events_behind_") for n in found if n.startswith("events_")}


def test_metrics_are_for_this_machine_or_for_who_has_the_token(db: Any, settings: Any) -> None:
    here = Client().get("/metrics")
    assert 'messages_queue_depth{queue="outbox_pending"} 0.0' in text(here)
    assert Client(REMOTE_ADDR="203.0.113.9").get("/metrics").status_code == 404
    assert Client().get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404
    settings.METRICS_TOKEN = "correct-horse"
    for token, status in (("correct-horse", 200), ("wrong", 404), ("", 404)):
        answer = Client(REMOTE_ADDR="203.0.113.9").get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status


def test_an_empty_token_opens_nothing(db: Any) -> None:
    answer = Client(REMOTE_ADDR="203.0.113.9").get("/metrics", headers={"Authorization": "Bearer "})
    assert answer.status_code == 404
