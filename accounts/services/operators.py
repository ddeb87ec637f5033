"""What operators decide about an organization. Each change is in its audit log, and open keys hear of it at once."""

from collections.abc import Mapping

from django.db import transaction

from accounts.features import FEATURES
from accounts.models import Organization
from accounts.revocation import mark_organization_changed
from accounts.services.audit import Actor, record_change
from core.clock import now


def suspend_organization(*, organization: Organization, reason: str, actor: Actor) -> None:
    """Its keys are refused from the next request on, and its people can only read."""
    _decide(organization, actor, "organization.suspended", suspended_at=now(), suspended_reason=reason[:200])


def unsuspend_organization(*, organization: Organization, actor: Actor) -> None:
    _decide(organization, actor, "organization.unsuspended", suspended_at=None, suspended_reason="")


def set_organization_limits(
    *,
    organization: Organization,
    sandbox_daily_messages: int | None,
    requests_per_hour: int | None,
    features: Mapping[str, bool],
    actor: Actor,
) -> None:
    """None = the default of the installation. ``features``: only switches that are off are kept."""
    _decide(
        organization,
        actor,
        "organization.limits_changed",
        sandbox_daily_messages=sandbox_daily_messages,
        requests_per_hour=requests_per_hour,
        features={name: False for name in FEATURES if not features.get(name, True)},
    )


def _decide(organization: Organization, actor: Actor, action: str, **values: object) -> None:
    with transaction.atomic():
        row = Organization.objects.select_for_update().get(pk=organization.pk)
        before = {name: getattr(row, name) for name in values}
        if before == values:
            return
        for name, value in values.items():
            setattr(row, name, value)
            setattr(organization, name, value)
        row.save(update_fields=list(values))
        record_change(
            organization=row,
            actor=actor,
            action=action,
            target_id=row.public_id,
            target_label=row.name,
            before=before,
            after=values,
        )
        mark_organization_changed(row.id)
