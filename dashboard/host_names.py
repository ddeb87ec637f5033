"""What the address bar says: a passkey belongs to a name, and browsers accept none for an IP address."""

import ipaddress

from django.http import HttpRequest


def find_address(request: HttpRequest) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address by which the page was opened; None if it was a name."""
    host = request.get_host()
    name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def make_local_url(request: HttpRequest) -> str:
    """The same page by the name ``localhost``, if it was opened by this machine's own address; else empty."""
    address = find_address(request)
    if address is None or not address.is_loopback:
        return ""
    port = request.get_port()
    shown = "" if port in ("80", "443") else f":{port}"
    return f"{request.scheme}://localhost{shown}{request.path}"
