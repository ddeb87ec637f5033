"""Every request is kept, in bulk, without secrets (the request log)."""

import json

from accounts.models import ApiKey, ApiKeyHour, ApiRequest
from accounts.tokens import new_token
from api import request_log as module
from api.redaction import redact_secrets, redact_text
from api.request_log import RequestLog, request_log
from tests.api.conftest import ApiClient


def test_a_request_is_kept_with_all_that_is_known_of_it(api, key, logged):
    answer = api.get("/v1/me?x=1", user_agent="tests/1")
    row = logged()
    assert (row.request_id, row.method, row.path, row.route) == (
        answer.body["request_id"],
        "GET",
        "/v1/me?x=1",
        "/v1/me",
    )
    assert (row.status, row.error_code, row.address, row.user_agent) == (200, "", "127.0.0.1", "tests/1")
    assert (row.api_key_id, row.organization_id) == (key.id, key.organization_id)
    assert row.duration_ms > 0
    assert '"organization"' in row.response_body


def test_a_refused_request_is_kept_with_its_code(db, logged):
    ApiClient().get("/v1/me")
    row = logged()
    assert (row.status, row.error_code, row.api_key_id) == (401, "missing_api_key", None)


def test_use_is_rolled_up_by_hour_and_the_key_knows_when_it_was_used(api, key, logged):
    api.get("/v1/me", user_agent="tests/1")
    api.post("/v1/me")
    api.get("/v1/me", user_agent="tests/2")
    logged()
    hour = ApiKeyHour.objects.get(api_key=key)
    key = ApiKey.objects.get(id=key.id)
    assert (hour.requests, hour.errors, hour.sends) == (2, 0, 0)
    assert (key.last_used_address, key.last_used_agent) == ("127.0.0.1", "tests/2")
    assert key.last_used_at is not None


def test_signs_that_mean_something_to_copy_are_kept_as_they_are(api, logged):
    agent = "a\\b\tc \\N \\. \u202e👣"
    api.post("/v1/messages?q=\\x5c", {"from": "\\N", "to": "tab\tend", "note": "two\nlines"}, user_agent=agent)
    row = logged()
    assert row.user_agent == agent
    assert row.path == "/v1/messages?q=\\x5c"
    assert json.loads(row.request_body) == {"from": "\\N", "to": "tab\tend", "note": "two\nlines"}


def test_writing_gently_leaves_nothing_out(api, monkeypatch):
    monkeypatch.setattr(module, "SLICE", 2)
    request_log.flush()
    ids = {api.get("/v1/me").body["request_id"] for _ in range(5)}
    assert request_log.flush(is_gentle=True) == 5
    assert {row.request_id for row in ApiRequest.objects.all()} >= ids


def test_secrets_are_never_kept():
    token = new_token()
    text = f'{{"secret":"whsec_abc","api_key":"{token}","note":"my {token}","url":"https://x/y?sig=abc&z=1"}}'
    kept = redact_secrets(text)
    assert token not in kept
    assert "whsec_abc" not in kept
    assert "sig=abc" not in kept
    assert '"note":"my sk_live_' in kept
    assert "z=1" in kept


def test_message_text_is_replaced_by_its_length_even_where_the_body_is_cut():
    assert redact_text('{"text":"a\\"b\\u00e9","to":"x"}') == '{"text":"[4 characters]","to":"x"}'
    assert redact_text('{"to":"x","text": "half of a tex') == '{"to":"x","text": "[13 characters]"'


def test_a_full_buffer_drops_the_oldest_and_counts_them(api, monkeypatch, logged):
    monkeypatch.setattr(module, "MAX_ENTRIES", 2)
    before = request_log.dropped
    requests = [api.get("/v1/me").body["request_id"] for _ in range(3)]
    logged()
    assert request_log.dropped == before + 1
    assert list(ApiRequest.objects.order_by("id").values_list("request_id", flat=True)) == requests[1:]


def test_flushing_an_empty_log_writes_nothing():
    assert RequestLog().flush() == 0
