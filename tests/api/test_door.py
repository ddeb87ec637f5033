"""What holds for every path: the envelope, routing, CORS, bad bodies and bad keys."""

import datetime

import pytest

from accounts.models import ApiKey, Organization
from accounts.tokens import new_token
from core.clock import now
from core.redis_client import get_redis
from tests.api.conftest import ApiClient


def test_every_answer_carries_its_request_id_in_body_and_header(api):
    answer = api.get("/v1/me")
    assert answer.status == 200
    assert answer.body["request_id"] == answer.headers["X-Request-Id"]
    assert answer.body["request_id"].startswith("req_")
    assert len(answer.body["request_id"]) == 16


def test_an_unknown_path_is_not_found_in_the_envelope_without_a_key():
    assert ApiClient().get("/v1/nothing").error == (404, "not_found_error", "route_not_found", None)
    assert ApiClient().get("/api/nothing").error == (404, "not_found_error", "route_not_found", None)


def test_a_wrong_method_is_refused_in_the_envelope(api):
    answer = api.post("/v1/me", {})
    assert answer.error == (405, "invalid_request_error", "method_not_allowed", None)


def test_a_request_without_key_is_told_that_it_is_missing():
    assert ApiClient().get("/v1/me").error == (401, "authentication_error", "missing_api_key", None)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer sk_live_short",
        "Basic abc",
        "sk_live_x",
        f"Bearer {new_token()}",
        f"Bearer {new_token()[:-1]}x",
    ],
)
def test_a_malformed_or_unknown_key_is_invalid(db, header):
    answer = ApiClient().get("/v1/me", authorization=header)
    assert answer.error == (401, "authentication_error", "invalid_api_key", None)


def test_an_expired_key_is_invalid(lumen, make_key):
    _, token = make_key(lumen, expires_at=now() - datetime.timedelta(seconds=1))
    assert ApiClient(token).get("/v1/me").error == (401, "authentication_error", "invalid_api_key", None)


def test_a_key_of_a_suspended_organization_is_refused(api, lumen):
    Organization.objects.filter(id=lumen.id).update(suspended_at=now())
    assert api.get("/v1/me").error == (403, "authorization_error", "organization_suspended", None)


def test_a_key_bound_to_addresses_is_refused_elsewhere(lumen, make_key):
    _, elsewhere = make_key(lumen, allowed_networks=["10.0.0.0/8"])
    _, here = make_key(lumen, allowed_networks=["10.0.0.0/8", "127.0.0.1/32"])
    assert ApiClient(elsewhere).get("/v1/me").error == (403, "authorization_error", "address_not_allowed", None)
    assert ApiClient(here).get("/v1/me").status == 200


def test_a_changed_key_is_read_again_on_its_next_request(api, key):
    assert api.get("/v1/me").status == 200
    ApiKey.objects.filter(id=key.id).update(revoked_at=now())
    get_redis().incr(f"msgd:key:{key.id.hex}:gen")
    assert api.get("/v1/me").error == (401, "authentication_error", "invalid_api_key", None)


def test_a_preflight_names_the_methods_of_the_path():
    answer = ApiClient().call("OPTIONS", "/v1/me", origin="https://app.example")
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]
    assert "X-Filename" in answer.headers["Access-Control-Allow-Headers"]


def test_head_answers_as_get_without_a_body(api):
    answer = api.call("HEAD", "/v1/me")
    assert answer.status == 200
    assert answer.response.content == b""
    assert int(answer.headers["Content-Length"]) > 0


def test_errors_allow_any_origin_to_read_them():
    assert ApiClient().get("/v1/me").headers["Access-Control-Allow-Origin"] == "*"


def test_the_json_content_type_on_a_bodyless_get_is_accepted(api):
    assert api.call("GET", "/v1/me", content_type="application/json").status == 200


def test_a_query_with_broken_utf8_or_nul_is_refused(api):
    assert api.get("/v1/me?x=%ff").error == (400, "invalid_request_error", "invalid_parameter_value", None)
    assert api.get("/v1/me?x=%00").error == (400, "invalid_request_error", "invalid_parameter_value", "x")
