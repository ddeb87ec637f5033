"""What ⌘K finds: pages by word, and the object behind any id or phone number of the current organization."""

import re
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path

from accounts.models import Organization
from core.handles import format_handle, is_handle, normalise_handle
from core.ids import CHAT, LINE, public_id
from dashboard.access import PageRequest, page
from dashboard.palette_objects import find_by_id
from lines.models import Line
from messaging.models import Chat

# prefix -> what belongs to such an object; {} is the id
RELATED = {
    "msg": (("Trace of the message", "right", "/trace/{}"),),
    "obx": (("Trace of the outbox item", "right", "/trace/{}"), ("Request that made it", "log", "/logs/requests?q={}")),
    "cht": (("Outbox of the conversation", "send", "/logs/outbox?q={}"),),
    "wh": (
        ("Its deliveries", "hook", "/webhooks/deliveries?endpoint={}"),
        ("Its failed deliveries", "alert", "/webhooks/deliveries?endpoint={}&state=failed"),
    ),
    "ln": (
        ("Its conversations", "chat", "/conversations?line={}"),
        ("Its outbox", "send", "/logs/outbox?line={}"),
        ("Its deliveries", "hook", "/webhooks/deliveries?line={}"),
    ),
    "key": (("Its requests", "log", "/logs/requests?key={}"),),
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
    ("Replays", "reload", "/webhooks/replays", ""),
    ("Event catalogue", "book", "/webhooks/events", ""),
    ("Signature debugger", "bug", "/webhooks/debugger", ""),
    ("Sandbox", "sandbox", "/sandbox", ""),
    ("Settings", "settings", "/settings", "G S"),
    ("Members", "users", "/settings/members", ""),
    ("Invite a member", "user-plus", "/settings/members/invite", ""),
    ("Audit log", "history", "/settings/audit", ""),
    ("Your profile", "user", "/settings/profile", ""),
    ("Password", "lock", "/account/password/change/", ""),
    ("Two-factor and passkeys", "shield", "/account/2fa/", ""),
    ("Sessions", "laptop", "/account/sessions/", ""),
    ("API requests", "log", "/logs/requests", ""),
    ("Outbox", "send", "/logs/outbox", ""),
    ("First steps", "home", "/?view=start", ""),
    ("Docs", "docs", "/docs", ""),
    ("API reference", "code", "/docs/api", ""),
    ("Errors explained", "alert-circle", "/docs/errors", ""),
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
    groups = [*find_object(request.organization, text), *find_people(request.organization, text), *find_pages(text)]
    return render(request, "parts/_palette_options.html", {"groups": groups, "text": text})


def find_object(organization: Organization, text: str) -> list[tuple[str, list[Option]]]:
    """The organization's object with this id first, then what belongs to it; nothing for ids it does not have."""
    name = text.lower()
    found = find_by_id(organization, name)
    if found is None:
        return []
    option = Option(text=name, href=found.href, icon=found.icon, note=found.note, is_mono=True)
    related = [
        Option(text=words, href=address.format(name), icon=icon)
        for words, icon, address in RELATED.get(name.partition("_")[0], ())
    ]
    return [(found.group, [option]), *([("Belongs to it", related)] if related else [])]


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
