"""Endpoints that fail for days: mail to the admins after 24 h and after 4 days, switched off after 5 (§7)."""

from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.models import Membership, Role
from accounts.services.audit import Actor
from accounts.services.mail import send_mail_to
from core.clock import now
from webhooks_app.error_texts import describe_error
from webhooks_app.models import Endpoint
from webhooks_app.retry import FIRST_WARNING, failing_step
from webhooks_app.services.endpoints import FAILING, switch_endpoint

BATCH = 200


def check_failing_endpoints() -> int:
    """Warns about and switches off what has failed long enough. Returns how many endpoints something was done to."""
    failing = Endpoint.objects.filter(
        ~Q(failing_since=None), is_active=True, deleted_at=None, failing_since__lte=now() - FIRST_WARNING
    )
    count = 0
    for endpoint_id in list(failing.order_by("id").values_list("id", flat=True)[:BATCH]):
        count += _check(endpoint_id)
    return count


@transaction.atomic
def _check(endpoint_id: UUID) -> int:
    endpoint = Endpoint.objects.select_for_update().select_related("organization").get(id=endpoint_id)
    step = failing_step(endpoint.failing_since, endpoint.last_attempt_at, endpoint.warnings_sent)
    if step is None or not endpoint.is_active:
        return 0
    if step == "switch_off":
        switch_endpoint(endpoint=endpoint, is_active=False, actor=Actor(label="system"), reason=FAILING)
    else:
        endpoint.warned_at = now()
        endpoint.warnings_sent += 1
        endpoint.save(update_fields=["warned_at", "warnings_sent"])
    _tell_admins(endpoint, is_off=step == "switch_off")
    return 1


def _tell_admins(endpoint: Endpoint, *, is_off: bool) -> None:
    admins = Membership.objects.filter(organization_id=endpoint.organization_id, role__in=(Role.OWNER, Role.ADMIN))
    for email in admins.values_list("user__email", flat=True):
        send_mail_to(
            email,
            "endpoint_off" if is_off else "endpoint_failing",
            {
                "endpoint": endpoint,
                "organization": endpoint.organization,
                "since": endpoint.failing_since,
                "error": describe_error(endpoint.last_error) if endpoint.last_error else None,
            },
        )
