"""The reference pages: whole, true to the description, open to everybody."""

import html
import re

import pytest
from django.test import Client

from api.error_codes import ERROR_CODES
from api.openapi import build_openapi
from dashboard.reference import list_groups

pytestmark = pytest.mark.django_db


def read(path: str, client: Client | None = None) -> str:
    answer = (client or Client()).get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_endpoint_has_its_place_with_scope_sample_and_errors() -> None:
    page = read("/docs/api")
    for path, methods in build_openapi()["paths"].items():
        for operation in methods.values():
            part = page.split(f'<article class="m-ref-op" id="{operation["operationId"]}"')[1].split("</article>")[0]
            assert path in re.sub(r"</?wbr>", "", part)
            assert operation["x-scope"] is None or operation["x-scope"] in part
            assert ("Extension</span>" in part) == operation["x-extension"]
            assert "curl " in part
            for code in operation["x-errors"]:
                assert f'href="/docs/errors#{code}"' in part


def test_every_member_of_a_body_is_listed_as_required_or_optional() -> None:
    page = read("/docs/api")
    part = page.split('id="send_message"')[1].split("</article>")[0]
    rows = dict(re.findall(r'<span class="mono">(\w+)</span></td>.*?(required|optional)</span>', part))
    assert {name: rows[name] for name in ("from", "to", "text", "attachments", "reply_to")} == {
        "from": "required", "to": "required", "text": "optional", "attachments": "optional", "reply_to": "optional",
    }  # fmt: skip


def test_the_four_webhook_events_are_there() -> None:
    page = read("/docs/api")
    for name in ("message.received", "message.sent", "reaction.added", "reaction.removed"):
        assert f'id="event-{name}"' in page


def test_ids_are_unique_and_every_link_within_the_page_leads_somewhere() -> None:
    page = read("/docs/api")
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_every_error_code_has_an_anchor() -> None:
    page = read("/docs/errors")
    for error in ERROR_CODES.values():
        assert f'id="{error.code}"' in page
        assert html.escape(error.remedy.split("`")[0].strip()) in page


def test_nothing_is_inline() -> None:
    for path in ("/docs/api", "/docs/errors"):
        page = read(path)
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*src=)", page)


def test_members_see_it_in_their_shell_and_others_are_offered_the_sign_in(alice, charlie) -> None:
    client = Client()
    client.force_login(alice)
    assert 'class="m-side"' in read("/docs/api", client)
    anonymous = read("/docs/api")
    assert 'class="m-side"' not in anonymous
    assert "/account/login/" in anonymous


def test_samples_carry_this_servers_address_and_no_key(settings) -> None:
    for group in list_groups():
        for one in group.operations:
            assert f'"{settings.BASE_URL}/v1/' in one.curl
            assert "sk_live" not in one.curl
