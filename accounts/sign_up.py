"""allauth's sign-up form in our words. Apart from ``accounts.forms``, which allauth's own form is built upon."""

from typing import Any

from allauth.account.forms import SignupForm

PASSWORD_HINT = "At least ten characters, none that many others use."


class PlainSignupForm(SignupForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "E-mail"
        self.fields["password1"].help_text = PASSWORD_HINT
        for name in ("email", "password1"):
            self.fields[name].widget.attrs.pop("placeholder", None)
