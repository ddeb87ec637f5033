"""What the sweeper looks for in webhooks."""

from datetime import timedelta

from django.conf import settings

from core.clock import now
from core.hints import send_hint
from webhooks_app.models import EndpointHour, EndpointMinute, EngineBatch, OrganizationHour, Replay, ReplayState
from webhooks_app.services import organization_hours
from webhooks_app.services.claim import list_waiting
from webhooks_app.services.failing import check_failing_endpoints
from webhooks_app.services.secrets import activate_overdue_secrets

MINUTES_KEPT = timedelta(days=8)


def hint_engines() -> None:
    """Due deliveries and batches that are nobody's: an engine that runs finds them by itself, so perhaps none does."""
    if list_waiting() or EngineBatch.objects.filter(lease_until__lt=now()).exists():
        send_hint("webhooks_app.tasks.run_engine")


def hint_replays() -> None:
    if Replay.objects.filter(state=ReplayState.RUNNING).exists():
        send_hint("webhooks_app.tasks.run_replays")


def keep_endpoints() -> None:
    """Staged secrets whose day has come, endpoints that fail for days."""
    activate_overdue_secrets()
    check_failing_endpoints()


def add_up_hours() -> None:
    """The hours of organizations, for charts."""
    organization_hours.add_up_hours()


def run_retention() -> None:
    """Roll-ups past their use. Deliveries and attempts go with their partitions: events.sweeps.keep_partitions."""
    moment = now()
    EndpointMinute.objects.filter(minute__lt=moment - MINUTES_KEPT).delete()
    for model in (EndpointHour, OrganizationHour):
        model.objects.filter(hour__lt=moment - timedelta(days=settings.EVENT_RETENTION_DAYS)).delete()
