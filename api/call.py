"""What an endpoint function is given: who calls, and the parsed body, query and path."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec

from accounts.models import User
from core.errors import AuthorizationError

B = TypeVar("B")
Q = TypeVar("Q")
JsonObject = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class CallingKey:
    """An API key as the door knows it; an immutable copy of its row and of what its organization says.

    ``line_ids`` is None for a key that reaches every line. ``requests_per_hour`` is resolved, 0 = no limit.
    Times are Unix seconds.
    """

    id: UUID
    organization_id: UUID
    name: str
    prefix: str
    scopes: frozenset[str]
    line_ids: frozenset[UUID] | None
    owner_id: int | None
    expires_at: float | None
    is_revoked: bool
    is_suspended: bool
    allowed_networks: tuple[IPv4Network | IPv6Network, ...]
    allowed_recipients: frozenset[str]
    requests_per_hour: int
    daily_send_budget: int | None

    def require_scope(self, scope: str) -> None:
        if scope not in self.scopes:
            raise AuthorizationError("insufficient_scope", f"This key lacks the scope `{scope}`.")


class Request(Protocol):
    """What the door and its endpoints ask of a request: Django's has it all."""

    @property
    def META(self) -> dict[str, Any]: ...

    @property
    def method(self) -> str | None: ...

    @property
    def path_info(self) -> str: ...

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(slots=True)
class Call(Generic[B, Q]):
    """One request on its way through an endpoint.

    ``body`` and ``query`` are the structs the endpoint declares (None where it declares none); ``payload`` is the
    body as it came; ``path`` holds the path parameters; ``address`` is the client's, behind trusted proxies too;
    ``created_id`` is what the request log says it made.
    """

    request: Request
    request_id: str
    body: B
    query: Q
    path: Mapping[str, str]
    address: str | None
    user_agent: str
    caller: CallingKey | None = None
    person: User | None = None
    payload: JsonObject = field(default_factory=dict)
    body_bytes: int = 0
    created_id: str = ""
    response_headers: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> CallingKey:
        """The calling key. Endpoints that need none must not ask."""
        if self.caller is None:
            raise RuntimeError("this endpoint is open: nobody is known to call")
        return self.caller

    @property
    def organization_id(self) -> UUID:
        return self.key.organization_id


class Redirect(msgspec.Struct, frozen=True):
    """Return this to answer 302 with a Location."""

    url: str
