"""Secrets that must be readable again (webhook secrets, bridge passwords) are encrypted at rest."""

import base64
import hashlib
from functools import cache
from typing import cast

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


@cache
def _cipher() -> MultiFernet:
    keys = cast(list[str], [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"at-rest:" + key.encode()).digest())) for key in keys]
    )


def encrypt(plain: str) -> str:
    """Text for a database column. Raises nothing."""
    return _cipher().encrypt(plain.encode()).decode()


def decrypt(stored: str) -> str:
    """The plain text. Raises ``cryptography.fernet.InvalidToken`` if the key has changed."""
    return _cipher().decrypt(stored.encode()).decode()
