"""The database pages of the operator area: who may open them, that all open, what they hide and do."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import ApiKey, AuditEntry, Organization, User
from dashboard.middleware import POLICY
from lines.models import Line
from tests.dashboard.hooks import make_endpoint
from webhooks_app.models import Endpoint

MODELS = sorted(admin.site._registry, key=lambda model: model.__name__)
OPERATOR = "/operator/admin/"


@pytest.fixture
def operator(client: Client, bob: User) -> Client:
    """An operator who is no superuser: staff is all it takes."""
    bob.is_staff = True
    bob.save()
    client.force_login(bob)
    return client


def address_of(model: type[Model], page: str = "changelist", **kwargs: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", **kwargs)


@pytest.fixture
def rows(lumen: Organization, line: Line, make_key: Callable[..., tuple[ApiKey, str]]) -> dict[type[Model], Model]:
    return {Organization: lumen, Line: line, ApiKey: make_key(lumen)[0], Endpoint: make_endpoint(lumen)}


def test_the_tables_that_operators_need_are_there_and_no_secrets_of_others() -> None:
    names = {model.__name__ for model in MODELS}
    assert {"Organization", "User", "Line", "SandboxPairing", "ApiKey", "Endpoint", "AuditEntry"} <= names
    assert not names & {"Authenticator", "SocialToken", "AccessToken", "RefreshToken", "Group"}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_each_table_opens_searches_and_offers_no_writing(operator: Client, rows: Any, model: type[Model]) -> None:
    answer = operator.get(address_of(model), {"q": "lumen"})
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "style=" not in answer.content.decode()
    assert "<style" not in answer.content.decode()
    assert operator.get(address_of(model, "add")).status_code == 403


def test_an_object_shows_its_fields_but_not_its_secrets(operator: Client, rows: dict[type[Model], Model]) -> None:
    for model, row in rows.items():
        page = operator.get(address_of(model, "change", args=[row.pk])).content.decode()
        assert 'class="readonly"' in page
        for hidden in ("token_hash", "field-secret", "next_secret", "field-password", "field-headers"):
            assert hidden not in page, (model, hidden)
        assert operator.post(address_of(model, "change", args=[row.pk]), {"name": "x"}).status_code == 403
        assert operator.post(address_of(model, "delete", args=[row.pk])).status_code == 403


@pytest.mark.parametrize("address", [OPERATOR, f"{OPERATOR}accounts/user/", f"{OPERATOR}login/"])
def test_nobody_but_staff_learns_of_it(client: Client, alice: User, address: str) -> None:
    assert client.get(address, follow=True).request["PATH_INFO"].startswith("/account/login/")
    client.force_login(alice)
    assert client.get(address, follow=True).status_code == 404


@pytest.mark.parametrize(
    ("model", "action", "recorded"),
    [
        (Organization, "suspend", "organization.suspended"),
        (ApiKey, "revoke", "api_key.revoked"),
        (Line, "pause", "line.paused"),
        (Endpoint, "switch_off", "webhook.switched_off"),
    ],
)
def test_an_act_goes_through_the_services_and_both_logs(
    operator: Client, bob: User, rows: dict[type[Model], Model], model: type[Model], action: str, recorded: str
) -> None:
    operator.post(address_of(model), {"action": action, "_selected_action": [str(rows[model].pk)]})
    entry = AuditEntry.objects.filter(action=recorded).latest("id")
    assert entry.actor == bob
    assert LogEntry.objects.get().user == bob


def test_a_switched_off_person_is_signed_out_but_no_operator_is(operator: Client, bob: User, alice: User) -> None:
    theirs = Client()
    theirs.force_login(alice)
    fields = {"action": "switch_off", "_selected_action": [str(alice.pk), str(bob.pk)]}
    operator.post(address_of(User), fields)
    assert list(User.objects.filter(is_active=False)) == [alice]
    assert theirs.get("/settings/profile").status_code == 302
