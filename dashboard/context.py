"""What every page's shell needs."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    return {"base_url": settings.BASE_URL, "theme": request.COOKIES.get("theme", "")}
