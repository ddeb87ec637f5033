"""API key tokens: ``sk_live_`` + 32 random base62 characters + 6 of checksum.

The checksum lets a scanner recognise a leaked key and lets us refuse a mistyped one without a look-up.
"""

import hashlib
import secrets
import string
import zlib

PREFIX = "sk_live_"
SECRET_LENGTH, CHECKSUM_LENGTH = 32, 6
VISIBLE_LENGTH = len(PREFIX) + 4
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ALLOWED = frozenset(ALPHABET)


def _checksum(secret: str) -> str:
    number = zlib.crc32((PREFIX + secret).encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        digits = ALPHABET[index] + digits
    return digits


def new_token() -> str:
    """A fresh token, 46 characters, about 190 bits of chance."""
    return token_of_secret("".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH)))


def token_of_secret(secret: str) -> str:
    """The token of 32 given characters."""
    return PREFIX + secret + _checksum(secret)


def is_well_formed(token: str) -> bool:
    """Whether the text is a token that could have been issued: prefix, length, alphabet and checksum."""
    body = token[len(PREFIX) :]
    if not token.startswith(PREFIX) or len(body) != SECRET_LENGTH + CHECKSUM_LENGTH:
        return False
    if not _ALLOWED.issuperset(body):
        return False
    return _checksum(body[:SECRET_LENGTH]) == body[SECRET_LENGTH:]


def hash_token(token: str) -> bytes:
    """What is stored: SHA-256 of the whole token. The secret is long and random, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).digest()


def visible_prefix(token: str) -> str:
    """``sk_live_ab12``"""
    return token[:VISIBLE_LENGTH]
