"""A real Chromium for tests marked ``browser``."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

INSTALL = "apt-get install -y --no-install-recommends chromium fonts-liberation"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run", "--disable-quic", "--disable-dev-shm-usage"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTHS = {"desktop": (1440, 900), "phone": (390, 844)}


def find_chromium() -> str | None:
    return os.environ.get("CHROMIUM") or next((found for name in NAMES if (found := shutil.which(name))), None)


GUESTS = {"chromium", "running_product"}


def _count_of_guests(item: pytest.Item) -> int:
    names: list[str] = getattr(item, "fixturenames", [])
    return 2 * ("chromium" in names) + ("running_product" in names)


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """``live``: beside the running product or a browser, which is half of the suite (config/dev/suite.py)."""
    if GUESTS.intersection(getattr(item, "fixturenames", [])):
        item.add_marker("live")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Playwright's loop stays in this thread once it runs, and a test of its own loop could not start one any more; nor
    # does a running product make the other tests faster. Both come last, whatever the order asked for.
    items.sort(key=_count_of_guests)
    if find_chromium() is not None:
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=f"no Chromium; install one: {INSTALL}"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    # Playwright's loop runs in this thread, which is enough for Django to take every ORM call for an asynchronous one.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """``open_page(size="phone", theme="dark")``: a page of its own context that fails the test on a script error."""
    contexts: list[Any] = []
    problems: list[str] = []

    def open_one(*, size: str = "desktop", theme: str = "light", **options: Any) -> Any:
        width, height = WIDTHS[size]
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=theme, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: problems.append(f"script error on {page.url}: {error}"))
        page.on("console", lambda line: _note_violation(line, problems))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not problems, problems


def _note_violation(line: Any, problems: list[str]) -> None:
    if line.type == "error" and "Content Security Policy" in line.text:
        problems.append(line.text)


@pytest.fixture
def page(open_page: Callable[..., Any]) -> Any:
    """A desktop page in the light theme."""
    return open_page()
