"""Keys found where they should not be: revoked at once, and the admins are told."""

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.models import ApiKey, Role, User
from accounts.services.audit import Actor
from accounts.services.keys import revoke_key
from accounts.services.mail import send_mail_to
from accounts.tokens import hash_token, is_well_formed

MOST_TOKENS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class LeakedToken:
    """A token somebody found, and where: the address of the page, as the scanner gave it."""

    token: str
    url: str = ""


def report_leaked_tokens(*, tokens: Iterable[LeakedToken], source: str) -> dict[str, bool]:
    """Revokes every key among the tokens. Answers, per visible beginning of a token, whether it was one of ours.

    Whoever holds a token can use it, so holding it is right enough to end it: the caller needs no other proof.
    """
    found: dict[str, bool] = {}
    for leaked in list(tokens)[:MOST_TOKENS]:
        key = _find(leaked.token)
        found[leaked.token] = key is not None
        if key is not None and key.revoked_at is None:
            _end(key, leaked, source)
    return found


def _find(token: str) -> ApiKey | None:
    if not is_well_formed(token):
        return None
    return ApiKey.objects.select_related("organization").filter(token_hash=hash_token(token)).first()


def _end(key: ApiKey, leaked: LeakedToken, source: str) -> None:
    revoke_key(key=key, actor=Actor(label=f"secret scanning ({source[:60]})"), reason="leaked")
    admins = User.objects.filter(
        memberships__organization=key.organization_id, memberships__role__in=[Role.OWNER, Role.ADMIN], is_active=True
    ).distinct()
    for email in admins.values_list("email", flat=True):
        send_mail_to(
            email,
            "key_leaked",
            {"key": key, "organization": key.organization, "url": leaked.url[:500], "source": source},
        )
