"""The sandbox phone and the sandbox page: what they say about the pairing."""

from django.test import Client

from accounts.models import Organization, User
from accounts.services.audit import Actor
from dashboard.sandbox_card import SANDBOX_ERRORS
from lines.services.sandbox import open_sandbox, redeem_code
from tests.dashboard.test_lines import text_of
from transports.simulator.network import create_phone, send_from_phone

MINE, OTHER = "+15550100002", "+15550100003"


def test_a_phone_that_is_not_heard_says_why(owner: Client, alice: User, lumen: Organization) -> None:
    state = open_sandbox(organization=lumen, actor=Actor(user=alice))
    phone = create_phone(owner_id=lumen.id, handle=MINE, name="Casey")
    create_phone(owner_id=lumen.id, handle=OTHER, name="Robin")
    here = "/sandbox-phone?phone=%2B15550100002"
    assert "Send the code below to pair this phone" in text_of(owner, here)
    send_from_phone(phone=phone, to=lumen.sandbox.line.handle, text="hello?")
    assert "the line hears only the code below" in text_of(owner, here)
    assert state.activation_code in text_of(owner, here)
    redeem_code(line=lumen.sandbox.line, sender=MINE, text=state.activation_code)
    assert "does not hear this phone" not in text_of(owner, here)
    page = text_of(owner, "/sandbox-phone?phone=%2B15550100003")
    assert "paired with +1 555 010 0002 and does not hear this phone" in page


def test_the_phones_are_fetched_again_when_the_pairing_changes(owner: Client, alice: User, lumen: Organization) -> None:
    create_phone(owner_id=lumen.id, handle=MINE, name="Casey")
    card = text_of(owner, "/sandbox-phone").partition('id="phones"')[2].partition(">")[0]
    assert 'data-live-on="sandbox"' in card
    assert 'hx-select="#phones"' in card


def test_each_error_of_the_sandbox_leads_to_its_explanation(owner: Client, lumen: Organization) -> None:
    page, errors = text_of(owner, "/sandbox"), text_of(owner, "/docs/errors")
    for code in SANDBOX_ERRORS:
        assert f'href="/docs/errors#{code}"' in page
        assert f'id="{code}"' in errors
