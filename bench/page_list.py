"""Which pages ``scripts/bench pages`` opens: every route that answers GET, the lists filtered, and their next pages."""

from collections.abc import Iterator
from typing import Any

# Not pages of the organization: signing in, answers to forms, exports, streams
SKIPPED = ("oauth_", "organization_new", "mail", "phone_", "audit_export", "export", "metrics")
ACCOUNT = ("account_email", "account_change_password", "mfa_index", "mfa_activate_totp", "usersessions_list")
FILTERED = {
    "api_keys": ("q=key+77", "state=revoked", "scope=messages:write", "line={line_id}"),
    "members": ("q=member77", "role=admin"),
    "audit": ("action=api_key.created", "target=key+77", "period=7d"),
    "lines": ("q=Line+77", "q=nothing"),
    "overview": ("period=7d", "period=30d", "view=start"),
    "line": ("span=30d",),
    "api_key": ("days=30",),
    "conversations": ("q=number+77", "q=%2B15560000077", "q=nothing", "show=unread", "show=failed", "line={line_id}"),
    "conversation": ("message={message_id}",),
    "deliveries": ("state=failed", "event=reaction.added", "status=4xx", "line={line_id}&state=held", "q={message_id}"),
    "webhook": ("span=1h", "span=30d"),
    "log_requests": ("status=4xx", "key={key_id}", "q=nothing", "error=not_found", "route=/v1/chats"),
    "log_outbox": ("state=failed", "line={line_id}", "error=expired"),
    "pick": ("find=Line+77",),
    "palette": ("q=Line+77", "q={message_id}", "q=%2B15560000077"),
    "operator_organizations": ("q=bench",),
    "operator_lines": ("q=Line+77",),
}


def list_pages(world: Any) -> Iterator[tuple[str, str]]:
    """Name and address of every page, and of lists with a filter."""
    from django.urls import NoReverseMatch, URLPattern, get_resolver, reverse

    yield from ((name, reverse(name)) for name in ACCOUNT)
    for pattern in get_resolver("dashboard.urls").url_patterns:
        name: str = getattr(pattern, "name", None) or ""
        if not isinstance(pattern, URLPattern) or not name or name.startswith(SKIPPED) or name.endswith(SKIPPED):
            continue
        wanted = pattern.pattern.converters
        methods = getattr(pattern.callback, "page_methods", ())
        if "GET" not in methods or not all(argument in world.extra for argument in wanted):
            continue
        try:
            path = reverse(name, kwargs={argument: world.extra[argument] for argument in wanted})
        except NoReverseMatch:
            continue
        yield name, path
        for query in FILTERED.get(name, ()):
            narrowed = query.format(**world.extra)
            yield f"{name}?{narrowed}", f"{path}?{narrowed}"
