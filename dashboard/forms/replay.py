"""What to replay for one endpoint."""

from datetime import datetime
from typing import Any

from django import forms

from core.clock import now
from dashboard.forms.base import PageForm, TimeInput

ONLY_WORDS = (
    ("missing", "What it has not accepted: failed, held, cancelled, and events from before it existed"),
    ("failed", "Only what was given up after every try"),
    ("all", "Everything, also what it has accepted already"),
)


class EndpointReplayForm(PageForm):
    """Since when, until when, and how much of it."""

    since = forms.DateTimeField(label="Since", widget=TimeInput(), help_text="{zone}.")
    until = forms.DateTimeField(
        label="Until", widget=TimeInput(), required=False, help_text="{zone}. Empty: until now."
    )
    only = forms.ChoiceField(choices=ONLY_WORDS, initial="missing")

    def clean_since(self) -> datetime:
        since: datetime = self.cleaned_data["since"]
        if since >= now():
            raise forms.ValidationError("Choose a time in the past.")
        return since

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("since") and data.get("until") and data["until"] <= data["since"]:
            self.add_error("until", "Choose a time after the first one.")
        return data
