"""Walks the registry: what holds for every route, and that every route and error code is documented."""

import re
from pathlib import Path

import pytest

from accounts.scopes import SCOPES
from api.door import PREFIXES
from api.error_codes import ERROR_CODES, describe_errors
from api.openapi import build_openapi, error_codes_of
from api.routes import list_endpoints
from tests.api.conftest import ApiClient

ENDPOINTS = list_endpoints()
KEYED = [entry for entry in ENDPOINTS if entry.access == "key"]
ROOT = Path(__file__).resolve().parents[2]


def name(entry):
    return f"{entry.method} {entry.path}"


def path_of(entry):
    return re.sub(r"\{\w+\}", "x", entry.path)


@pytest.mark.parametrize("entry", KEYED, ids=name)
def test_without_a_key_it_is_refused(entry):
    assert ApiClient().call(entry.method, path_of(entry)).error[:3] == (401, "authentication_error", "missing_api_key")


@pytest.mark.parametrize("entry", KEYED, ids=name)
def test_with_a_bad_key_it_is_refused(entry, db):
    answer = ApiClient("sk_live_nonsense").call(entry.method, path_of(entry))
    assert answer.error[:3] == (401, "authentication_error", "invalid_api_key")


@pytest.mark.parametrize("entry", [entry for entry in KEYED if entry.scope], ids=name)
def test_without_its_scope_it_is_refused(entry, lumen, make_key):
    _, token = make_key(lumen, scopes=[scope for scope in SCOPES if scope != entry.scope])
    answer = ApiClient(token).call(entry.method, path_of(entry))
    assert answer.error == (403, "authorization_error", "insufficient_scope", None)


@pytest.mark.parametrize("entry", ENDPOINTS, ids=name)
def test_it_is_documented(entry):
    assert entry.path.startswith(PREFIXES)
    assert entry.summary
    assert not set(error_codes_of(entry)) - set(ERROR_CODES)
    assert entry.scope is None or entry.scope in SCOPES
    if entry.path.startswith("/v1/"):
        operation = build_openapi()["paths"][entry.path][entry.method.lower()]
        assert {str(ERROR_CODES[code].status) for code in error_codes_of(entry)} <= set(operation["responses"])


def test_every_error_code_has_its_section_in_the_documentation():
    assert (ROOT / "docs" / "errors.md").read_text() == describe_errors()


def test_every_code_that_the_code_can_raise_is_documented():
    used = set()
    for folder in ("api", "messaging", "lines"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text()
            errors = re.findall(
                r"(?:Authentication|Authorization|InvalidRequest|NotFound|RateLimit|Service)Error\(\s*\"([a-z_]+)\"",
                text,
            )
            nouns = re.findall(r"not_found\(\"([a-z ]+)\"", text)
            used |= {*errors, *(noun.replace(" ", "_") + "_not_found" for noun in nouns)}
    assert used - set(ERROR_CODES) == set()


def test_the_description_is_open_and_names_the_webhooks():
    answer = ApiClient().get("/v1/openapi.json")
    assert answer.status == 200
    document = answer.body
    assert document["openapi"] == "3.1.0"
    assert set(document["webhooks"]) == {"message.received", "message.sent", "reaction.added", "reaction.removed"}
    assert "/v1/messages" in document["paths"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in document["components"]["schemas"])
