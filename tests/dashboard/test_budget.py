"""What a first visit costs: every page's files together stay small, and our own scripts smaller."""

import gzip
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from tests.dashboard.routes import KWARGS, World
from tests.dashboard.test_access import DECLARED, Route, world

__all__ = ["world"]

FIRST_LOAD_BYTES = 250 * 1024
LATER_PAGE_BYTES = 40 * 1024
OWN_SCRIPT_BYTES = 12 * 1024
LINK = re.compile(r'(?:src|href)="(/static/[^"]+)"')
IMPORT = re.compile(r"""(?:import|from)\s*\(?["'](\.[^"']+\.js)["']""")
PAGES = [route for route in DECLARED if "GET" in route.methods and (not route.is_parametrised or route.name in KWARGS)]


def find_static(link: str) -> Path:
    found = finders.find(urlsplit(link).path.removeprefix("/static/"))
    assert found is not None, f"{link} does not exist"
    return Path(found)


def files_of(html: str) -> set[Path]:
    """What the page links, with what its scripts import. Fonts count where the page preloads them."""
    waiting = [find_static(link) for link in LINK.findall(html)]
    files: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        files.add(path)
        if path.suffix == ".js":
            waiting += [(path.parent / name).resolve() for name in IMPORT.findall(path.read_text())]
    return files


def compressed(path: Path) -> int:
    content = path.read_bytes()
    return len(content) if path.suffix in (".woff2", ".png", ".jpg", ".webp") else len(gzip.compress(content))


@pytest.mark.django_db
@pytest.mark.parametrize("route", PAGES, ids=lambda route: route.name)
def test_a_page_stays_within_the_budget(route: Route, world: World) -> None:
    client = Client()
    client.force_login(world.alice, backend="django.contrib.auth.backends.ModelBackend")
    response = client.get(reverse(route.name, kwargs=KWARGS[route.name](world) if route.is_parametrised else {}))
    assert response.status_code < 500
    if response.status_code != 200 or not response.headers["Content-Type"].startswith("text/html"):
        return
    html = len(gzip.compress(response.content))
    sizes = {path: compressed(path) for path in files_of(response.content.decode())}
    own = {path.name: size for path, size in sizes.items() if path.suffix == ".js" and "static/js" in str(path)}
    assert html <= LATER_PAGE_BYTES
    assert sum(own.values()) <= OWN_SCRIPT_BYTES, own
    assert html + sum(sizes.values()) <= FIRST_LOAD_BYTES, {path.name: size for path, size in sizes.items()}
