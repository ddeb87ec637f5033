"""Every page of the registry in a real browser, full of hostile text: no violation of axe in both themes and at both
widths, no sideways scroll, no script error, and no word that became markup. A new page is walked by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.urls import get_resolver, reverse
from pytest_django import DjangoDbBlocker

from tests.axe import assert_accessible
from tests.browser.hostile import make_hostile_world, make_session
from tests.chromium import WIDTHS
from tests.dashboard.routes import KWARGS, World
from tests.dashboard.test_access import DECLARED, Route
from tests.live import Product

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
# Answers that are no pages: parts for htmx, files, redirects, text
PARTS = {
    "audit_export", "conversation_latest", "conversation_newer", "conversation_older", "conversation_rows",
    "deliveries_export", "deliveries_news", "docs_llms", "docs_llms_full", "first_steps", "llms", "llms_full", "logs",
    "log_outbox_export", "log_outbox_row", "log_requests_export", "message_link", "metrics", "oauth_authorize",
    "palette", "phone_screen", "phone_seen", "pick", "replay_progress",
}  # fmt: skip
PAGES = [route for route in DECLARED if "GET" in route.methods and route.name not in PARTS]
STRANGERS = ["account_login", "account_signup", "account_reset_password", "account_reset_password_done"]
STRANGERS += ["account_email_verification_sent", "account_inactive", "socialaccount_login_cancelled"]
OWN = ["account_email", "account_change_password", "account_logout", "account_reauthenticate", "mfa_index"]
OWN += ["mfa_activate_totp", "mfa_list_webauthn", "mfa_add_webauthn", "usersessions_list", "socialaccount_connections"]
EMPTY = ["overview", "api_keys", "lines", "sandbox", "sandbox_phone", "webhooks", "deliveries", "replays"]
EMPTY += ["conversations", "log_requests", "log_outbox", "members", "audit", "replay_start"]
# All rules in two of the four looks; in the others only those that see the theme and the width
SEEN = ("color-contrast", "scrollable-region-focusable", "link-in-text-block")
LOOKS = (("desktop", "light", ()), ("desktop", "dark", SEEN), ("phone", "dark", ()), ("phone", "light", SEEN))
# A page of parts that were seen in all four: each theme and each width once
TWO_LOOKS = (LOOKS[0], LOOKS[2])
# Of a long run of parts alike, all are examined in the first look and a few in the others
SHORTENED = """() => {
  [...document.querySelectorAll("main article")].slice(12).forEach((part) => part.remove());
  document.querySelectorAll(":is(tbody, ul):is(main *) > :nth-child(n + 13)").forEach((part) => part.remove());
}"""
# The theme is on and no colour is on its way to another
SETTLED = """theme => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(
  document.documentElement.dataset.bsTheme === theme
  && document.getAnimations().every((one) => one.playState !== "running")))))"""
TABLES = sorted(admin.site._registry, key=lambda model: model.__name__)


@dataclass
class Tab:
    """One page of the browser for the whole walk; ``problems`` is what its console has said."""

    page: Any
    problems: list[str]
    product: Product
    world: World

    def become(self, session: str) -> None:
        self.page.context.clear_cookies()
        if session:
            self.page.context.add_cookies([{"name": "sessionid", "value": session, "url": self.product.base_url}])


@pytest.fixture(scope="module")
def tab(chromium: Any, running_product: Product, django_db_blocker: DjangoDbBlocker) -> Iterator[Tab]:
    problems: list[str] = []
    with django_db_blocker.unblock(), running_product.orm():
        world = make_hostile_world(running_product)
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None)
    page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    yield Tab(page, problems, running_product, world)
    context.close()


@pytest.fixture(scope="module")
def sessions(tab: Tab, django_db_blocker: DjangoDbBlocker) -> dict[str, str]:
    with django_db_blocker.unblock(), tab.product.orm():
        return {"owner": make_session(tab.world.alice), "newcomer": make_session(tab.product.make_account().user)}


def look(tab: Tab, address: str, looks: Sequence[tuple[str, str, tuple[str, ...]]] = LOOKS) -> None:
    """Opens a page and looks at it in both themes and at both widths."""
    tab.problems.clear()
    page = tab.page
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1440, "height": 900})
    answer = page.goto(tab.product.base_url + address)
    assert answer.status < 400, (answer.status, address)
    assert answer.headers["content-type"].startswith("text/html")
    assert page.locator("[data-xss]").count() == 0
    assert page.locator("a[href^='javascript:'], [onerror], [onload], [onmouseover]").count() == 0
    for width, height in reversed(WIDTHS.values()):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (address, width)
    for size, theme, rules in looks:
        width, height = WIDTHS[size]
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(SETTLED, arg=theme)
        assert_accessible(page, *rules)
        page.evaluate(SHORTENED)
    assert page.evaluate("window.xss") is None
    assert tab.problems == []


@pytest.mark.parametrize("route", PAGES, ids=lambda route: route.name)
def test_a_page_full_of_hostile_text(tab: Tab, sessions: dict[str, str], product: Product, route: Route) -> None:
    tab.become(sessions["owner"])
    look(tab, reverse(route.name, kwargs=KWARGS[route.name](tab.world) if route.is_parametrised else None))


@pytest.mark.parametrize("name", EMPTY)
def test_a_page_of_a_new_organization(tab: Tab, sessions: dict[str, str], name: str) -> None:
    tab.become(sessions["newcomer"])
    look(tab, reverse(name), TWO_LOOKS)


@pytest.mark.parametrize("name", OWN)
def test_a_page_about_ones_own_account(tab: Tab, sessions: dict[str, str], name: str) -> None:
    tab.become(sessions["owner"])
    look(tab, reverse(name))


@pytest.mark.parametrize("name", STRANGERS)
def test_a_page_for_strangers(tab: Tab, name: str) -> None:
    tab.become("")
    look(tab, reverse(name))


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_a_table_for_operators(tab: Tab, sessions: dict[str, str], model: type[Model]) -> None:
    tab.become(sessions["owner"])
    look(tab, reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"), TWO_LOOKS)


def test_what_is_left_out_is_no_page(tab: Tab, sessions: dict[str, str], product: Product) -> None:
    tab.become(sessions["owner"])
    known = {route.name: route for route in DECLARED if "GET" in route.methods}
    assert set(known) >= PARTS
    for name in sorted(PARTS):
        kwargs = KWARGS[name](tab.world) if known[name].is_parametrised else None
        answer = tab.page.context.request.get(product.base_url + reverse(name, kwargs=kwargs), max_redirects=0)
        assert answer.status >= 300 or "<!doctype" not in answer.text().lower(), name
    assert get_resolver().reverse_dict  # the registry was read
