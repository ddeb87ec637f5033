"""What ⌘K finds: pages by word, and the object behind any id or phone number of the current organization."""

import re
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path

from accounts.models import Organization
from core.handles import format_handle, is_handle, normalise_handle
from core.ids import CHAT, LINE, parse_id, public_id
from dashboard.access import PageRequest, page
from lines.models import Line
from messaging.models import Chat

# prefix -> (group, icon, address); {} is the id. The pages look the object up and answer 404 for other organizations'.
OBJECTS = {
    "msg": ("Message", "chat", "/messages/{}"),
    "obx": ("Outbox", "send", "/logs/outbox/{}"),
    "cht": ("Conversation", "chat", "/conversations/{}"),
    "dlv": ("Delivery", "hook", "/webhooks/deliveries/{}"),
    "wh": ("Endpoint", "hook", "/webhooks/{}"),
    "rpl": ("Replay", "reload", "/webhooks/replays/{}"),
    "ln": ("Line", "phone", "/lines/{}"),
    "key": ("API key", "key", "/api-keys/{}"),
    "req": ("Request", "log", "/logs/requests/{}"),
}
PAGES = (
    ("Overview", "home", "/", "G O"),
    ("Conversations", "chat", "/conversations", "G C"),
    ("Lines", "phone", "/lines", "G L"),
    ("Sandbox phone", "sandbox", "/sandbox-phone", ""),
    ("Webhooks", "hook", "/webhooks", "G W"),
    ("Deliveries", "hook", "/webhooks/deliveries", "G D"),
    ("Failed deliveries", "alert", "/webhooks/deliveries?state=failed", ""),
    ("API keys", "key", "/api-keys", "G K"),
    ("Create an API key", "plus", "/api-keys/new", ""),
    ("Add a webhook endpoint", "plus", "/webhooks/new", ""),
    ("Logs", "log", "/logs", ""),
    ("Settings", "settings", "/settings", "G S"),
    ("Two-factor and passkeys", "shield", "/account/2fa/", ""),
    ("Sessions", "laptop", "/account/sessions/", ""),
    ("Docs", "docs", "/docs", ""),
)
_ID = re.compile(r"([a-z]+)_([0-9a-f]*)")
LIMIT = 8


@dataclass(frozen=True, kw_only=True)
class Option:
    """One line of the palette."""

    text: str
    href: str
    icon: str
    note: str = ""
    keys: tuple[str, ...] = ()
    is_mono: bool = False


@page(role="member", methods=("GET",))
def palette(request: PageRequest) -> HttpResponse:
    """The groups of options for ``?q=``, as the inside of a listbox."""
    text = request.GET.get("q", "").strip()[:120]
    groups = [*find_object(text), *find_people(request.organization, text), *find_pages(text)]
    return render(request, "parts/_palette_options.html", {"groups": groups, "text": text})


def find_object(text: str) -> list[tuple[str, list[Option]]]:
    """A link for an id with a known prefix; the page behind it checks whose it is."""
    match = _ID.fullmatch(text.lower())
    known = OBJECTS.get(match.group(1)) if match else None
    if match is None or known is None or not match.group(2):
        return []
    group, icon, address = known
    is_complete = match.group(1) == "req" or parse_id(match.group(1), text.lower()) is not None
    if not is_complete:
        return []
    return [(group, [Option(text=text.lower(), href=address.format(text.lower()), icon=icon, is_mono=True)])]


def find_people(organization: Organization, text: str) -> list[tuple[str, list[Option]]]:
    """Lines by number or label, and conversations by number: two queries, by index on the organization."""
    if len(text) < 3 or _ID.fullmatch(text.lower()):
        return []
    number = normalise_handle(text)
    wanted = Line.objects.filter(organization=organization)
    lines = wanted.filter(handle=number) if is_handle(number) else wanted.filter(label__icontains=text)
    found = [
        Option(
            text=line.label or format_handle(line.handle),
            href=f"/lines/{public_id(LINE, line.pk)}",
            icon="phone",
            note=format_handle(line.handle),
        )
        for line in lines[:LIMIT]
    ]
    groups = [("Lines", found)] if found else []
    if is_handle(number):
        chats = Chat.objects.filter(organization=organization, identifier=number).order_by("-id")[:LIMIT]
        people = [
            Option(
                text=f"Conversation with {format_handle(number)}",
                href=f"/conversations/{public_id(CHAT, chat.pk)}",
                icon="chat",
            )
            for chat in chats
        ]
        groups += [("Conversations", people)] if people else []
    return groups


def find_pages(text: str) -> list[tuple[str, list[Option]]]:
    """Pages whose name holds every word typed."""
    words = text.lower().split()
    found = [
        Option(text=name, href=href, icon=icon, keys=tuple(keys.split()))
        for name, icon, href, keys in PAGES
        if all(word in name.lower() for word in words)
    ]
    return [("Go to", found)] if found else []


urlpatterns: list[URLPattern] = [path("palette", palette, name="palette")]
