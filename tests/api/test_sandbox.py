"""GET and POST /v1/sandbox (spec api §9.11)."""

from api.v1.sandbox import SandboxOut
from core.clock import now, to_ms
from lines.models import SandboxPairing
from tests.api.checks import has_shape
from tests.api.conftest import ApiClient

PATH = "/v1/sandbox"


def test_it_is_missing_then_pending_with_a_stable_code(api):
    missing = api.get(PATH)
    has_shape(missing, SandboxOut)
    assert (missing.body["status"], missing.body["activation_code"]) == ("missing", None)
    opened, again, seen = api.post(PATH), api.post(PATH), api.get(PATH)
    has_shape(opened, SandboxOut)
    assert opened.status == 200
    assert (opened.body["status"], len(opened.body["activation_code"])) == ("pending", 8)
    assert opened.body["activation_code"] == again.body["activation_code"] == seen.body["activation_code"]
    usage = opened.body["usage"]
    assert (usage["used"], usage["limit"], usage["remaining"]) == (0, 50, 50)
    assert to_ms(now()) < usage["resets_at"] <= to_ms(now()) + 86_400_000


def test_it_is_active_after_pairing(api, lumen):
    api.post(PATH)
    SandboxPairing.objects.update(status="active", code="", contact_identifier="+15550100144", activated_at=now())
    answer = api.get(PATH)
    has_shape(answer, SandboxOut)
    assert (answer.body["status"], answer.body["activation_code"]) == ("active", None)
    assert answer.body["contact_identifier"] == "+15550100144"
    assert isinstance(answer.body["activated_at"], int)


def test_any_valid_key_may_call_it_and_sees_its_own(lumen, make_key, stranger):
    _, token = make_key(lumen, scopes=[])
    assert ApiClient(token).post(PATH).body["status"] == "pending"
    assert stranger.get(PATH).body["status"] == "missing"
    assert ApiClient().post(PATH).error[2] == "missing_api_key"


def test_the_budget_is_spent_by_sends_and_then_refused(api, lumen):
    lumen.sandbox_daily_messages = 1
    lumen.save()
    handle = api.post(PATH).body["sandbox_line_handle"]
    body = {"from": handle, "to": "+15550100144", "text": "hi"}
    assert api.post("/v1/messages", body).error[:3] == (403, "authorization_error", "sandbox_not_activated")
    SandboxPairing.objects.update(status="active", code="", contact_identifier="+15550100144", activated_at=now())
    mismatch = api.post("/v1/messages", {**body, "to": "+15550100155"})
    assert mismatch.error == (400, "invalid_request_error", "sandbox_contact_mismatch", "to")
    assert api.post("/v1/messages", body).status == 201
    refused = api.post("/v1/messages", body)
    assert refused.error[:3] == (429, "rate_limit_error", "sandbox_quota_exceeded")
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
    assert api.get(PATH).body["usage"]["remaining"] == 0
