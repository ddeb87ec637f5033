"""A client that speaks as an API key, straight through the WSGI stack."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.models import ApiKey, ApiRequest, Organization
from api.auth import forget_keys
from api.request_log import request_log
from core.redis_client import get_redis


@dataclass
class Answer:
    """A response with its JSON read."""

    response: HttpResponse

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def body(self) -> Any:
        return json.loads(self.response.content)

    @property
    def headers(self) -> Any:
        return self.response.headers

    @property
    def error(self) -> tuple[int, str, str, str | None]:
        """(status, type, code, param), having checked the envelope."""
        body = self.body
        assert set(body) == {"error", "request_id"}
        error = body["error"]
        assert set(error) <= {"type", "code", "message", "param"}
        assert None not in error.values()
        assert body["request_id"] == self.headers["X-Request-Id"]
        return self.status, error["type"], error["code"], error.get("param")


class ApiClient:
    """``api.get("/v1/lines")``, ``api.post("/v1/messages", {...})``; ``token=None`` sends no key."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token
        self.client = Client(raise_request_exception=False)

    def call(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json", **headers: str
    ) -> Answer:
        if self.token is not None:
            headers.setdefault("authorization", f"Bearer {self.token}")
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        response = self.client.generic(method, path, data, content_type=content_type, headers=headers)
        return Answer(response)

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("DELETE", path, body, **headers)


@pytest.fixture(autouse=True)
def _fresh_door() -> None:
    forget_keys()
    get_redis().flushdb()


@pytest.fixture
def api(lumen: Organization, alice: Any, make_key: Any) -> ApiClient:
    """Speaks with a key of Lumen that alice made: all scopes, all lines."""
    _, token = make_key(lumen, created_by=alice)
    return ApiClient(token)


@pytest.fixture
def key(api: ApiClient, lumen: Organization) -> ApiKey:
    return ApiKey.objects.get(organization=lumen)


@pytest.fixture
def stranger(other: Organization, charlie: Any, make_key: Any) -> ApiClient:
    """Speaks with a key of charlie's organization."""
    _, token = make_key(other, created_by=charlie)
    return ApiClient(token)


@pytest.fixture
def logged() -> Any:
    """Writes the request log now and returns the newest row."""

    def newest() -> ApiRequest:
        request_log.flush()
        return ApiRequest.objects.order_by("-id").first()

    request_log.flush()
    return newest
