"""What a first visit costs: every page's files together stay small, and our own scripts smaller."""

import pytest
from django.test import Client
from django.urls import reverse

from bench.page_weight import (
    FIRST_LOAD_BYTES,
    LATER_PAGE_BYTES,
    OWN_SCRIPT_BYTES,
    measure_files,
    measure_html,
    pick_own_scripts,
)
from tests.dashboard.routes import KWARGS, World
from tests.dashboard.test_access import DECLARED, Route, world

__all__ = ["world"]

PAGES = [route for route in DECLARED if "GET" in route.methods and (not route.is_parametrised or route.name in KWARGS)]
# A messenger: live bubbles, a composer with files and answers, voice memos, the trace
CHAT_SCRIPT_BYTES = {"conversation": 17 * 1024}


@pytest.mark.django_db
@pytest.mark.parametrize("route", PAGES, ids=lambda route: route.name)
def test_a_page_stays_within_the_budget(route: Route, world: World) -> None:
    client = Client()
    client.force_login(world.alice, backend="django.contrib.auth.backends.ModelBackend")
    response = client.get(reverse(route.name, kwargs=KWARGS[route.name](world) if route.is_parametrised else {}))
    assert response.status_code < 500
    if response.status_code != 200 or not response.headers["Content-Type"].startswith("text/html"):
        return
    html = measure_html(response.content)
    sizes = measure_files(response.content.decode())
    own = pick_own_scripts(sizes)
    assert html <= LATER_PAGE_BYTES
    assert sum(own.values()) <= CHAT_SCRIPT_BYTES.get(route.name, OWN_SCRIPT_BYTES), own
    assert html + sum(sizes.values()) <= FIRST_LOAD_BYTES, {path.name: size for path, size in sizes.items()}
