"""Signing in as a person would, and what they need before the journey starts."""

from dataclasses import dataclass
from typing import Any

from tests.live import Account, Product


@dataclass
class Scene:
    """An account with a simulated line and a contact's phone, made over HTTP."""

    account: Account
    line: dict[str, Any]
    phone: str

    def write(self, product: Product, text: str) -> dict[str, Any]:
        """The contact writes; returns the phone's message."""
        answer = product.call(
            "POST",
            f"/simulator/v1/phones/{self.phone.replace('+', '%2B')}/messages",
            token=self.account.token,
            content={"to": self.line["handle"], "text": text},
        )
        assert answer.status in (200, 201), answer.body
        return answer.json()

    def send(self, product: Product, text: str) -> dict[str, Any]:
        """Our code sends; returns the outbox item."""
        answer = product.call(
            "POST",
            "/v1/messages",
            token=self.account.token,
            content={"from": self.line["handle"], "to": self.phone, "text": text},
        )
        assert answer.status == 201, answer.body
        return answer.json()


def make_scene(product: Product) -> Scene:
    account = product.make_account()
    line = product.call("POST", "/simulator/v1/lines", token=account.token, content={"label": "Concierge US"})
    assert line.status in (200, 201), line.body
    phone = product.call("POST", "/simulator/v1/phones", token=account.token, content={"name": "Maya"})
    assert phone.status in (200, 201), phone.body
    return Scene(account, line.json(), phone.json()["handle"])


def sign_in(page: Any, product: Product, account: Account) -> None:
    page.goto(product.base_url + "/account/login/")
    page.locator("#id_login").fill(account.user.email)
    page.locator("#id_password").fill(account.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/account/login" not in url, wait_until="commit", timeout=30_000)
