"""Where a request comes from."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def get_client_address(request: HttpRequest) -> str | None:
    """The client's IP address; behind a trusted proxy the one that the proxy saw (last of X-Forwarded-For)."""
    candidates = [request.META.get("REMOTE_ADDR", "")]
    if settings.TRUST_PROXY_HEADERS:
        candidates.insert(0, request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2])
    for candidate in candidates:
        try:
            return str(ipaddress.ip_address(candidate.strip()))
        except ValueError:
            continue
    return None


def is_in_networks(address: str | None, networks: list[str]) -> bool:
    """Whether the address lies in one of the networks, given as CIDRs. An unknown address lies in none."""
    if address is None:
        return False
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in ipaddress.ip_network(network, strict=False) for network in networks)
