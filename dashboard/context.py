"""What every page's shell needs."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import Membership
from accounts.second_factor import is_kept_out
from dashboard.shell_news import ShellNews, get_shell_news


def shell(request: HttpRequest) -> dict[str, Any]:
    news = SimpleLazyObject(lambda: _get_news(request))
    return {
        "base_url": settings.BASE_URL,
        "has_mailbox": settings.DEV_MAILBOX_ENABLED,
        "theme": request.COOKIES.get("theme", ""),
        "memberships": getattr(request, "memberships", []),
        "nav_counts": SimpleLazyObject(lambda: {"unread": news.unread, "failing": news.failing}),
        "banner": SimpleLazyObject(lambda: news.banner),
    }


def _get_news(request: HttpRequest) -> ShellNews:
    membership: Membership | None = getattr(request, "membership", None)
    is_kept = membership is None or (is_kept_out(membership) and not getattr(request, "impersonator", None))
    return ShellNews() if membership is None or is_kept else get_shell_news(membership.organization)
