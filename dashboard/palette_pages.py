"""The pages and acts that the palette offers, each with the role that it needs."""

from accounts.models import Membership
from dashboard.access import PageRole, has_role
from dashboard.docs_pages import SECTIONS
from dashboard.palette_options import Option

# name, icon, address, keys, role, further words it is found by
PAGES: tuple[tuple[str, str, str, str, PageRole, str], ...] = (
    ("Overview", "home", "/", "G O", "member", "home dashboard"),
    ("Conversations", "chat", "/conversations", "G C", "member", "chats messages inbox"),
    ("Lines", "phone", "/lines", "G L", "member", "numbers"),
    ("Sandbox phone", "sandbox", "/sandbox-phone", "", "member", "simulator virtual"),
    ("Webhooks", "hook", "/webhooks", "G W", "member", "endpoints"),
    ("Deliveries", "hook", "/webhooks/deliveries", "G D", "member", "webhooks events"),
    ("Failed deliveries", "alert", "/webhooks/deliveries?state=failed", "", "member", "errors"),
    ("API keys", "key", "/api-keys", "G K", "member", "tokens secrets"),
    ("Create an API key", "plus", "/api-keys/new", "", "admin", "new add token"),
    ("Add a webhook endpoint", "plus", "/webhooks/new", "", "admin", "new create"),
    ("Add a simulated line", "plus", "/lines/new", "", "admin", "new create number"),
    ("Replays", "reload", "/webhooks/replays", "", "member", "resend"),
    ("Event catalogue", "book", "/webhooks/events", "", "member", "webhook types"),
    ("Signature debugger", "bug", "/webhooks/debugger", "", "member", "verify secret"),
    ("Sandbox", "sandbox", "/sandbox", "", "member", "pair qr code"),
    ("Settings", "settings", "/settings", "G S", "member", "organization name"),
    ("Members", "users", "/settings/members", "", "member", "people team roles"),
    ("Invite a member", "user-plus", "/settings/members/invite", "", "owner", "add people team"),
    ("Audit log", "history", "/settings/audit", "", "admin", "changes history"),
    ("Hand the organization over", "users", "/settings/transfer", "", "owner", "transfer owner"),
    ("Leave the organization", "sign-out", "/settings/leave", "", "member", ""),
    ("Delete the organization", "trash", "/settings/delete", "", "owner", "close"),
    ("New organization", "plus", "/organizations/new", "", "member", "create add"),
    ("Your profile", "user", "/settings/profile", "", "member", "name time zone shortcuts account"),
    ("Password", "lock", "/account/password/change/", "", "member", "change"),
    ("E-mail addresses", "send", "/account/email/", "", "member", "email change"),
    ("Two-factor and passkeys", "shield", "/account/2fa/", "", "member", "2fa totp authenticator security recovery"),
    ("Sessions", "laptop", "/account/sessions/", "", "member", "devices signed in security"),
    ("Sign out", "sign-out", "/account/logout/", "", "member", "log out"),
    ("API requests", "log", "/logs/requests", "", "member", "logs"),
    ("Outbox", "send", "/logs/outbox", "", "member", "logs queue sends"),
    ("First steps", "home", "/?view=start", "", "member", "quickstart onboarding"),
    ("Docs", "docs", "/docs", "", "member", "documentation help"),
    ("API reference", "code", "/docs/api", "", "member", "docs endpoints"),
    ("Errors explained", "alert-circle", "/docs/errors", "", "member", "docs codes"),
)
THEMES = (("Light theme", "sun", "light"), ("Dark theme", "moon", "dark"), ("System theme", "desktop", "system"))
DOCS_SHOWN = 5
_LISTED = {page[2] for page in PAGES} | {"/docs/index"}


def find_pages(membership: Membership, text: str) -> list[tuple[str, list[Option]]]:
    """Pages and acts that a member of this role may use and whose words hold every word typed; names come first."""
    words = text.lower().split()
    by_name: list[Option] = []
    by_word: list[Option] = []
    for name, icon, href, keys, role, more in PAGES:
        if not has_role(membership, role) or not _holds(f"{name} {more}", words):
            continue
        option = Option(text=name, href=href, icon=icon, keys=tuple(keys.split()))
        (by_name if _holds(name, words) else by_word).append(option)
    found = [*by_name, *by_word]
    themes = [Option(text=name, href="", icon=icon, theme=theme) for name, icon, theme in THEMES]
    found += [option for option in themes if words and _holds(f"{option.text} switch mode appearance", words)]
    return [("Go to", found)] if found else []


def find_docs(text: str) -> list[tuple[str, list[Option]]]:
    """Chapters of the documentation by title."""
    words = text.lower().split()
    if not words:
        return []
    chapters = [(slug, title) for section in SECTIONS.values() for slug, title in section.items()]
    found = [
        Option(text=title, href=f"/docs/{slug}", icon="docs", note="Docs")
        for slug, title in chapters
        if f"/docs/{slug}" not in _LISTED and _holds(f"{title} {slug}", words)
    ]
    return [("Docs", found[:DOCS_SHOWN])] if found else []


def _holds(text: str, words: list[str]) -> bool:
    text = text.lower()
    return all(word in text for word in words)
