"""Forms of the operator area."""

from django import forms

from accounts.features import FEATURES
from dashboard.forms.base import PageForm


class SuspendForm(PageForm):
    reason = forms.CharField(max_length=200, help_text="Shown to its members.")


class LimitsForm(PageForm):
    """Empty numbers mean the installation's default."""

    sandbox_daily_messages = forms.IntegerField(
        label="Sandbox messages a day",
        required=False,
        min_value=0,
        max_value=1_000_000,
        help_text="Empty = the default.",
    )
    requests_per_hour = forms.IntegerField(
        label="Requests an hour and key", required=False, min_value=0, max_value=100_000_000,
        help_text="Empty = the default, 0 = no limit.",
    )  # fmt: skip

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        for name, label in FEATURES.items():
            self.fields[name] = forms.BooleanField(label=label, required=False)

    @property
    def features(self) -> dict[str, bool]:
        return {name: bool(self.cleaned_data.get(name)) for name in FEATURES}


class AnswerForm(PageForm):
    """An operator's answer to a request for a line."""

    status = forms.ChoiceField(choices=[("done", "Connected"), ("declined", "Declined")])
    answer = forms.CharField(required=False, max_length=300)
