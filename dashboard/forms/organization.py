from django import forms


class OrganizationForm(forms.Form):
    """A new organization."""

    name = forms.CharField(
        label="Organization name", max_length=80, error_messages={"required": "Give the organization a name."}
    )
