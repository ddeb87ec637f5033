"""The documentation: every page renders, every link leads somewhere, and it cannot fall behind the code."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.scopes import SCOPES
from api import routes as api_routes
from dashboard.docs_pages import TITLES, get_docs_page, read_docs_text
from dashboard.log_words import OUTBOX_ERRORS, list_error_codes, outbox_anchor
from events.types import PUBLIC_EVENTS
from transports.simulator import scenarios

pytestmark = pytest.mark.django_db


def get(path: str) -> Any:
    return Client().get(path)


def text(response: Any) -> str:
    return str(response.content.decode())


@pytest.mark.parametrize("slug", TITLES)
def test_every_page_is_open_to_everybody(slug: str) -> None:
    page = text(get(f"/docs/{slug}"))
    assert page.count("<h1") == 1
    assert "messages.example.com" not in page
    assert get(f"/docs/{slug}.md").headers["Content-Type"].startswith("text/markdown")


def test_the_first_page_is_the_overview() -> None:
    assert "Messages.dev documentation" in text(get("/docs"))


@pytest.mark.parametrize("path", ["/docs/nothing", "/docs/nothing.md", "/docs/..%2Fsettings", "/docs/index.md.md"])
def test_there_is_nothing_else(path: str) -> None:
    assert get(path).status_code == 404


def test_every_link_between_pages_leads_to_a_page_and_a_place() -> None:
    wrong = []
    for slug in TITLES:
        for target, place in re.findall(r"\]\(/docs/?([a-z-]*)#?([a-z0-9_-]*)\)", read_docs_text(slug)):
            page = get_docs_page(target or "index")
            if page is None or (place and f'id="{place}"' not in page.html):
                wrong.append(f"{slug}: /docs/{target}#{place}")
    assert wrong == []


def test_every_error_code_has_its_place() -> None:
    errors, outbox = get_docs_page("errors"), get_docs_page("outbox")
    assert errors is not None
    assert outbox is not None
    assert [code for code in list_error_codes() if f'id="{code}"' not in errors.html] == []
    anchors = {outbox_anchor(code).partition("#")[2] for code in (*OUTBOX_ERRORS, "imessage_error_22")}
    assert [anchor for anchor in anchors if f'id="{anchor}"' not in outbox.html] == []


def test_every_endpoint_scope_event_and_scenario_is_named() -> None:
    api_routes.load_endpoints()
    reference = read_docs_text("api")
    paths = [path for path in api_routes._by_template if path.startswith("/v1/") and path != "/v1/openapi.json"]
    assert [path for path in paths if path not in reference] == []
    assert [scope for scope in SCOPES if scope not in read_docs_text("authentication")] == []
    assert [event for event in PUBLIC_EVENTS if event not in read_docs_text("webhooks")] == []
    assert [name for name in scenarios.NAMES if f"`{name}`" not in read_docs_text("simulator")] == []


def test_markup_in_the_texts_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard import docs_pages

    source = '# T\n\n<script>x</script> [a](javascript:x) `<b>`\n\n```json\n"<img>"\n```\n\n| `<i>` | b |\n|---|---|\n'
    monkeypatch.setattr(docs_pages, "read_docs_text", lambda slug: source)
    docs_pages._render.cache_clear()
    page = get_docs_page("send")
    docs_pages._render.cache_clear()
    assert page is not None
    for markup in ("<script", "<b>", "<img", "<i>", 'href="javascript'):
        assert markup not in page.html


@pytest.mark.parametrize("path", ["/llms.txt", "/docs/llms.txt"])
def test_language_models_find_every_page(path: str) -> None:
    listing = text(get(path))
    assert [slug for slug in TITLES if f"{settings.BASE_URL}/docs/{slug}.md" not in listing] == []
    assert all(len(line) < 300 for line in listing.splitlines())


@pytest.mark.parametrize("path", ["/llms-full.txt", "/docs/llms-full.txt"])
def test_language_models_can_read_it_all_at_once(path: str) -> None:
    whole = text(get(path))
    assert all(read_docs_text(slug).strip() in whole for slug in TITLES)
