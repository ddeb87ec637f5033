"""How allauth's accounts fit ours."""

from allauth.account.adapter import DefaultAccountAdapter


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Default behaviour; our user has no user name."""
