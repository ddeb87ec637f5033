"""Who logs in: an OAuth access token to a person."""

import hashlib

from oauth2_provider.models import get_access_token_model

from accounts.models import User
from core.errors import AuthenticationError


def identify_person(authorization: str | None) -> User:
    """The owner of an access token. Raises 401 ``invalid_access_token``."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    digest = hashlib.sha256(token.strip().encode()).hexdigest()
    found = None
    if scheme.lower() == "bearer" and token:
        rows = get_access_token_model().objects.select_related("user")
        found = rows.filter(token_checksum=digest).first()
    if found is None or found.user is None or not found.is_valid(["profile"]) or not found.user.is_active:
        raise AuthenticationError("invalid_access_token", "Log in again: this access token is unknown or has expired.")
    person: User = found.user
    return person
