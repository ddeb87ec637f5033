"""A request as it was received, to be checked."""

from typing import Any

from django import forms

from dashboard.forms.base import PageForm

MOST_CHARACTERS = 1_000_000


class DebuggerForm(PageForm):
    """Headers, body and secret. The body is taken as it is pasted: not stripped, line ends as they were."""

    headers = forms.CharField(
        label="Headers as received",
        widget=forms.Textarea(attrs={"rows": 7, "spellcheck": "false", "class": "form-control mono"}),
        required=False,
        max_length=20_000,
        help_text="One on each line, as Name: value. Others may be among them.",
    )
    body = forms.CharField(
        label="Body as received",
        widget=forms.Textarea(attrs={"rows": 9, "spellcheck": "false", "class": "form-control mono"}),
        required=False,
        strip=False,
        max_length=MOST_CHARACTERS,
        help_text="The raw bytes, before anything has parsed them.",
    )
    secret = forms.CharField(
        label="Secret",
        widget=forms.TextInput(attrs={"class": "form-control mono", "spellcheck": "false"}),
        required=False,
        max_length=500,
        help_text="As your server has it. It is used for this check and not kept.",
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for name, text in (
            ("headers", "Paste the headers of the request."),
            ("body", "Paste the body of the request."),
            ("secret", "Give the secret your server verifies with."),
        ):
            if name not in self.errors and not str(data.get(name, "")).strip():
                self.add_error(name, text)
        return data

    @property
    def raw_body(self) -> bytes:
        """Forms send CRLF for each line end; a body that was pasted had plain ones."""
        text: str = self.cleaned_data["body"]
        return text.replace("\r\n", "\n").encode()
