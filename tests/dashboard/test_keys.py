from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiKey, ApiKeyHour, Organization, User
from accounts.scopes import SCOPES
from accounts.tokens import is_well_formed
from core.clock import now
from dashboard.keys import get_state, make_usage_chart
from lines.models import Line

XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def as_dana(client: Client, dana: User) -> Client:
    client.force_login(dana)
    client.get("/settings/profile")  # writes the session's activity, once a minute
    return client


def values(**changes: Any) -> dict[str, Any]:
    return {"name": "prod-agent", "scopes": ["messages:write"], "reach": "all", "lifetime": "", **changes}


def token_in(response: Any) -> str:
    token: str = response.context["token"]
    assert is_well_formed(token)
    return token


def test_a_key_is_made_and_shown_once(as_dana: Client, lumen: Organization) -> None:
    response = as_dana.post("/api-keys/new", values())
    token = token_in(response)
    assert token in response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]
    key = ApiKey.objects.get()
    assert (key.name, key.scopes, key.line_ids) == ("prod-agent", ["messages:write"], None)
    assert token not in as_dana.get(f"/api-keys/{key.public_id}").content.decode()


def test_a_key_is_narrowed(as_dana: Client, line: Line) -> None:
    as_dana.post(
        "/api-keys/new",
        values(
            reach="some",
            line_ids=[str(line.pk)],
            lifetime="30",
            allowed_networks="203.0.113.0/24\n2001:db8::/32",
            allowed_recipients="+1 628 555 0144\n*@lumen.example",
            daily_send_budget="50",
            requests_per_hour="0",
        ),
    )
    key = ApiKey.objects.get()
    assert key.line_ids == [line.pk]
    assert key.allowed_recipients == ["+16285550144", "*@lumen.example"]
    assert (key.daily_send_budget, key.requests_per_hour) == (50, 0)
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - now() < timedelta(days=31)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "Taken"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["messages:everything"]}, "scopes"),
        ({"reach": "some", "line_ids": []}, "line_ids"),
        ({"reach": "some", "line_ids": ["0192f000-0000-7000-8000-000000000000"]}, "line_ids"),
        ({"lifetime": "date"}, "expires_at"),
        ({"lifetime": "date", "expires_at": "2020-01-01T00:00"}, "expires_at"),
        ({"allowed_networks": "everywhere"}, "allowed_networks"),
        ({"allowed_recipients": "everybody"}, "allowed_recipients"),
        ({"requests_per_hour": "many"}, "requests_per_hour"),
        ({"daily_send_budget": "-1"}, "daily_send_budget"),
    ],
)
def test_wrong_input_is_told_beside_its_field_and_kept(
    as_dana: Client, lumen: Organization, make_key: Any, changes: dict[str, Any], field: str
) -> None:
    make_key(lumen, name="taken")
    response = as_dana.post("/api-keys/new", values(**changes))
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert response.context["form"]["scopes"].value() == values(**changes)["scopes"]
    assert ApiKey.objects.count() == 1


def test_times_are_typed_and_written_in_the_zone_of_the_viewer(as_dana: Client, dana: User) -> None:
    as_dana.cookies["zone"] = "Asia/Tokyo"
    assert "Time in Tokyo" in as_dana.get("/api-keys/new").content.decode()
    as_dana.post("/api-keys/new", values(lifetime="date", expires_at="2099-01-01T08:30"))
    key = ApiKey.objects.get()
    assert key.expires_at == datetime(2098, 12, 31, 23, 30, tzinfo=UTC)
    assert ">1 Jan 2099</time>" in as_dana.get("/api-keys").content.decode()
    dana.time_zone = "America/New_York"  # what the profile says comes first
    dana.save()
    assert 'value="2098-12-31T18:30"' in as_dana.get(f"/api-keys/{key.public_id}/edit").content.decode()
    as_dana.cookies["zone"] = "No/Such/Place"
    assert as_dana.get("/api-keys").status_code == 200


def test_all_that_is_wrong_is_told_at_once(as_dana: Client) -> None:
    wrong = {"name": "x" * 81, "scopes": [], "requests_per_hour": "1.5", "daily_send_budget": "-1"}
    response = as_dana.post("/api-keys/new", values(**wrong, allowed_networks="10.0.0.0/8\nnowhere"))
    assert set(response.context["form"].errors) == {*wrong, "allowed_networks"}
    assert "5 fields need a change." in response.content.decode()
    assert not ApiKey.objects.exists()


def test_the_line_of_another_organization_is_no_choice(as_dana: Client, other: Organization) -> None:
    foreign = Line.objects.create(organization=other, handle="+15550100099")
    response = as_dana.post("/api-keys/new", values(reach="some", line_ids=[str(foreign.pk)]))
    assert response.status_code == 422
    assert not ApiKey.objects.exists()


def test_a_replayed_post_of_the_same_name_makes_no_second_key(as_dana: Client) -> None:
    as_dana.post("/api-keys/new", values())
    assert as_dana.post("/api-keys/new", values()).status_code == 422
    assert ApiKey.objects.count() == 1


def test_markup_in_names_stays_text(as_dana: Client, lumen: Organization, make_key: Any) -> None:
    key, _ = make_key(lumen, name=XSS[:80], last_used_at=now(), last_used_agent=XSS)
    for address in ("/api-keys", f"/api-keys/{key.public_id}", f"/api-keys/{key.public_id}/revoke"):
        body = as_dana.get(address).content.decode()
        assert "<script>alert" not in body
        assert "<img src=x" not in body


def test_changing_rolling_and_revoking(as_dana: Client, lumen: Organization, make_key: Any) -> None:
    key, _ = make_key(lumen, name="prod-agent")
    place = f"/api-keys/{key.public_id}"
    assert as_dana.get(f"{place}/edit").context["form"].chosen_scopes == set(SCOPES)
    as_dana.post(f"{place}/edit", values(name="renamed"))
    key.refresh_from_db()
    assert (key.name, key.scopes) == ("renamed", ["messages:write"])
    assert as_dana.post(f"{place}/roll", {"overlap": "date"}).status_code == 422
    token_in(as_dana.post(f"{place}/roll", {"overlap": "3600"}))
    assert as_dana.post(f"{place}/roll", {"overlap": "3600"}).status_code == 422
    assert ApiKey.objects.count() == 2
    assert as_dana.post(f"{place}/revoke").headers["Location"] == "/api-keys"
    as_dana.post(f"{place}/revoke")
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert as_dana.post(f"{place}/edit", values()).status_code == 302


def test_a_key_that_was_revoked_meanwhile_says_so_at_once(as_dana: Client, lumen: Organization, make_key: Any) -> None:
    key, _ = make_key(lumen)
    as_dana.post(f"/api-keys/{key.public_id}/revoke")
    as_dana.get("/api-keys")
    for act in ("edit", "roll", "revoke"):
        for answer in (
            as_dana.get(f"/api-keys/{key.public_id}/{act}"),
            as_dana.post(f"/api-keys/{key.public_id}/{act}"),
        ):
            assert answer.headers["Location"] == f"/api-keys/{key.public_id}"
    shown = as_dana.get(f"/api-keys/{key.public_id}").content.decode()
    assert "is revoked already" in shown
    assert ">Undo<" not in shown


def test_the_dialog_is_the_fragment_alone(as_dana: Client) -> None:
    response = as_dana.get("/api-keys/new", headers={"HX-Request": "true"})
    assert "<html" not in response.content.decode()
    assert 'hx-post="/api-keys/new"' in response.content.decode()
    assert as_dana.post("/api-keys/new", {}, headers={"HX-Request": "true"}).status_code == 422


def test_a_thousand_keys_cost_no_more_queries(
    as_dana: Client, lumen: Organization, django_assert_max_num_queries: Any
) -> None:
    ApiKey.objects.bulk_create(
        ApiKey(organization=lumen, name=f"key {n}", prefix="sk_live_abcd", token_hash=n.to_bytes(32))
        for n in range(1000)
    )
    with django_assert_max_num_queries(8):
        response = as_dana.get("/api-keys?q=key&state=active&scope=")
    assert len(response.context["rows"]) == 50
    assert "before=" in response.content.decode()
    key = ApiKey.objects.first()
    assert key is not None
    with django_assert_max_num_queries(8):
        as_dana.get(f"/api-keys/{key.public_id}?days=30")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("unused", "Never used")),
        ({"last_used_at": now()}, ("active", "Active")),
        ({"expires_at": now() + timedelta(days=6, hours=1)}, ("expiring", "Expires in 6 days")),
        ({"expires_at": now() - timedelta(days=1)}, ("expired", "Expired")),
        ({"revoked_at": now(), "revoked_reason": "leaked"}, ("leaked", "Leaked, revoked")),
        ({"revoked_at": now(), "revoked_reason": "revoked"}, ("revoked", "Revoked")),
    ],
)
def test_states_are_words(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    assert get_state(ApiKey(**fields), now()) == expected


def test_the_chart_has_no_gaps_and_adds_up(lumen: Organization, make_key: Any) -> None:
    key, _ = make_key(lumen)
    at = now()
    hour = at.replace(minute=0, second=0, microsecond=0)
    rows = [
        ApiKeyHour(api_key=key, hour=hour - timedelta(hours=3), requests=8, errors=2, sends=5),
        ApiKeyHour(api_key=key, hour=hour, requests=4),
    ]
    chart = make_usage_chart(rows, days=1, at=at)
    assert len(chart.bars) == 24
    assert (chart.requests, chart.errors, chart.sends, chart.top) == (12, 2, 5, 8)
    assert chart.bars[-4].height == 100
    assert chart.bars[-1].height == 50
