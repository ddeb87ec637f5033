import pytest

from accounts.models import User
from accounts.services.audit import Actor


@pytest.fixture
def as_alice(alice: User) -> Actor:
    return Actor(user=alice, label="Alice Okafor", address="203.0.113.7", user_agent="test")
