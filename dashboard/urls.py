"""Routes of the pages: each area's module in ``dashboard/views`` lists its own in ``urlpatterns``."""

from importlib import import_module
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

AREAS = (
    "accounts_pages",
    "overview",
    "lines",
    "webhooks",
    "conversations",
    "logs",
    "sandbox_phone",
    "palette",
    "operator",
    "oauth",
    "api_reference",
    "docs",
    "dev",
    "pickers",
)


def _patterns(area: str) -> list[URLPattern | URLResolver]:
    name = f"dashboard.views.{area}"
    return list(import_module(name).urlpatterns) if find_spec(name) else []


urlpatterns: list[URLPattern | URLResolver] = [
    *(pattern for area in AREAS for pattern in _patterns(area)),
    path("account/", include("allauth.urls")),
]
