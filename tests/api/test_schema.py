"""Schemathesis drives the API from its own description: whatever is sent, the answer is one that is described.

The suite sends few examples, the same ones each time. A longer run with new ones: ``SCHEMA_EXAMPLES=200 scripts/test
tests/api/test_schema.py``.
"""

import copy
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation

from api.openapi import build_openapi
from api.v1 import events

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "0"))
# A value can be well-formed and still name nothing, or be neither text nor file: these statuses are then right. All
# other checks run as they come: no server error, described status, type and shape, bad input refused.
RIGHT_FOR_GOOD_DATA = ["2xx", 302, 400, 401, 403, 404, 409, 413, 422, 429]
CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {"positive_data_acceptance": {"expected-statuses": RIGHT_FOR_GOOD_DATA}},
        "generation": {"database": "none"},
    }
)


def load(document: dict[str, Any]) -> Any:
    loaded = schemathesis.openapi.from_dict(document, config=CONFIG)
    loaded.app = WSGIHandler()
    return loaded


schema = load(build_openapi())


@pytest.fixture
def token(lumen: Any, alice: Any, line: Any, chat: Any, make_key: Any) -> str:
    return make_key(lumen, created_by=alice, requests_per_hour=0)[1]


@pytest.fixture
def _one_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keeps the test's transaction: outside of Django's own client, the end of a request closes connections."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    monkeypatch.setattr(events, "_waiting", threading.BoundedSemaphore(1))
    events._waiting.acquire()  # nobody may wait for an event: it would take the whole of `wait`
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.django_db
@pytest.mark.usefixtures("_one_connection")
@schema.parametrize()
@settings(
    max_examples=EXAMPLES or 4, deadline=None, derandomize=not EXAMPLES, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_every_answer_is_one_that_is_described(case: Any, token: str) -> None:
    answer = case.call_and_validate(headers={} if _must_lack_key(case) else {"Authorization": f"Bearer {token}"})
    assert answer.status_code < 500


def _must_lack_key(case: Any) -> bool:
    """Whether what is wrong about a request is that it has no key: then it must not be given one."""
    part = case.meta.components.get(ParameterLocation.HEADER) if case.meta else None
    given = {name.lower() for name in case.headers or {}}
    return part is not None and part.mode.is_negative and "authorization" not in given


@pytest.mark.django_db
@pytest.mark.usefixtures("_one_connection")
def test_an_answer_that_is_not_described_is_found(token: str) -> None:
    document = copy.deepcopy(build_openapi())
    responses = document["paths"]["/v1/lines"]["get"]["responses"]
    responses["202"] = responses.pop("200")
    case = load(document)["/v1/lines"]["GET"].Case()
    with pytest.raises(BaseExceptionGroup, match="status code"):
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"})
