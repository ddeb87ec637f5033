"""Reading accounts: keys, members, invitations, the audit log. Everything is bounded and within one organization."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import BooleanField, Case, Count, Q, QuerySet, Value, When
from django.utils import timezone

from accounts.models import (
    ApiKey,
    ApiKeyHour,
    ApiRequest,
    AuditEntry,
    Invitation,
    Membership,
    Organization,
    Role,
    User,
)
from accounts.second_factor import filter_by_second_factor, with_second_factor
from core.ids import API_KEY, parse_id
from core.pages import PAGE_SIZE, Page, read_page

KEY_STATES = ("active", "expiring", "rolling", "expired", "revoked")
SOON = timedelta(days=7)


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditFilter:
    """What the audit page is narrowed to; empty members narrow nothing."""

    actor_id: int | None = None
    actions: Sequence[str] = ()
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


# --- organizations and people ----------------------------------------------------------------------------------------


def list_members(
    *,
    organization: Organization,
    search: str = "",
    roles: Sequence[str] = (),
    has_factor: bool | None = None,
    before: str | None = None,
    after: str | None = None,
) -> Page[Membership]:
    """Members by e-mail, with ``has_second_factor``."""
    members = with_second_factor(Membership.objects.filter(organization=organization)).select_related("user")
    if roles:
        members = members.filter(role__in=roles)
    if has_factor is not None:
        members = filter_by_second_factor(members, has=has_factor)
    if search:
        members = members.filter(Q(user__email__icontains=search) | Q(user__name__icontains=search))
    return read_page(members, order=("user__email", "id"), before=before, after=after)


def count_without_second_factor(*, organization: Organization) -> int:
    """How many members an organization that asks for a second factor would keep out."""
    members = Membership.objects.filter(organization=organization, user__is_active=True)
    return filter_by_second_factor(members, has=False).count()


def get_member(*, organization: Organization, member_id: int) -> Membership | None:
    found = Membership.objects.filter(organization=organization, pk=member_id)
    return found.select_related("organization", "user").first()


def list_open_invitations(
    *, organization: Organization, before: str | None = None, after: str | None = None, size: int = PAGE_SIZE
) -> Page[Invitation]:
    """Not answered and not withdrawn, expired ones included, newest first."""
    waiting = Invitation.objects.filter(organization=organization, accepted_at=None, revoked_at=None)
    return read_page(waiting.select_related("invited_by"), order=("-id",), before=before, after=after, size=size)


def get_invitation(*, organization: Organization, invitation_id: int) -> Invitation | None:
    found = Invitation.objects.filter(organization=organization, pk=invitation_id)
    return found.select_related("organization").first()


def count_members(*, organization: Organization) -> dict[str, int]:
    """Members per role."""
    rows = Membership.objects.filter(organization=organization).values("role").annotate(number=Count("id"))
    return {row["role"]: row["number"] for row in rows}


# --- keys ------------------------------------------------------------------------------------------------------------


def list_keys(
    *,
    organization: Organization,
    search: str = "",
    states: Sequence[str] = (),
    scope: str = "",
    line_id: UUID | None = None,
    before: str | None = None,
    after: str | None = None,
) -> Page[ApiKey]:
    """Keys that work first, newest first; then those that do not."""
    at = timezone.now()
    keys = ApiKey.objects.filter(organization=organization).select_related("created_by")
    ended = Q(revoked_at__isnull=False) | Q(expires_at__lte=at)
    keys = keys.annotate(
        is_ended=Case(When(ended, then=Value(True)), default=Value(False), output_field=BooleanField())
    )
    if search:
        keys = keys.filter(Q(name__icontains=search) | Q(prefix__startswith=search[:16]))
    if states:
        keys = keys.filter(_in_states(states, at))
    if scope:
        keys = keys.filter(scopes__contains=[scope])
    if line_id is not None:
        keys = keys.filter(Q(line_ids=None) | Q(line_ids__contains=[line_id]))
    return read_page(keys, order=("is_ended", "-id"), before=before, after=after)


def _in_states(states: Sequence[str], at: datetime) -> Q:
    unrevoked = Q(revoked_at=None)
    works = unrevoked & (Q(expires_at=None) | Q(expires_at__gt=at))
    conditions = {
        "active": works,
        "expiring": works & Q(expires_at__lte=at + SOON),
        "rolling": works & Q(rolled_to__isnull=False),
        "expired": unrevoked & Q(expires_at__lte=at),
        "revoked": Q(revoked_at__isnull=False),
    }
    wanted = Q(pk__in=[])
    for state in states:
        wanted |= conditions.get(state, Q(pk__in=[]))
    return wanted


def get_key(*, organization: Organization, key_id: str) -> ApiKey | None:
    """By public id."""
    parsed = parse_id(API_KEY, key_id)
    if parsed is None:
        return None
    found = ApiKey.objects.filter(organization=organization, pk=parsed)
    return found.select_related("organization", "created_by", "rolled_to").first()


def has_active_key_named(*, organization: Organization, name: str, but: ApiKey | None = None) -> bool:
    keys = ApiKey.objects.filter(organization=organization, name__iexact=name.strip(), revoked_at=None, rolled_to=None)
    keys = keys.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    return keys.exclude(pk=but.pk).exists() if but else keys.exists()


def list_key_hours(*, key: ApiKey, since: datetime) -> list[ApiKeyHour]:
    """Use per hour, oldest first; hours without use have no row."""
    return list(ApiKeyHour.objects.filter(api_key=key, hour__gte=since).order_by("hour"))


def list_key_requests(*, key: ApiKey, before: str | None = None, after: str | None = None) -> Page[ApiRequest]:
    return read_page(
        ApiRequest.objects.filter(api_key_id=key.pk).defer("request_body", "response_body"),
        order=("-id",),
        before=before,
        after=after,
        size=20,
    )


# --- audit log -------------------------------------------------------------------------------------------------------


def list_audit_entries(
    *,
    organization: Organization,
    narrowed: AuditFilter,
    before: str | None = None,
    after: str | None = None,
) -> Page[AuditEntry]:
    """Newest first."""
    return read_page(filter_audit_entries(organization, narrowed), order=("-id",), before=before, after=after)


def list_audit_actors(*, organization: Organization) -> list[User]:
    """Who may stand in the log: owners and admins of now, at most 200, for the filter."""
    managing = User.objects.filter(
        memberships__organization=organization, memberships__role__in=[Role.OWNER, Role.ADMIN]
    )
    return list(managing.order_by("email")[:200])


def filter_audit_entries(organization: Organization, narrowed: AuditFilter) -> QuerySet[AuditEntry]:
    entries = AuditEntry.objects.filter(organization=organization).select_related("actor", "impersonator")
    if narrowed.actor_id is not None:
        entries = entries.filter(actor_id=narrowed.actor_id)
    if narrowed.actions:
        entries = entries.filter(action__in=narrowed.actions)
    if narrowed.text:
        said = Q(target_label__icontains=narrowed.text) | Q(actor_label__icontains=narrowed.text)
        entries = entries.filter(said | Q(target_id=narrowed.text) | Q(action=narrowed.text))
    if narrowed.since is not None:
        entries = entries.filter(created_at__gte=narrowed.since)
    if narrowed.until is not None:
        entries = entries.filter(created_at__lt=narrowed.until)
    return entries
