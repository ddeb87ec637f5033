"""How allauth's accounts fit ours."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from accounts.addresses import get_client_address


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Our user has no user name; addresses are read as everywhere else, so that throttling cannot be talked out of."""

    def get_client_ip(self, request: HttpRequest) -> str:
        return get_client_address(request) or "0.0.0.0"
