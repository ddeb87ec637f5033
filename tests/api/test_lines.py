"""GET /v1/lines (spec api §9.1)."""

from django.conf import settings

from api.lists import Page
from api.schemas import LineOut
from api.v1.lines import MeterOut
from core.clock import now, to_ms
from lines.models import Line, SandboxPairing, SandboxUsage
from tests.api.checks import has_shape
from tests.api.conftest import ApiClient


def test_own_lines_are_listed_in_one_page(api, line, other):
    Line.objects.create(organization=other, handle="+15550100099")
    paused = Line.objects.create(organization=line.organization, handle="a@b.example", paused_at=now())
    answer = api.get("/v1/lines")
    has_shape(answer, Page[LineOut])
    assert [(item["id"], item["is_active"], item["label"]) for item in answer.body["data"]] == [
        (line.public_id, True, "Concierge US"), (paused.public_id, False, None),
    ]  # fmt: skip
    assert (answer.body["has_more"], answer.body["next_cursor"]) == (False, None)


def test_a_restricted_key_sees_its_lines_and_the_activated_sandbox(lumen, line, make_key):
    sandbox = Line.objects.create(handle="+15550100001", is_sandbox=True)
    second = Line.objects.create(organization=lumen, handle="+15550100077")
    _, token = make_key(lumen, line_ids=[second.id])
    assert [item["id"] for item in ApiClient(token).get("/v1/lines").body["data"]] == [second.public_id]
    SandboxPairing.objects.create(organization=lumen, line=sandbox, status="active", contact_identifier="+15550100144")
    assert {item["id"] for item in ApiClient(token).get("/v1/lines").body["data"]} == {
        second.public_id, sandbox.public_id,
    }  # fmt: skip


def test_it_needs_its_scope(lumen, make_key):
    _, token = make_key(lumen, scopes=["messages:read"])
    assert ApiClient(token).get("/v1/lines").error == (403, "authorization_error", "insufficient_scope", None)


def test_every_meter_of_a_line_is_shown(api, line, stranger):
    answer = api.get(f"/v1/lines/{line.public_id}/limits")
    assert answer.status == 200
    has_shape(answer, Page[MeterOut])
    assert {"reach_outs", "contacts", "unanswered", "ratio"} <= {meter["name"] for meter in answer.body["data"]}
    assert stranger.get(f"/v1/lines/{line.public_id}/limits").error[2] == "line_not_found"
    assert api.get("/v1/lines/cht_1/limits").error[2] == "invalid_parameter_value"


def test_the_sandbox_line_shows_the_own_share_of_its_day(api, stranger, line, other):
    sandbox = Line.objects.create(handle="+15550100001", is_sandbox=True)
    for organization, used in ((line.organization, 3), (other, 11)):
        SandboxPairing.objects.create(
            organization=organization, line=sandbox, status="active", contact_identifier=f"+155501001{used:02}"
        )
        SandboxUsage.objects.create(organization=organization, day=now().date(), used=used)
    for client, used in ((api, 3), (stranger, 11)):
        (meter,) = client.get(f"/v1/lines/{sandbox.public_id}/limits").body["data"]
        assert (meter["used"], meter["limit"]) == (used, settings.SANDBOX_DAILY_MESSAGES)
        assert meter["resets_at"] > to_ms(now())
