"""What the palette finds: the organization's own object behind any id first, and nothing of others."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve

from accounts.models import ApiKey, ApiRequest, Membership, Organization, Role, User
from core.clock import now
from core.ids import public_id
from dashboard.palette_names import find_names
from dashboard.palette_objects import OBJECTS
from dashboard.palette_pages import PAGES, find_docs, find_pages
from dashboard.views.palette import RELATED, find_object
from events.models import Event
from lines.models import Line
from messaging.models import Chat, Message, OutboxItem, Reaction
from webhooks_app.models import Attempt, Delivery, Endpoint, Replay


@pytest.fixture
def ids(lumen: Organization, line: Line, chat: Chat, make_key: Callable[..., tuple[ApiKey, str]]) -> dict[str, str]:
    """One of everything, by prefix."""
    item = OutboxItem.objects.create(
        organization_id=lumen.id, line_id=line.id, chat_id=chat.id, operation="send", payload={}, lane="one",
        deadline_at=now(),
    )  # fmt: skip
    message = Message.objects.create(
        organization_id=lumen.id, line_id=line.id, chat=chat, guid="G1", sender="+15550100144", text="Hello",
        sent_at=now(), synced_at=now(), is_from_me=False,
    )  # fmt: skip
    reaction = Reaction.objects.create(
        message=message, event_key="r1", type="love", sender="+15550100144", is_from_me=False, added=True,
        sent_at=now(), synced_at=now(),
    )  # fmt: skip
    endpoint = Endpoint.objects.create(organization=lumen, url="https://crm.lumen.example/in", events=[], secret="x")
    event = Event.objects.create(
        organization_id=lumen.id, line_id=line.id, type="message.received", object_id=message.id, data="{}",
        occurred_at=now(),
    )  # fmt: skip
    delivery = Delivery.objects.create(
        organization_id=lumen.id, endpoint_id=endpoint.id, event_id=event.id, event_type="message.sent", line_id=line.id
    )
    attempt = Attempt.objects.create(
        organization_id=lumen.id, endpoint_id=endpoint.id, delivery_id=delivery.id, number=1, trigger="first",
        started_at=now(), status=200, total_ms=3,
    )  # fmt: skip
    replay = Replay.objects.create(organization=lumen, filter={}, started_by_label="Alice")
    ApiRequest.objects.create(
        request_id="req_0f3a9c1b22de", organization_id=lumen.id, method="GET", path="/v1/lines", route="/v1/lines",
        status=200, duration_ms=1,
    )  # fmt: skip
    rows: list[Any] = [line, chat, item, message, endpoint, delivery, replay, make_key(lumen)[0], event, lumen]
    shown = [*(row.public_id for row in rows), public_id("rxn", reaction.id), public_id("att", attempt.id)]
    return {text.partition("_")[0]: text for text in [*shown, "req_0f3a9c1b22de"]}


@pytest.fixture
def owner(lumen: Organization, alice: User) -> Membership:
    return Membership.objects.select_related("organization").get(organization=lumen, user=alice)


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def test_every_id_leads_to_a_page_that_exists(ids: dict[str, str], owner: Membership, alice: User) -> None:
    assert set(ids) == {*OBJECTS, "req"}
    client = sign_in(alice)
    for text in ids.values():
        option = find_object(owner, f"“{text.upper()}”,")[0][1][0]
        assert option.text == text
        assert option.note or option.word
        assert client.get(option.href).status_code in (200, 302), option.href


def test_the_beginning_of_an_id_is_enough(ids: dict[str, str], owner: Membership) -> None:
    for prefix, text in ids.items():
        if prefix == "req":
            continue
        option = find_object(owner, text[: len(prefix) + 13])[0][1][0]
        assert (option.text, option.typed + option.rest) == (text, text)
    assert find_object(owner, ids["msg"][:8]) == []


def test_what_belongs_to_it_leads_to_a_page_too(ids: dict[str, str], owner: Membership) -> None:
    for prefix, text in ids.items():
        groups = find_object(owner, text)
        assert len(groups) == (2 if prefix in RELATED else 1)
        for option in groups[-1][1]:
            assert resolve(option.href.partition("?")[0])


def test_nothing_of_other_organizations_is_found(ids: dict[str, str], other: Organization, charlie: User) -> None:
    stranger = Membership.objects.select_related("organization").get(organization=other, user=charlie)
    assert [text for text in ids.values() if find_object(stranger, text)] == []
    assert find_names(other, "0144") == find_names(other, "crm") == find_names(other, "prod") == []


@pytest.mark.parametrize("text", ["", "msg_", "msg_12", "xyz_" + "0" * 32, "msg_" + "g" * 32, "req_' or 1=1", "\x00"])
def test_what_is_no_id_finds_no_object(owner: Membership, text: str) -> None:
    assert find_object(owner, text) == []


@pytest.mark.parametrize("text", ["0144", "555 010 0144", "(555) 010-0144", "+1 555 010 0144", "5550100144", "Maya"])
def test_people_are_found_by_any_way_to_write_them(lumen: Organization, chat: Chat, text: str) -> None:
    Chat.objects.filter(pk=chat.pk).update(identifier="+15550100144", name="Maya Okafor", last_message_at=now())
    groups = dict(find_names(lumen, text))
    assert [option.href for option in groups["Conversations"]] == [f"/conversations/{chat.public_id}"]


def test_lines_keys_and_endpoints_are_found_by_name(ids: dict[str, str], lumen: Organization, line: Line) -> None:
    line.label = "Concierge US"
    line.save()
    assert dict(find_names(lumen, "concierge"))["Lines"][0].href == f"/lines/{ids['ln']}"
    assert dict(find_names(lumen, "crm.lumen"))["Endpoints"][0].href == f"/webhooks/{ids['wh']}"
    key = ApiKey.objects.get()
    assert dict(find_names(lumen, key.name))["API keys"][0].href == f"/api-keys/{ids['key']}"
    line.deleted_at = now()
    line.save()
    assert find_names(lumen, "concierge") == []


def test_every_page_is_there_for_the_roles_it_is_offered_to(lumen: Organization, alice: User, bob: User) -> None:
    for user in (alice, bob):
        membership = Membership.objects.select_related("organization").get(organization=lumen, user=user)
        client = sign_in(user)
        for option in find_pages(membership, "")[0][1]:
            assert client.get(option.href).status_code in (200, 302), (user.email, option.href)
    assert len(find_pages(membership, "")[0][1]) < len(PAGES)  # bob is a member


def test_themes_chapters_and_other_organizations_are_offered(
    owner: Membership, alice: User, other: Organization
) -> None:
    assert [option.theme for option in find_pages(owner, "dark")[0][1]] == ["dark"]
    assert find_docs("tapback") == []
    assert find_docs("reactions")[0][1][0].href == "/docs/reactions"
    Membership.objects.create(organization=other, user=alice, role=Role.MEMBER)
    shown = sign_in(alice).get("/palette?q=switch").content.decode()
    assert f'data-switch="{other.public_id}"' in shown
    assert f'data-switch="{owner.organization.public_id}"' not in shown


def test_a_search_takes_few_queries(
    ids: dict[str, str], alice: User, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    client = sign_in(alice)
    client.get("/palette")
    for text in ("", "desk", "0144", ids["dlv"]):
        with django_assert_max_num_queries(8):
            client.get("/palette", {"q": text})
