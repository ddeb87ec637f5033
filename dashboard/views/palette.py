"""What ⌘K finds: the object behind any id first, then what belongs to it, what is named so, and pages by word."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path

from accounts.models import Membership
from dashboard.access import PageRequest, PageRole, has_role, page
from dashboard.palette_names import find_names, find_organizations
from dashboard.palette_objects import clean_id, list_by_id
from dashboard.palette_options import Option
from dashboard.palette_pages import find_docs, find_pages

# prefix -> what belongs to such an object and what can be done with it, by whom; {} is the id
RELATED: dict[str, tuple[tuple[str, str, str, PageRole], ...]] = {
    "msg": (
        ("Trace of the message", "right", "/trace/{}", "member"),
        ("Its deliveries", "hook", "/webhooks/deliveries?q={}", "member"),
    ),
    "obx": (
        ("Trace of the outbox item", "right", "/trace/{}", "member"),
        ("Request that made it", "log", "/logs/requests?q={}", "member"),
    ),
    "cht": (
        ("Its outbox", "send", "/logs/outbox?q={}", "member"),
        ("Its deliveries", "hook", "/webhooks/deliveries?q={}", "member"),
    ),
    "wh": (
        ("Its deliveries", "hook", "/webhooks/deliveries?endpoint={}", "member"),
        ("Its failed deliveries", "alert", "/webhooks/deliveries?endpoint={}&state=failed", "member"),
        ("Replay for it", "reload", "/webhooks/{}/replay", "admin"),
        ("Change the endpoint", "edit", "/webhooks/{}/edit", "admin"),
    ),
    "ln": (
        ("Its conversations", "chat", "/conversations?line={}", "member"),
        ("Its outbox", "send", "/logs/outbox?line={}", "member"),
        ("Its deliveries", "hook", "/webhooks/deliveries?line={}", "member"),
        ("Change the line", "edit", "/lines/{}/edit", "admin"),
    ),
    "key": (
        ("Its requests", "log", "/logs/requests?key={}", "member"),
        ("Roll the key", "reload", "/api-keys/{}/roll", "admin"),
        ("Revoke the key", "ban", "/api-keys/{}/revoke", "admin"),
    ),
}
LONGEST = 120


@page(role="member", methods=("GET",))
def palette(request: PageRequest) -> HttpResponse:
    """The groups of options for ``?q=``, as the inside of a listbox."""
    text = request.GET.get("q", "").strip()[:LONGEST]
    groups = find_object(request.membership, text)
    if not groups:
        memberships: list[Membership] = getattr(request, "memberships", [])
        groups = [
            *find_names(request.organization, text),
            *find_pages(request.membership, text),
            *find_organizations(memberships, request.membership, text),
            *find_docs(text),
        ]
    return render(request, "parts/_palette_options.html", {"groups": groups, "text": text})


def find_object(membership: Membership, text: str) -> list[tuple[str, list[Option]]]:
    """Objects of the organization with this id or its beginning, then what belongs to the first of them."""
    typed = clean_id(text)
    found = list_by_id(membership.organization, typed)
    if not found:
        return []
    options = [
        Option(
            text=one.id,
            href=one.href,
            icon=one.icon,
            note=one.note,
            is_mono=True,
            typed=typed,
            shape=one.shape,
            word=one.word,
        )
        for one in found
    ]
    first = found[0].id
    related = [
        Option(text=words, href=address.format(first), icon=icon)
        for words, icon, address, role in RELATED.get(first.partition("_")[0], ())
        if has_role(membership, role)
    ]
    name = "Belongs to it" if len(found) == 1 else "Belongs to the first"
    return [(found[0].group, options), *([(name, related)] if related else [])]


urlpatterns: list[URLPattern] = [path("palette", palette, name="palette")]
