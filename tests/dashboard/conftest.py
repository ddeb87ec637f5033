"""Browsers without scripts in which people of Lumen are signed in."""

import pytest
from django.test import Client

from accounts.models import User


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def owner(alice: User) -> Client:
    return sign_in(alice)


@pytest.fixture
def member(bob: User) -> Client:
    return sign_in(bob)
