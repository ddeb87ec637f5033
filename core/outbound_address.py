"""Where outgoing requests may go: URLs and addresses are judged here, by rules that have names.

Every form of an address is reduced to the one that would be connected to. A name is resolved once per connection, each
answer is judged, and only a judged address is connected to: what a name says later does not matter.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LookupTimeout
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlsplit

import idna
from django.conf import settings

from core.errors import InvalidRequestError, invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Refuse = Callable[[str, str], InvalidRequestError]

MAX_URL_LENGTH = 2000
LOOKUP_SECONDS = 2.0
RELAX = "An operator can allow a network with the setting OUTBOUND_ALLOWED_NETWORKS."
# Ports where a POST could be taken for another protocol's command.
DENIED_PORTS = frozenset(
    {1, 7, 9, 19, 21, 22, 23, 25, 53, 110, 111, 135, 139, 143, 389, 445, 465, 514, 587, 636, 993, 995}
    | {1433, 2049, 2375, 2379, 3306, 3389, 5060, 5432, 5672, 6000, 6379, 6667, 9042, 11211, 27017}
)
_REFUSED_NETWORKS: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(text), rule)
    for text, rule in (
        ("0.0.0.0/8", "unspecified"),
        ("100.64.0.0/10", "shared"),
        ("192.0.0.0/24", "reserved"),
        ("192.88.99.0/24", "translated"),
        ("198.18.0.0/15", "reserved"),
        ("240.0.0.0/4", "reserved"),
        ("64:ff9b::/96", "translated"),
        ("64:ff9b:1::/48", "translated"),
        ("2002::/16", "translated"),
        ("2001::/32", "translated"),
        ("2001::/23", "reserved"),
        ("3fff::/20", "reserved"),
        ("fec0::/10", "private"),
    )
)
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
_WORDS = {
    "loopback": "a loopback address",
    "link_local": "a link-local address",
    "private": "a private address",
    "multicast": "a multicast address",
    "reserved": "a reserved address",
    "unspecified": "an unspecified address",
    "shared": "an address of a provider's shared network",
    "translated": "an IPv6 address that stands for an IPv4 one",
}
_CONTROL = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\u3000]")
_NUMERIC_LABEL = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_lookups = ThreadPoolExecutor(max_workers=8, thread_name_prefix="url-check")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart, ready to be connected to. ``host`` is ASCII; ``literal`` is set if it is an address."""

    url: str
    is_tls: bool
    host: str
    port: int
    path: str
    literal: Address | None
    origin: str  # what connections are kept by

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def unwrap(address: Address) -> Address:
    """An IPv4 address that hides in a mapped IPv6 one comes out."""
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def find_refusal(address: Address) -> str | None:
    """The rule that forbids to connect to an address, or None. ``OUTBOUND_ALLOWED_NETWORKS`` overrules."""
    address = unwrap(address)
    return _find_refusal(address, settings.OUTBOUND_ALLOWED_NETWORKS)


@lru_cache(maxsize=8192)
def _find_refusal(address: Address, allowed: tuple[Network, ...]) -> str | None:
    if any(address in network for network in allowed):
        return None
    for rule, holds in (
        ("unspecified", address.is_unspecified),
        ("loopback", address.is_loopback),
        ("link_local", address.is_link_local),
        ("multicast", address.is_multicast),
    ):
        if holds:
            return rule
    for network, rule in _REFUSED_NETWORKS:
        if address in network:
            return rule
    if address.version == 6 and address not in _GLOBAL_V6:
        return "private" if address.is_private else "reserved"
    if address.is_private:
        return "private"
    return None if address.is_global and not address.is_reserved else "reserved"


def describe_refusal(rule: str, address: Address) -> str:
    return f"The URL leads to {address}, {_WORDS[rule]} (rule {rule}). {RELAX}"


def parse_url(url: str, *, param: str = "url", require_https: bool | None = None) -> Target:
    """Takes a URL apart, strictly. Raises ``invalid_parameter_value`` for ``param``, naming the rule. No look-up."""

    def refuse(rule: str, text: str) -> InvalidRequestError:
        return invalid(param, f"{text} (rule {rule}).")

    if len(url) > MAX_URL_LENGTH:
        raise refuse("length", f"A URL may have at most {MAX_URL_LENGTH} characters")
    if not url or _CONTROL.search(url):
        raise refuse("characters", "The URL is empty or has spaces, backslashes or control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise refuse("syntax", "The URL is malformed") from None
    https_only = settings.WEBHOOKS_REQUIRE_HTTPS if require_https is None else require_https
    if parts.scheme not in ("http", "https"):
        raise refuse("scheme", "The URL must start with https://")
    if parts.scheme == "http" and https_only:
        raise refuse(
            "https", "The URL must start with https://; the setting WEBHOOKS_REQUIRE_HTTPS=false allows http://"
        )
    if "@" in parts.netloc:
        raise refuse("credentials", "The URL may not hold a user name or password; use a custom header")
    if "#" in url:
        raise refuse("fragment", "The URL may not have a fragment (#…), which is never sent")
    is_tls = parts.scheme == "https"
    if parts.netloc.endswith(":") or port == 0 or port in DENIED_PORTS:
        raise refuse("port", f"The URL's port {port if port is not None else ''} is not allowed".replace("  ", " "))
    host, literal = _parse_host(parts.hostname or "", parts.netloc.startswith("["), refuse)
    number = port or (443 if is_tls else 80)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=-._~")
    if parts.query:
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=-._~?")
    target = Target("", is_tls, host, number, path, literal, "")
    origin = f"{parts.scheme}://{target.authority}"
    return Target(f"{origin}{path}", is_tls, host, number, path, literal, origin)


def _parse_host(host: str, is_bracketed: bool, refuse: Refuse) -> tuple[str, Address | None]:
    if is_bracketed:
        try:
            if "%" in host:
                raise ValueError
            address: Address = ipaddress.IPv6Address(host)
        except ValueError:
            raise refuse("syntax", "The URL's IPv6 address is malformed") from None
        return str(address), address
    try:
        # Look-alikes (full-width digits, ideographic full stops, circled letters) become what they look like.
        name = host if host.isascii() else idna.encode(host, uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise refuse("host", "The URL's host name is not valid") from None
    name = name.lower().removesuffix(".")
    if len(name) > 253 or not _HOST.fullmatch(name):
        raise refuse("host", "The URL's host name is not valid")
    if _NUMERIC_LABEL.fullmatch(name.rpartition(".")[2]):
        # 2130706433, 0x7f.1, 0177.0.0.1: only four plain decimal numbers are an address here
        try:
            return name, ipaddress.IPv4Address(name)
        except ValueError:
            raise refuse("numeric_host", "Write an address as four decimal numbers, such as 203.0.113.7") from None
    return name, None


def check_url(url: str, *, param: str = "url", require_https: bool | None = None) -> str:
    """The URL in its normal form, if it may be saved. Raises ``invalid_parameter_value`` naming rule and setting.

    A name that does not resolve now is accepted: each connect checks again.
    """
    target = parse_url(url, param=param, require_https=require_https)
    for address in [target.literal] if target.literal else _look_up(target.host, target.port):
        rule = find_refusal(address)
        if rule:
            raise invalid(param, describe_refusal(rule, address))
    return target.url


def _look_up(host: str, port: int) -> list[Address]:
    task = _lookups.submit(socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
    try:
        return to_addresses(task.result(timeout=LOOKUP_SECONDS))
    except (OSError, UnicodeError, LookupTimeout):
        return []


def to_addresses(found: Sequence[tuple[object, ...]]) -> list[Address]:
    """The addresses in an answer of ``getaddrinfo``, in its order, once each. Scoped ones are left out."""
    texts = dict.fromkeys(str(entry[4][0]) for entry in found)  # type: ignore[index]
    return [ipaddress.ip_address(text) for text in texts if "%" not in text]
