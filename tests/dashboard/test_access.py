"""Every route, as anonymous, outsider, member, admin and owner. A view without a declared role fails here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.http import urlencode

from accounts.models import ApiKey, Invitation, Membership, Organization, Role, User
from core.clock import now
from lines.models import Line
from messaging.models import Chat
from tests.conftest import make_user
from tests.dashboard.routes import KWARGS, World, a_delivery, a_message, a_replay, a_request, a_webhook
from transports.simulator.network import create_phone

FOREIGN = ("account/", "operator/admin/", "files/")  # guard themselves: allauth, Django's admin, signed links
ORDER = ("public", "signed_in", "member", "admin", "owner")


@dataclass(frozen=True)
class Route:
    name: str
    pattern: str
    view: Callable[..., Any]
    is_parametrised: bool

    @property
    def methods(self) -> tuple[str, ...]:
        declared = getattr(self.view, "page_methods", ("GET",))
        return tuple(method for method in ("GET", "POST") if method in declared)

    def role_for(self, method: str) -> str:
        return getattr(self.view, "page_role" if method == "GET" else "page_act")


def walk(patterns: list[Any], prefix: str = "") -> Iterator[Route]:
    for pattern in patterns:
        text = prefix + str(pattern.pattern)
        if text.startswith(FOREIGN):
            continue
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, text)
        elif isinstance(pattern, URLPattern):
            yield Route(pattern.name or text, text, pattern.callback, bool(pattern.pattern.converters))


ROUTES = list(walk(get_resolver().url_patterns))
DECLARED = [route for route in ROUTES if hasattr(route.view, "page_role")]
REQUESTS = [pytest.param(route, method, id=f"{method} {route.name}") for route in DECLARED for method in route.methods]


@pytest.fixture
def world(
    lumen: Organization,
    alice: User,
    dana: User,
    bob: User,
    other: Organization,
    charlie: User,
    line: Line,
    chat: Chat,
    make_key: Callable[..., tuple[ApiKey, str]],
) -> World:
    invitation = Invitation.objects.create(
        organization=lumen, email="eve@lumen.example", token_hash=b"x" * 32, expires_at=now() + timedelta(days=7)
    )
    create_phone(owner_id=lumen.id, handle="+15550100144", name="Casey")
    return World(
        lumen=lumen,
        alice=alice,
        dana=dana,
        bob=bob,
        other=other,
        charlie=charlie,
        line=line,
        chat=chat,
        key=make_key(lumen)[0],
        invitation=invitation,
        membership=Membership.objects.get(user=bob),
    )


def address_of(route: Route, world: World) -> str:
    if not route.is_parametrised:
        return reverse(route.name)
    assert route.name in KWARGS, f"add the route {route.name!r} to KWARGS in tests/dashboard/routes.py"
    return reverse(route.name, kwargs=KWARGS[route.name](world))


def ask(user: User | None, method: str, address: str, **headers: str) -> Any:
    """One request that leaves nothing behind."""
    client = Client(raise_request_exception=True)
    with transaction.atomic():
        if user is not None:
            client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
        response = client.generic(method, address, headers=headers)
        if response.streaming:
            b"".join(response.streaming_content)
        transaction.set_rollback(True)
    return response


def is_sign_in(response: Any) -> bool:
    target = response.headers.get("Location") or response.headers.get("HX-Redirect") or ""
    return target.startswith(settings.LOGIN_URL)


def test_every_view_declares_who_may_see_it() -> None:
    undeclared = [f"/{route.pattern}" for route in ROUTES if not hasattr(route.view, "page_role")]
    assert undeclared == []


@pytest.mark.parametrize(("route", "method"), REQUESTS)
def test_each_person_gets_what_is_theirs(world: World, route: Route, method: str) -> None:
    """One test for a route: what it needs is made once, and each request leaves nothing behind."""
    address, needed = address_of(route, world), route.role_for(method)
    check_strangers(method, address, needed)
    for who, user in (("member", world.bob), ("admin", world.dana), ("owner", world.alice)):
        check_member(who, ask(user, method, address), needed)
    check_outsider(world, route, ask(world.charlie, method, address), needed)
    if needed in ("member", "admin", "owner"):
        response = ask(make_user("nobody@example.com"), method, address)
        assert response.headers.get("Location") == reverse("organization_new"), "no organization yet"


def check_strangers(method: str, address: str, needed: str) -> None:
    response = ask(None, method, address)
    if needed == "public":
        assert response.status_code < 500
        assert not is_sign_in(response)
        return
    assert is_sign_in(response), response.status_code
    told = ask(None, method, address, **{"HX-Request": "true"})
    assert told.headers.get("HX-Redirect", "").startswith(settings.LOGIN_URL), "htmx is to be told"


def check_member(who: str, response: Any, needed: str) -> None:
    if needed == "staff":
        assert response.status_code == 404, who
    elif ORDER.index(who) >= ORDER.index(needed):
        assert response.status_code not in (401, 403, 404, 405), (who, response.content[:500])
        assert response.status_code < 500, who
        assert not is_sign_in(response), who
    else:
        assert response.status_code == 403, who


def check_outsider(world: World, route: Route, response: Any, needed: str) -> None:
    assert response.status_code < 500
    if needed == "staff" or (route.is_parametrised and needed in ("member", "admin", "owner")):
        assert response.status_code == 404, "an outsider"
    elif needed in ("member", "admin", "owner") and not response.streaming:
        assert world.lumen.name.encode() not in response.content


def test_staff_may_enter_the_operator_area(world: World) -> None:
    world.bob.is_staff = True
    world.bob.save()
    for route in DECLARED:
        if "GET" in route.methods and route.role_for("GET") == "staff" and not route.is_parametrised:
            assert ask(world.bob, "GET", address_of(route, world)).status_code < 400


def test_a_suspended_organization_can_be_read_but_not_changed(world: World) -> None:
    world.lumen.suspended_at = now()
    world.lumen.save()
    Membership.objects.filter(user=world.bob).update(role=Role.OWNER)
    for route in DECLARED:
        if "POST" in route.methods and route.role_for("POST") in ("member", "admin", "owner"):
            assert ask(world.bob, "POST", address_of(route, world)).status_code == 403


def test_another_organizations_ids_in_a_query_name_nothing(world: World) -> None:
    """Filters and pickers take ids from the address: those of others must not show what they belong to."""
    world.line.label = "Front desk of Lumen"
    world.line.save()
    filters = {
        "line": world.line.public_id,
        "key": world.key.public_id,
        "endpoint": a_webhook(world)["webhook_id"],
        "chat": world.chat.public_id,
    }
    others = {
        "message": a_message(world)["message_id"],
        "delivery": a_delivery(world)["delivery_id"],
        "replay": a_replay(world)["replay_id"],
        "request": a_request(world)["request_id"],
        "phone": "+15550100144",
        "to": world.line.handle,
    }
    queries = [filters | others, *({name: value} for name, value in filters.items()), {"q": others["message"]}]
    theirs = (world.line.label, world.key.name, world.chat.identifier, "127.0.0.1:9471", world.alice.email)
    for route in DECLARED:
        if "GET" not in route.methods or route.is_parametrised or route.role_for("GET") not in ORDER[2:]:
            continue
        for query in queries:
            response = ask(world.charlie, "GET", f"{address_of(route, world)}?{urlencode(query)}")
            assert response.status_code < 500, (route.name, query)
            page = "" if response.streaming else response.content.decode()
            for value in query.values():
                page = page.replace(value, "")  # what was asked for may be repeated
            assert not [text for text in theirs if text in page], (route.name, query)
