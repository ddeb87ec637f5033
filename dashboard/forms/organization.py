from typing import Any

from django import forms

from accounts.models import Role
from accounts.services.organizations import clean_name, clean_slug
from core.errors import AppError
from dashboard.forms.base import PageForm
from dashboard.forms.errors import show_error


class OrganizationForm(PageForm):
    """A new organization."""

    name = forms.CharField(
        label="Organization name",
        help_text="The company or team whose lines these are.",
        max_length=80,
        error_messages={"required": "Give the organization a name."},
    )


class OrganizationSettingsForm(PageForm):
    name = forms.CharField(label="Name", required=False, max_length=200, help_text=" ")
    slug = forms.CharField(
        label="Short name", required=False, max_length=200, help_text="Shown by the CLI. Letters, digits, hyphens."
    )

    def clean(self) -> dict[str, Any]:
        """Both at once; whether a short name is free is known by the service alone."""
        data = super().clean() or self.cleaned_data
        for field, check in (("name", clean_name), ("slug", clean_slug)):
            try:
                data[field] = check(data.get(field, ""))
            except AppError as error:
                show_error(self, error)
        return data


class InvitationForm(PageForm):
    email = forms.CharField(
        label="E-mail",
        required=False,
        max_length=300,
        widget=forms.EmailInput(attrs={"placeholder": "maya@lumen.travel", "data-focus": ""}),
        help_text="They get a link that works for seven days.",
    )
    role = forms.ChoiceField(
        label="Role",
        choices=[("member", "Member"), ("admin", "Admin"), ("owner", "Owner")],
        initial=Role.MEMBER,
        help_text="Members read, admins manage, owners decide on people.",
    )


class DeletionForm(PageForm):
    typed_name = forms.CharField(
        label="Type the organization’s name", required=False, max_length=200, help_text="Exactly as shown."
    )


class TransferForm(PageForm):
    """Chooses the next owner by address: with a thousand members a list is no help."""

    member = forms.CharField(
        label="E-mail of the new owner",
        required=False,
        max_length=300,
        help_text="A member of this organization. You become an admin.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["member"].widget.input_type = "email"
