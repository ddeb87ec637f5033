"""How allauth's accounts fit ours."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from accounts.addresses import get_client_address

WRONG_CODE = "This code is wrong or used up. Enter the newest one."


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Our user has no user name; addresses are read as everywhere else, so that throttling cannot be talked out of."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "E-mail or password is wrong. After five tries there is a pause of five minutes.",
        "too_many_login_attempts": "Too many tries. Wait five minutes, or choose a new password.",
        "duplicate_email": "This address is yours already.",
        "incorrect_password": "This is not your password.",
        "incorrect_code": WRONG_CODE,
        "enter_current_password": "This is not your present password.",
        "account_inactive": "This account is switched off. Ask the operator of this server.",
        "rate_limited": "Too many tries. Wait a minute.",
    }

    def get_client_ip(self, request: HttpRequest) -> str:
        return get_client_address(request) or "0.0.0.0"


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": WRONG_CODE}
