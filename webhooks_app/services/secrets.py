"""An endpoint's signing secret: reveal it, and rotate it in two steps so that nobody loses an event (§7.2)."""

from datetime import timedelta

from django.db import transaction

from accounts.services.audit import Actor, record_change
from core.clock import now
from core.errors import InvalidRequestError
from core.secrets import decrypt, encrypt
from webhooks_app.models import Endpoint
from webhooks_app.services.wake import announce_endpoint_change
from webhooks_app.signing import Secrets, new_secret

OVERLAP = timedelta(hours=24)


def read_secrets(endpoint: Endpoint) -> Secrets:
    """What signs now, in the clear."""
    is_previous_valid = bool(endpoint.previous_until and endpoint.previous_until > now())
    return Secrets(
        current=decrypt(endpoint.secret),
        next=decrypt(endpoint.next_secret) if endpoint.next_secret else "",
        previous=decrypt(endpoint.previous_secret) if endpoint.previous_secret and is_previous_valid else "",
    )


@transaction.atomic
def reveal_secret(*, endpoint: Endpoint, actor: Actor) -> str:
    """The current secret, for people who may manage the endpoint; that it was looked at is recorded."""
    _record(endpoint, actor, "webhook.secret_revealed")
    return decrypt(endpoint.secret)


@transaction.atomic
def stage_secret(*, endpoint: Endpoint, actor: Actor) -> tuple[Endpoint, str]:
    """Creates the next secret, returned this once; a secret staged before is replaced by it."""
    endpoint = Endpoint.objects.select_for_update().select_related("organization").get(id=endpoint.id)
    secret = new_secret()
    endpoint.next_secret = encrypt(secret)
    endpoint.staged_at = now()
    endpoint.save(update_fields=["next_secret", "staged_at"])
    _record(endpoint, actor, "webhook.secret_staged")
    transaction.on_commit(announce_endpoint_change)
    return endpoint, secret


@transaction.atomic
def activate_secret(*, endpoint: Endpoint, actor: Actor) -> Endpoint:
    """Makes the staged secret current; the old one stays in ``webhook-signature`` for 24 h.

    Raises ``no_staged_secret`` (409) if none is staged.
    """
    endpoint = Endpoint.objects.select_for_update().select_related("organization").get(id=endpoint.id)
    if not endpoint.next_secret:
        raise InvalidRequestError("no_staged_secret", "No next secret is staged: rotate first.", status=409)
    endpoint.previous_secret, endpoint.previous_until = endpoint.secret, now() + OVERLAP
    endpoint.secret, endpoint.next_secret, endpoint.staged_at = endpoint.next_secret, "", None
    endpoint.save(update_fields=["previous_secret", "previous_until", "secret", "next_secret", "staged_at"])
    _record(endpoint, actor, "webhook.secret_activated")
    transaction.on_commit(announce_endpoint_change)
    return endpoint


def activate_overdue_secrets() -> int:
    """Activates what was staged 24 h ago, and forgets old secrets whose time is over. For the sweeper."""
    moment = now()
    overdue = Endpoint.objects.filter(staged_at__lte=moment - OVERLAP, deleted_at=None).exclude(next_secret="")
    count = 0
    for endpoint in overdue[:500]:
        activate_secret(endpoint=endpoint, actor=Actor(label="system"))
        count += 1
    Endpoint.objects.filter(previous_until__lte=moment).exclude(previous_secret="").update(
        previous_secret="", previous_until=None
    )
    return count


def _record(endpoint: Endpoint, actor: Actor, action: str) -> None:
    record_change(
        organization=endpoint.organization,
        actor=actor,
        action=action,
        target_id=endpoint.public_id,
        target_label=endpoint.url,
    )
