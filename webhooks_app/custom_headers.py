"""Headers an endpoint's owner adds to each request: which are allowed. Pure apart from the error type."""

import re
from collections.abc import Mapping

from core.errors import invalid
from webhooks_app.signing import SIGNATURE_HEADERS

MAX_HEADERS = 20
MAX_VALUE_LENGTH = 1000
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
# They decide how the request travels or how its body is read, so they are not the owner's.
_TRAVEL = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "expect", "host", "keep-alive", "te"}
    | {"proxy-authenticate", "proxy-authorization", "proxy-connection", "trailer", "transfer-encoding", "upgrade"}
    | {"accept-encoding", "http2-settings", "user-agent"}
)


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers as they may be saved. Raises ``invalid_parameter_value`` for ``headers``, naming the one at fault."""
    if len(headers) > MAX_HEADERS:
        raise invalid("headers", f"An endpoint may have at most {MAX_HEADERS} headers.")
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        if not _NAME.fullmatch(name):
            raise invalid("headers", f"`{name[:60]}` is not a header name.")
        if lower in SIGNATURE_HEADERS:
            raise invalid("headers", f"`{name}` is part of the signature and set by the server.")
        if lower in _TRAVEL:
            raise invalid("headers", f"`{name}` is set by the server.")
        if lower in seen:
            raise invalid("headers", f"`{name}` is given twice.")
        if len(value) > MAX_VALUE_LENGTH or not _VALUE.fullmatch(value):
            raise invalid("headers", f"The value of `{name}` must be 1 to {MAX_VALUE_LENGTH} plain ASCII characters.")
        seen.add(lower)
    return dict(headers)
