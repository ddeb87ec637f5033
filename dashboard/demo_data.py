"""The demo: a person, an organization, a key, an activated sandbox, a line with a short history. Idempotent."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from accounts.models import ApiKey, Membership, Organization, Role, User
from accounts.scopes import SCOPES
from accounts.services.audit import Actor
from accounts.tokens import ALPHABET, SECRET_LENGTH, hash_token, token_of_secret, visible_prefix
from core.clock import now
from dashboard.demo_acts import answer, get_last_from_line, react, say, settle
from dashboard.demo_history import find_eu_line, make_history
from dashboard.demo_talks import make_talks
from dashboard.demo_team import BOT
from lines.models import Line
from lines.services.provisioning import create_simulated_line
from lines.services.sandbox import get_sandbox, open_sandbox
from messaging.models import Chat
from transports.simulator.models import VirtualPhone
from transports.simulator.network import create_phone

EMAIL, PASSWORD, SLUG = "ada@demo.example", "demo-password", "demo"
PHONE, LINE, CONTACT = "+15550100002", "+15550100042", "+15550100144"
ACTOR = Actor(label="demo")


@dataclass(frozen=True, slots=True)
class Demo:
    """What ``manage.py demo --json`` prints."""

    organization: Organization
    token: str
    phone: VirtualPhone
    line: Line
    contact: VirtualPhone

    def as_json(self) -> dict[str, Any]:
        return {
            "base_url": settings.BASE_URL,
            "email": EMAIL,
            "password": PASSWORD,
            "api_key": self.token,
            "organization_id": self.organization.public_id,
            "sandbox": {"line_handle": settings.SANDBOX_LINE_HANDLE, "phone": self.phone.handle},
            "line": {"id": self.line.public_id, "handle": self.line.handle},
            "contact": self.contact.handle,
        }


def make_demo() -> Demo:
    """Creates what is missing of the demo, and returns it all."""
    user, organization = _make_people()
    token = _make_key(organization, user)
    line = Line.objects.filter(organization=organization, handle=LINE, deleted_at=None).first()
    if line is None:
        line = create_simulated_line(organization=organization, handle=LINE, label="Concierge US", actor=ACTOR)
    eu_line = find_eu_line(organization)
    if settings.DEMO_HISTORY and eu_line is None:
        eu_line = make_history(organization, user, token, line)
    phone = create_phone(owner_id=organization.id, handle=PHONE, name="Casey")
    _pair(organization, phone)
    contact = create_phone(owner_id=organization.id, handle=CONTACT, name="Maya Okafor")
    if not Chat.objects.filter(line=line, identifier=CONTACT).exists():
        _talk(organization, line, contact)
    if settings.DEMO_HISTORY and eu_line is not None:
        bot = ApiKey.objects.select_related("organization").filter(organization=organization, name=BOT).first()
        if bot is not None:  # a person may have renamed it since
            make_talks(user, bot, line=line, eu_line=eu_line, maya=contact)
    return Demo(organization, token, phone, line, contact)


@transaction.atomic
def _make_people() -> tuple[User, Organization]:
    user = User.objects.filter(email=EMAIL).first()
    if user is None:
        user = User.objects.create_user(EMAIL, PASSWORD, name="Ada Kowalska")
    EmailAddress.objects.get_or_create(user=user, email=EMAIL, defaults={"verified": True, "primary": True})
    organization, _ = Organization.objects.get_or_create(slug=SLUG, defaults={"name": "Lumen Travel"})
    Membership.objects.get_or_create(organization=organization, user=user, defaults={"role": Role.OWNER})
    return user, organization


def _make_key(organization: Organization, user: User) -> str:
    """The demo's token is derived from the server's secret, so that it can be printed again."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), b"demo key", hashlib.sha512)
    secret = "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:SECRET_LENGTH])
    token = token_of_secret(secret)
    ApiKey.objects.update_or_create(
        token_hash=hash_token(token),
        defaults={
            "organization": organization,
            "name": "demo",
            "prefix": visible_prefix(token),
            "scopes": list(SCOPES),
            "source": "demo",
            "created_by": user,
            "requests_per_hour": 0,
            "revoked_at": None,
        },
    )
    return token


def _pair(organization: Organization, phone: VirtualPhone) -> None:
    state = open_sandbox(organization=organization, actor=ACTOR)
    if state.status == "active" or state.activation_code is None:
        return
    say(phone, state.sandbox_line_handle, state.activation_code)
    settle()
    assert get_sandbox(organization=organization).status == "active"
    say(phone, state.sandbox_line_handle, "Hi, is anybody there?")
    settle()


def _talk(organization: Organization, line: Line, contact: VirtualPhone) -> None:
    """A contact who has written first, and a short history."""
    start = now() - timedelta(minutes=20)
    first = say(contact, line.handle, "Hi! We land at 7 tomorrow. Is the 8:15 ferry still ok?", sent_at=start)
    answer(organization, line, contact.handle, "Yes, you're booked on the 8:15 from gate 4.")
    say(contact, line.handle, "Great. Four bags now 😅")
    answer(organization, line, contact.handle, "No problem, I've added one bag to your booking.")
    react(contact, get_last_from_line(contact), "love")
    say(contact, line.handle, "Can you move us to the 9 am ferry?", reply_to=first)
    settle()
