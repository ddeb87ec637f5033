"""Where a request comes from."""

from functools import lru_cache
from ipaddress import ip_address

from django.conf import settings

from api.call import Request


def choose_address(peer: str, forwarded: str) -> str | None:
    """The client's address: behind a trusted proxy the last entry that the proxy added, else the peer's."""
    text = (forwarded.rpartition(",")[2].strip() or peer) if settings.TRUST_PROXY_HEADERS else peer
    return _clean(text)


@lru_cache(maxsize=4096)
def _clean(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def get_address(request: Request) -> str | None:
    """As ``choose_address``, of a Django request."""
    return choose_address(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))
