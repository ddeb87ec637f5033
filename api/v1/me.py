"""GET /v1/me: what the calling key is and may do."""

import msgspec

from accounts.models import Organization
from api.call import Call
from api.routes import endpoint
from core.ids import API_KEY, LINE, ORGANIZATION, public_id


class OrganizationOut(msgspec.Struct, frozen=True):
    id: str
    name: str
    slug: str


class KeyOut(msgspec.Struct, frozen=True):
    """``line_ids`` is null for a key that reaches every line; times are Unix milliseconds."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    line_ids: list[str] | None
    expires_at: int | None
    requests_per_hour: int
    daily_send_budget: int | None


class MeOut(msgspec.Struct, frozen=True):
    organization: OrganizationOut
    key: KeyOut


@endpoint("GET", "/v1/me", response=MeOut, summary="Describe the calling key", tag="Account", is_extension=True)
def get_me(call: Call[None, None]) -> MeOut:
    key = call.key
    owner = Organization.objects.only("name", "slug").get(id=key.organization_id)
    return MeOut(
        organization=OrganizationOut(public_id(ORGANIZATION, owner.id), owner.name, owner.slug),
        key=KeyOut(
            id=public_id(API_KEY, key.id),
            name=key.name,
            prefix=key.prefix,
            scopes=sorted(key.scopes),
            line_ids=None if key.line_ids is None else sorted(public_id(LINE, line_id) for line_id in key.line_ids),
            expires_at=None if key.expires_at is None else round(key.expires_at * 1000),
            requests_per_hour=key.requests_per_hour,
            daily_send_budget=key.daily_send_budget,
        ),
    )
