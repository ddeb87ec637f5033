"""Where a request comes from."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def get_address(request: HttpRequest) -> str | None:
    """The client's address: behind a trusted proxy the last entry that the proxy added, else the peer's."""
    text = request.META.get("REMOTE_ADDR", "")
    if settings.TRUST_PROXY_HEADERS:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
        text = forwarded.rpartition(",")[2].strip() or text
    try:
        return str(ip_address(text))
    except ValueError:
        return None
