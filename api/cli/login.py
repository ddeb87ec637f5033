"""POST /api/v1/cli/orgs and /exchange: a person's organizations, and a key for one of them (spec api §9.12)."""

from typing import Annotated, Any

import msgspec

from accounts.models import Membership, User
from accounts.scopes import SCOPES
from accounts.second_factor import is_kept_out, with_second_factor
from accounts.services.audit import Actor
from accounts.services.keys import create_key
from api.call import Call
from api.routes import Nothing, endpoint
from core.errors import AuthorizationError, invalid
from core.ids import ORGANIZATION, has_prefix, parse_id


class OrganizationChoice(msgspec.Struct, frozen=True):
    id: str
    name: str | None
    slug: str | None
    role: str | None


class OrganizationsOut(msgspec.Struct, frozen=True):
    orgs: list[OrganizationChoice]


class Exchange(msgspec.Struct, frozen=True):
    """``name`` is what the dashboard shows, such as ``messages CLI on laptop``."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    org_id: Annotated[str, msgspec.Meta(min_length=1)]


class ExchangeOut(msgspec.Struct, frozen=True):
    """``api_key`` is shown only here."""

    api_key: str
    key_prefix: str
    org_id: str
    email: str | None


def _person(call: Call[Any, None]) -> User:
    if call.person is None:
        raise RuntimeError("only end points with OAuth access know a person")
    return call.person


@endpoint(
    "POST", "/api/v1/cli/orgs", access="oauth", body=Nothing, response=OrganizationsOut,
    errors=("invalid_access_token",), summary="List the organizations of who logs in", tag="CLI login",
)  # fmt: skip
def list_organizations(call: Call[Nothing, None]) -> OrganizationsOut:
    rows = Membership.objects.filter(user=_person(call)).select_related("organization").order_by("id")
    return OrganizationsOut(
        [
            OrganizationChoice(m.organization.public_id, m.organization.name, m.organization.slug, m.role)
            for m in rows[:500]
        ]
    )


@endpoint(
    "POST", "/api/v1/cli/exchange", access="oauth", body=Exchange, response=ExchangeOut,
    errors=("invalid_access_token", "organization_not_accessible", "no_active_organization", "insufficient_role",
            "second_factor_required"),
    summary="Make a key for one organization", tag="CLI login",
)  # fmt: skip
def exchange_token(call: Call[Exchange, None]) -> ExchangeOut:
    """Each login makes a key of its own, with every scope; so it takes a role that may make keys."""
    person, body = _person(call), call.body
    if not has_prefix(ORGANIZATION, body.org_id):
        raise invalid("org_id", f"`org_id` must be an id that starts with `{ORGANIZATION}_`.")
    rows = with_second_factor(Membership.objects.filter(user=person)).select_related("organization")
    memberships = {m.organization_id: m for m in rows}
    if not memberships:
        raise AuthorizationError(
            "no_active_organization", "no_active_organization: finish onboarding in the dashboard."
        )
    key_of_organization = parse_id(ORGANIZATION, body.org_id)
    membership = memberships.get(key_of_organization) if key_of_organization else None
    if membership is None:
        raise AuthorizationError("organization_not_accessible", "You are no member of this organization.")
    if is_kept_out(membership):
        raise AuthorizationError(
            "second_factor_required", f"{membership.organization.name} asks for two-factor: set it up in the dashboard."
        )
    if not membership.is_admin:
        raise AuthorizationError("insufficient_role", "Making a key takes an admin or owner of the organization.")
    key, token = create_key(
        organization=membership.organization,
        name=body.name[:80],
        scopes=SCOPES,
        created_by=person,
        actor=Actor(user=person, label=person.display_name, address=call.address, user_agent=call.user_agent),
        source="cli",
    )
    return ExchangeOut(token, key.prefix, membership.organization.public_id, person.email)
