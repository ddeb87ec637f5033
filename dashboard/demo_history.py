"""The history of the demo's organization, whole or not at all: a team, what it set up, and the month before today."""

from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from accounts.models import ApiKey, Organization, User
from accounts.tokens import hash_token
from core.clock import now
from dashboard.demo_deliveries import Told, make_deliveries
from dashboard.demo_month import Cast, get_end, make_month, make_partitions
from dashboard.demo_requests import make_requests
from dashboard.demo_team import EU_LINE, Diary, Team, make_team
from lines.models import Line


def find_eu_line(organization: Organization) -> Line | None:
    """The second line; with it the history has been made."""
    return Line.objects.filter(organization=organization, handle=EU_LINE).first()


@transaction.atomic
def make_history(organization: Organization, ada: User, token: str, line: Line) -> Line:
    """Returns the second line."""
    key = ApiKey.objects.get(token_hash=hash_token(token))
    make_partitions()
    team = make_team(organization, ada, key, line)
    cast = Cast(organization=organization, person=ada, bot=team.bot, lines=(line, team.eu_line))
    month = make_month(cast)
    diary = Diary(organization)
    for one in month.said:
        if one.by_person and one.item is not None:
            diary.note(
                one.item.created_at, ada, "message.sent_from_dashboard", one.item.public_id, one.chat.identifier
            )  # fmt: skip
    make_requests(month, bot=team.bot, desk=key)
    make_deliveries(month, _list_told(team))
    return team.eu_line


def _list_told(team: Team) -> list[Told]:
    end, parts = get_end(now()), urlsplit(settings.BASE_URL)
    paused_at = team.ops.disabled_at
    assert paused_at is not None
    return [
        Told(
            endpoint=team.hook, address=f"{parts.hostname}:{parts.port or 80}", server="granian", usual_ms=14.0,
            since=team.hook.created_at, until=end + timedelta(hours=1), was_away=False,
        ),
        Told(
            endpoint=team.ops, address="203.0.113.24:443", server="nginx", usual_ms=84.0,
            since=team.ops.created_at, until=paused_at, was_away=True,
        ),
    ]  # fmt: skip
