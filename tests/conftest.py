"""alice owns Lumen, bob is on its team, charlie owns another organization and must see nothing of Lumen."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import TransactionTestCase
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts.models import ApiKey, Membership, Organization, Role, User
from accounts.scopes import SCOPES
from accounts.tokens import hash_token, new_token, visible_prefix
from lines.models import Line
from messaging.models import Chat
from tests.emptying import empty_tables

pytest_plugins = ["tests.live", "tests.chromium"]


def pytest_collection_finish() -> None:
    """What is loaded stays, and a test makes little garbage: looking for it is a tenth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def quick_emptying() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_tables)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_look_at_static_files() -> Iterator[None]:
    """Each client of a test makes the middleware anew, which would look at every static file again."""
    look, found = WhiteNoiseMiddleware.add_files_from_finders, dict[str, Any]()

    def look_once(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            look(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look_once)
        yield


@pytest.fixture(autouse=True)
def fast_passwords(settings: Any) -> None:
    """A slow hash is right for people and costs a test half a second a person."""
    settings.PASSWORD_HASHERS = ["tests.passwords.FastPasswords"]


def make_user(email: str, name: str = "") -> User:
    user = User.objects.create_user(email, "correct horse battery", name=name)
    user.emailaddress_set.create(email=email, verified=True, primary=True)
    return user


@pytest.fixture
def lumen(db: Any) -> Organization:
    return Organization.objects.create(name="Lumen Travel", slug="lumen")


@pytest.fixture
def alice(lumen: Organization) -> User:
    user = make_user("alice@lumen.example", "Alice Okafor")
    Membership.objects.create(organization=lumen, user=user, role=Role.OWNER)
    return user


@pytest.fixture
def bob(lumen: Organization) -> User:
    user = make_user("bob@lumen.example", "Bob Kim")
    Membership.objects.create(organization=lumen, user=user, role=Role.MEMBER)
    return user


@pytest.fixture
def dana(lumen: Organization) -> User:
    """An admin of Lumen."""
    user = make_user("dana@lumen.example", "Dana Cruz")
    Membership.objects.create(organization=lumen, user=user, role=Role.ADMIN)
    return user


@pytest.fixture
def other(db: Any) -> Organization:
    return Organization.objects.create(name="Other Co", slug="other")


@pytest.fixture
def charlie(other: Organization) -> User:
    user = make_user("charlie@other.example", "Charlie Vos")
    Membership.objects.create(organization=other, user=user, role=Role.OWNER)
    return user


@pytest.fixture
def make_key(db: Any) -> Callable[..., tuple[ApiKey, str]]:
    """``key, token = make_key(lumen, scopes=[…], line_ids=[…])``"""

    def make(organization: Organization, **fields: Any) -> tuple[ApiKey, str]:
        token = new_token()
        fields.setdefault("scopes", list(SCOPES))
        fields.setdefault("name", "test key")
        key = ApiKey.objects.create(
            organization=organization, token_hash=hash_token(token), prefix=visible_prefix(token), **fields
        )
        return key, token

    return make


@pytest.fixture
def line(lumen: Organization) -> Line:
    """A dedicated simulated line of Lumen."""
    return Line.objects.create(organization=lumen, handle="+15550100042", label="Concierge US")


@pytest.fixture
def chat(line: Line, lumen: Organization) -> Chat:
    """A direct chat on ``line`` whose contact has written."""
    return Chat.objects.create(
        organization=lumen,
        line=line,
        key="d:+15550100144",
        identifier="+15550100144",
        guids=["any;-;+15550100144"],
        participants=["+15550100144"],
        has_received_inbound=True,
    )
