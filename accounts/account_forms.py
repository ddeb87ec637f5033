"""allauth's forms in our words: what to enter, not "this field is required". Apart from ``accounts.forms``, which
allauth's own sign-up form is built upon."""

from typing import Any

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from django import forms

PASSWORD_HINT = "At least ten characters, none that many others use."
WRONG_EMAIL = "Enter an e-mail address such as maya@lumen.travel."
ASKS = {
    "login": "Enter your e-mail address.",
    "email": "Enter your e-mail address.",
    "password": "Enter your password.",
    "oldpassword": "Enter your present password.",
    "password1": "Choose a password.",
    "password2": "Enter the new password a second time.",
    "code": "Enter the code.",
}


class InOurWords(forms.Form):
    """Before one of allauth's forms among the bases."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.error_messages["required"] = ASKS.get(name, field.error_messages.get("required", ""))
            field.widget.attrs.pop("placeholder", None)
            if isinstance(field, forms.EmailField):
                for validator in field.validators:
                    validator.message = WRONG_EMAIL  # type: ignore[attr-defined]
            if name == "password1":
                field.help_text = PASSWORD_HINT


class LoginForm(InOurWords, account.LoginForm):  # type: ignore[misc]
    pass


class SignupForm(InOurWords, account.SignupForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "E-mail"


class AddEmailForm(InOurWords, account.AddEmailForm):  # type: ignore[misc]
    pass


class ChangePasswordForm(InOurWords, account.ChangePasswordForm):  # type: ignore[misc]
    pass


class SetPasswordForm(InOurWords, account.SetPasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordForm(InOurWords, account.ResetPasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordKeyForm(InOurWords, account.ResetPasswordKeyForm):  # type: ignore[misc]
    pass


class ReauthenticateForm(InOurWords, account.ReauthenticateForm):  # type: ignore[misc]
    pass


class CodeForm(InOurWords, mfa.AuthenticateForm):  # type: ignore[misc]
    pass


class CodeAgainForm(InOurWords, mfa.ReauthenticateForm):  # type: ignore[misc]
    pass


class AppForm(InOurWords, totp.ActivateTOTPForm):  # type: ignore[misc]
    pass
