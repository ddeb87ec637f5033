"""The signature debugger's page: what was received in, what differs out."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from core.clock import now, to_ms
from webhooks_app.signing import Secrets, Signer, build_body, new_secret

pytestmark = pytest.mark.django_db
PAGE = "/webhooks/debugger"


@pytest.fixture
def received(client: Client, bob: User) -> dict[str, str]:
    """A request as bob's server got it, with its secret."""
    client.force_login(bob)
    secret, moment, name = new_secret(), to_ms(now()), "dlv_0197f3a25c4e7b1f9d3c6a8e2b4d5f75"
    body = build_body("message.received", '{"text": "a\\nb"}', moment, name)
    signed = Signer(Secrets(current=secret)).sign(name, moment, body)
    headers = "\n".join(["Host: example.com", *(f"{key}: {value}" for key, value in signed)])
    return {"headers": headers, "body": body.decode(), "secret": secret}


def texts(response: Any) -> str:
    return str(response.content.decode())


def test_a_right_request_is_valid(client: Client, received: dict[str, str]) -> None:
    page = texts(client.post(PAGE, received))
    assert "The signature is valid." in page
    assert "no-store" in client.post(PAGE, received).headers["Cache-Control"]


def test_line_ends_of_the_form_do_not_count_as_a_change(client: Client, received: dict[str, str]) -> None:
    received["headers"] = received["headers"].replace("\n", "\r\n")
    assert "The signature is valid." in texts(client.post(PAGE, received))


@pytest.mark.parametrize(
    ("field", "old", "new", "said"),
    [
        ("secret", "whsec_", "whsec_AAAA", "Wrong secret"),
        ("body", '{"text": "', '{"text":"', "signature"),
        ("headers", "X-Webhook-Timestamp: 1", "X-Webhook-Timestamp: 2", "Wrong timestamp"),
    ],
)
def test_what_differs_is_named(
    client: Client, received: dict[str, str], field: str, old: str, new: str, said: str
) -> None:
    only_own = [line for line in received["headers"].splitlines() if not line.startswith("webhook-")]
    received["headers"] = "\n".join(only_own)
    page = texts(client.post(PAGE, {**received, field: received[field].replace(old, new)}))
    assert "The signature is valid." not in page
    assert said in page


@pytest.mark.parametrize("field", ["headers", "body", "secret"])
def test_what_is_missing_is_said_beside_its_field(client: Client, received: dict[str, str], field: str) -> None:
    response = client.post(PAGE, {**received, field: ""})
    assert response.status_code == 422
    assert f'id="id_{field}_error"' in texts(response)
