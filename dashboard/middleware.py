"""The strict Content-Security-Policy of every page (design ui §12)."""

from collections.abc import Callable
from urllib.parse import urlsplit

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.defaults import page_not_found

from core.errors import AppError
from dashboard.access import refuse
from dashboard.periods import find_zone

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "manifest-src 'self'"
)


class ContentSecurityPolicy:
    """Adds the policy to every response that does not bring its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", _make_policy(request))
        return response


def _make_policy(request: HttpRequest) -> str:
    """Chromium applies form-action to where a form's answer redirects; a sign-in provider is such a place."""
    match = request.resolver_match
    provider = (match.url_name or "").removesuffix("_login") if match else ""
    if provider not in settings.SOCIALACCOUNT_PROVIDERS:
        return POLICY
    adapter = get_adapter().get_provider(request, provider).get_oauth2_adapter(request)
    place = urlsplit(adapter.authorize_url)
    return POLICY.replace("form-action 'self'", f"form-action 'self' {place.scheme}://{place.netloc}")


class ViewerZone:
    """Times that are written and times that are typed are the viewer's: the zone of the profile, else the browser's,
    which a script tells in a cookie. UTC until it has."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = request.user.time_zone if request.user.is_authenticated else ""
        with timezone.override(find_zone(chosen or request.COOKIES.get("zone", "")[:60])):
            return self.get_response(request)


class PageErrors:
    """Errors of the domain that a view lets pass become a page or a toast with the same words, never a 500."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, SocialApp.DoesNotExist):  # a sign-in provider that this server has not set up
            return page_not_found(request, exception)
        if not isinstance(exception, AppError):
            return None
        if getattr(request, "htmx", False):
            return refuse(request, exception.message, status=exception.status)
        context = {"message": exception.message, "code": exception.code}
        return render(request, "dashboard/problem.html", context, status=exception.status)
