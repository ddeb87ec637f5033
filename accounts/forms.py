"""What sign-up asks beyond e-mail and password (allauth's ACCOUNT_SIGNUP_FORM_CLASS)."""

from typing import Any

from django import forms
from django.http import HttpRequest

from accounts.models import User
from accounts.services.audit import Actor
from accounts.services.organizations import create_organization


class SignupExtras(forms.Form):
    """Name and organization, both optional. Somebody who follows an invitation needs no organization of their own."""

    name = forms.CharField(
        label="Your name",
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    organization = forms.CharField(
        label="Organization",
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        help_text="Owns the lines and keys. You can rename it later.",
    )
    field_order = ["name", "email", "password1", "organization"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs.setdefault("autofocus", True)

    def signup(self, request: HttpRequest, user: User) -> None:
        """Called by allauth with the new, not yet verified user."""
        user.name = " ".join(self.cleaned_data["name"].split())
        user.save(update_fields=["name"])
        wanted = self.cleaned_data["organization"].strip()
        if request.POST.get("next", "").startswith("/invitations/") and not wanted:
            return
        create_organization(
            user=user,
            name=wanted or suggest_organization_name(user),
            actor=Actor(user=user, label=user.display_name),
        )


def suggest_organization_name(user: User) -> str:
    """``Maya’s organization``"""
    words = user.name.split() or user.email.split("@")[0].replace(".", " ").title().split() or ["My"]
    return f"{words[0][:60]}’s organization"
