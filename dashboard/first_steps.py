"""The first steps of an organization, ticked from what is in the database, and samples with its own values."""

import json
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from redis import RedisError

from accounts.models import Organization
from lines.models import Line
from lines.services.sandbox import SandboxState

DONE_SECONDS = 86_400
EXAMPLE_PHONE = "+16285550144"  # a number that belongs to nobody, until a phone is paired
_READ = """
SELECT EXISTS(SELECT 1 FROM lines_sandboxpairing WHERE organization_id = %(org)s AND status = 'active'),
  EXISTS(SELECT 1 FROM lines_line WHERE organization_id = %(org)s AND deleted_at IS NULL),
  EXISTS(SELECT 1 FROM accounts_apikey WHERE organization_id = %(org)s),
  EXISTS(SELECT 1 FROM messaging_outboxitem WHERE organization_id = %(org)s),
  EXISTS(SELECT 1 FROM webhooks_app_delivery WHERE organization_id = %(org)s AND state = 'delivered')
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What an organization has done so far."""

    is_paired: bool
    has_line: bool
    has_key: bool
    has_sent: bool
    has_received: bool

    @property
    def is_under_way(self) -> bool:
        """Whether the numbers tell more than the first steps."""
        return self.has_sent and (self.is_paired or self.has_line)

    @property
    def is_complete(self) -> bool:
        return self.is_under_way and self.has_key and self.has_received


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstStep:
    """``state`` is done, now or later; ``action`` and ``href`` are a button."""

    title: str
    text: str
    state: str
    action: str = ""
    href: str = ""


COMPLETE = Progress(is_paired=True, has_line=True, has_key=True, has_sent=True, has_received=True)


def get_progress(organization: Organization) -> Progress:
    """One query; none for a day after everything was done."""
    key = f"first-steps:{organization.id.hex}"
    with suppress(RedisError):  # without Redis it is one query more
        if cache.get(key):
            return COMPLETE
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"org": organization.id})
        paired, line, has_key, sent, received = cursor.fetchone()
    progress = Progress(is_paired=paired, has_line=line, has_key=has_key, has_sent=sent, has_received=received)
    if progress.is_complete:
        with suppress(RedisError):
            cache.set(key, 1, DONE_SECONDS)
    return progress


def list_first_steps(progress: Progress) -> list[FirstStep]:
    has_phone = progress.is_paired or progress.has_line
    steps = [
        (True, "Create your organization", "", "", ""),
        (has_phone, "Pair your phone", "Scan the code on this page, or use a virtual phone", "", ""),
        (progress.has_key, "Create an API key", "Shown once, so have your .env open", "Create key", "/api-keys/new"),
        (progress.has_sent, "Send your first message", "Ticks itself when the API accepts it", "", ""),
        (
            progress.has_received,
            "Receive an event",
            "By webhook, or on your machine with listen",
            "Add endpoint",
            "/webhooks/new",
        ),
    ]
    found = []
    has_current = False
    for is_done, title, text, action, href in steps:
        state = "done" if is_done else "later" if has_current else "now"
        has_current = has_current or not is_done
        found.append(FirstStep(title=title, text=text, state=state, action=action, href=href))
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    name: str
    label: str
    language: str
    text: str


def make_samples(sandbox: SandboxState, line: Line | None) -> list[Sample]:
    """Sending one message, with the reader's base URL, line and phone. The key is never in it."""
    sender = line.handle if line is not None else sandbox.sandbox_line_handle
    values = {
        "base": settings.BASE_URL,
        "from": sender,
        "to": sandbox.contact_identifier or EXAMPLE_PHONE,
        "text": "Hello from my agent",
    }
    body = json.dumps({"from": values["from"], "to": values["to"], "text": values["text"]})
    return [
        Sample(
            name="curl", label="curl", language="bash", text=_CURL % (values | {"body": body.replace("'", "'\\''")})
        ),
        Sample(name="python", label="Python", language="python", text=_PYTHON % values),
        Sample(name="typescript", label="TypeScript", language="typescript", text=_TYPESCRIPT % values),
        Sample(name="cli", label="CLI", language="bash", text=_CLI % values),
    ]


_CURL = """curl %(base)s/v1/messages \\
  -H "Authorization: Bearer $MESSAGES_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '%(body)s'"""
_PYTHON = """import os

import httpx

response = httpx.post(
    "%(base)s/v1/messages",
    headers={"Authorization": f"Bearer {os.environ['MESSAGES_API_KEY']}"},
    json={
        "from": "%(from)s",
        "to": "%(to)s",
        "text": "%(text)s",
    },
)
response.raise_for_status()
print(response.json()["id"], response.json()["status"])"""
_TYPESCRIPT = """const response = await fetch("%(base)s/v1/messages", {
  method: "POST",
  headers: {
    Authorization: `Bearer ${process.env.MESSAGES_API_KEY}`,
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    from: "%(from)s",
    to: "%(to)s",
    text: "%(text)s",
  }),
});
const item = await response.json();
console.log(item.id, item.status);"""
_CLI = """export MESSAGES_API_URL=%(base)s
messages-dev login
messages-dev send %(to)s "%(text)s" --from %(from)s

# forward live events to your machine, no public URL needed
messages-dev listen --forward-to http://localhost:3000/hooks"""
