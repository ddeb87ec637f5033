"""Who works at the demo's organization and what they set up in the month before, with the audit log of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings

from accounts.models import ApiKey, AuditEntry, Membership, Organization, Role, User
from accounts.scopes import PRESETS
from accounts.services.audit import Actor, record_change
from accounts.services.keys import create_key, revoke_key
from core.clock import now
from core.ids import uuid7_at
from core.secrets import encrypt
from events.types import MESSAGE_RECEIVED, MESSAGE_SENT, PUBLIC_EVENTS
from lines.models import Line
from lines.services.provisioning import create_simulated_line
from webhooks_app.models import Endpoint
from webhooks_app.services.endpoints import PAUSED
from webhooks_app.signing import new_secret

BOT = "booking-bot"
EU_LINE = "+15550100077"
OPS_URL = "https://ops.lumen.example/imessage"  # a name that nobody can own
OPS_DESCRIPTION = "Operations desk"
BROWSER = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"
)
PAUSED_FOR = timedelta(hours=51)


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    ben: User
    dana: User
    eu_line: Line
    bot: ApiKey
    hook: Endpoint
    ops: Endpoint


class Diary:
    """Writes the audit log of days that have passed. ``day`` is how many days ago, ``hour`` of that UTC day."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization
        self._midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)

    def at(self, day: float, hour: float) -> datetime:
        return self._midnight - timedelta(days=day) + timedelta(hours=hour)

    def note(self, at: datetime, user: User, action: str, target_id: str, target_label: str, **change: Any) -> None:
        entry = record_change(
            organization=self.organization, actor=actor_of(user), action=action, target_id=target_id,
            target_label=target_label, **change,
        )  # fmt: skip
        self._move(entry, at)

    def move_last(self, at: datetime) -> None:
        """What a service has just noted happened at ``at``."""
        self._move(AuditEntry.objects.filter(organization=self.organization).latest("id"), at)

    @staticmethod
    def _move(entry: AuditEntry, at: datetime) -> None:
        AuditEntry.objects.filter(id=entry.id).update(id=uuid7_at(at), created_at=at)


def actor_of(user: User) -> Actor:
    return Actor(user=user, label=user.display_name, address="203.0.113.7", user_agent=BROWSER)


def make_team(organization: Organization, ada: User, key: ApiKey, line: Line) -> Team:
    diary = Diary(organization)
    _note_beginning(diary, ada, key, line)
    hook = _add_endpoint(diary, ada, diary.at(30, 6.1), settings.BASE_URL + "/dev/hook", PUBLIC_EVENTS, "Demo receiver")
    ops = _add_endpoint(diary, ada, diary.at(29, 8.6), OPS_URL, (MESSAGE_RECEIVED, MESSAGE_SENT), OPS_DESCRIPTION)
    eu_line = create_simulated_line(organization=organization, handle=EU_LINE, label="Support EU", actor=actor_of(ada))
    Line.objects.filter(id=eu_line.id).update(created_at=diary.at(30, 6.2))
    diary.move_last(diary.at(30, 6.2))
    bot = _add_key(diary, ada, diary.at(30, 6.3), BOT, (line, eu_line))
    ben = _add_member(diary, ada, "Ben Carter", Role.ADMIN, diary.at(28, 9.2))
    dana = _add_member(diary, ada, "Dana Cruz", Role.MEMBER, diary.at(26, 13.4))
    trial = _add_key(diary, ben, diary.at(24, 10.1), "spreadsheet trial", (line,))
    revoke_key(key=trial, actor=actor_of(ben))
    _move_key(trial, revoked_at=diary.at(12, 15.5))
    diary.move_last(diary.at(12, 15.5))
    _note_bad_afternoon(diary, ben, ops)
    _pause(diary, ada, ops)
    return Team(ben=ben, dana=dana, eu_line=eu_line, bot=bot, hook=hook, ops=ops)


def _note_beginning(diary: Diary, ada: User, key: ApiKey, line: Line) -> None:
    organization, start = diary.organization, diary.at(30, 6)
    Organization.objects.filter(id=organization.id).update(created_at=start)
    User.objects.filter(pk=ada.pk).update(date_joined=start)
    Membership.objects.filter(organization=organization).update(created_at=start)
    diary.note(
        start, ada, "organization.created", organization.public_id, organization.name,
        after={"name": organization.name, "slug": organization.slug},
    )  # fmt: skip
    made = start + timedelta(minutes=2)
    Line.objects.filter(id=line.id).update(created_at=made)
    AuditEntry.objects.filter(organization=organization, action="line.created", target_id=line.public_id).update(
        id=uuid7_at(made), created_at=made, actor=ada, actor_label=ada.display_name
    )
    made = start + timedelta(minutes=4)
    _move_key(key, created_at=made)
    diary.note(made, ada, "api_key.created", key.public_id, key.name, after={"name": key.name, "scopes": key.scopes})


def _move_key(key: ApiKey, **moments: datetime) -> None:
    ApiKey.objects.filter(id=key.id).update(**moments)


def _add_key(diary: Diary, maker: User, at: datetime, name: str, lines: tuple[Line, ...]) -> ApiKey:
    key, _ = create_key(
        organization=diary.organization, name=name, scopes=PRESETS["send_only"],
        line_ids=[line.id for line in lines], actor=actor_of(maker),
    )  # fmt: skip
    _move_key(key, created_at=at)
    diary.move_last(at)
    return key


def _add_member(diary: Diary, inviter: User, name: str, role: str, at: datetime) -> User:
    """Invited and, an hour later, there. Nobody knows a password: there is none."""
    email = f"{name.split()[0].lower()}@demo.example"
    user = User.objects.create_user(email, None, name=name)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    joined = at + timedelta(minutes=63)
    membership = Membership.objects.create(organization=diary.organization, user=user, role=role)
    Membership.objects.filter(pk=membership.pk).update(created_at=joined)
    User.objects.filter(pk=user.pk).update(date_joined=joined)
    diary.note(at, inviter, "invitation.created", "", email, after={"email": email, "role": role})
    diary.note(joined, user, "invitation.accepted", "", email, after={"member": email, "role": role})
    return user


def _add_endpoint(
    diary: Diary, maker: User, at: datetime, url: str, events: tuple[str, ...], description: str
) -> Endpoint:
    """Without looking the name up, as saving it in a form would."""
    endpoint = Endpoint.objects.create(
        organization=diary.organization, url=url, events=list(events), description=description,
        secret=encrypt(new_secret()), created_by=maker,
    )  # fmt: skip
    Endpoint.objects.filter(id=endpoint.id).update(created_at=at)
    endpoint.created_at = at
    diary.note(
        at, maker, "webhook.created", endpoint.public_id, url,
        after={"url": url, "events": list(events), "lines": None, "description": description},
    )  # fmt: skip
    return endpoint


def _note_bad_afternoon(diary: Diary, ben: User, ops: Endpoint) -> None:
    diary.note(diary.at(9, 17.6), ben, "webhook.secret_revealed", ops.public_id, ops.url)


def _pause(diary: Diary, ada: User, ops: Endpoint) -> None:
    at = now() - PAUSED_FOR
    Endpoint.objects.filter(id=ops.id).update(is_active=False, disabled_at=at, disabled_reason=PAUSED)
    diary.note(
        at, ada, "webhook.switched_off", ops.public_id, ops.url,
        before={"is_active": True}, after={"is_active": False, "reason": PAUSED},
    )  # fmt: skip
    ops.is_active, ops.disabled_at, ops.disabled_reason = False, at, PAUSED
