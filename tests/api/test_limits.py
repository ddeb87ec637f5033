"""The hourly limit per key and its headers (spec api §5)."""

import pytest

from api import limits
from core.redis_client import get_redis
from tests.api.conftest import ApiClient


def test_every_authenticated_answer_tells_how_much_is_left(lumen, make_key):
    _, token = make_key(lumen, requests_per_hour=3)
    headers = ApiClient(token).get("/v1/me").headers
    assert headers["X-RateLimit-Limit"] == "3"
    assert headers["X-RateLimit-Remaining"] == "2"
    assert headers["RateLimit-Policy"] == '"hourly";q=3;w=3600'
    assert headers["RateLimit"].startswith('"hourly";r=2;t=')
    assert int(headers["X-RateLimit-Reset"]) > 0


def test_a_request_over_the_limit_is_refused_and_does_not_extend_the_window(lumen, make_key):
    key, token = make_key(lumen, requests_per_hour=2)
    client = ApiClient(token)
    assert [client.get("/v1/me").status for _ in range(2)] == [200, 200]
    left = get_redis().pttl(f"msgd:rate:{key.id.hex}")
    refused = client.get("/v1/me")
    assert refused.error == (429, "rate_limit_error", "rate_limit_exceeded", None)
    assert 3590 <= int(refused.headers["Retry-After"]) <= 3600
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert get_redis().get(f"msgd:rate:{key.id.hex}") == b"2"
    assert get_redis().pttl(f"msgd:rate:{key.id.hex}") <= left


def test_the_limit_of_the_organization_holds_where_the_key_has_none(lumen, make_key):
    lumen.requests_per_hour = 1
    lumen.save()
    _, token = make_key(lumen)
    client = ApiClient(token)
    assert client.get("/v1/me").status == 200
    assert client.get("/v1/me").status == 429


def test_zero_means_no_limit(lumen, make_key):
    key, token = make_key(lumen, requests_per_hour=0)
    answer = ApiClient(token).get("/v1/me")
    assert answer.headers["X-RateLimit-Limit"] == "0"
    assert "RateLimit" not in answer.headers
    assert get_redis().get(f"msgd:rate:{key.id.hex}") is None


def test_a_request_with_a_wrong_key_is_not_counted(api, key):
    ApiClient(api.token[:-1] + ("a" if api.token[-1] != "a" else "b")).get("/v1/me")
    assert get_redis().get(f"msgd:rate:{key.id.hex}") is None


@pytest.fixture
def _redis_away(settings, monkeypatch):
    from core import redis_client

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(limits, "_store", None)
    redis_client.get_redis.cache_clear()
    yield
    redis_client.get_redis.cache_clear()


@pytest.mark.usefixtures("_redis_away")
def test_without_redis_requests_are_answered_and_counted_locally(lumen, make_key, caplog):
    _, token = make_key(lumen, requests_per_hour=2)
    client = ApiClient(token)
    assert [client.get("/v1/me").status for _ in range(3)] == [200, 200, 429]
    assert len([r for r in caplog.records if "Redis is away" in r.message]) == 1
