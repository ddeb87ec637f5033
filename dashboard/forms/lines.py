"""Forms of the line pages."""

from django import forms

from dashboard.forms.base import PageForm
from lines.services.alerts import ALERT_LIMITS


class NewLineForm(PageForm):
    """A simulated line."""

    label = forms.CharField(max_length=80, required=False, label="Label", help_text="What you call it.")
    handle = forms.CharField(
        max_length=120, required=False, label="Number", help_text="Empty: a free +1 555 010 number, kept for fiction."
    )


class LineRequestForm(PageForm):
    handle = forms.CharField(
        max_length=120, label="Number or Apple ID", help_text="With its country code, such as +14155550142."
    )
    note = forms.CharField(
        required=False,
        label="Note to the operator",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Which Mac it is on, by when you need it.",
    )


class LineSettingsForm(PageForm):
    label = forms.CharField(max_length=80, required=False, label="Label", help_text="Empty: the number is shown.")
    warmup_days = forms.IntegerField(
        min_value=0,
        max_value=365,
        required=False,
        label="Warm-up, days",
        help_text="Limits start at a tenth and grow each day. 0 switches it off.",
    )


class AlertForm(PageForm):
    limit = forms.ChoiceField(choices=list(ALERT_LIMITS.items()), label="Limit")
    percent = forms.IntegerField(
        min_value=1, max_value=100, label="From per cent", initial=80, help_text="Of the limit, 1 to 100."
    )
    emails = forms.CharField(
        required=False, max_length=1000, label="E-mail to", help_text="Addresses with commas. Empty: the admins."
    )
    url = forms.CharField(
        required=False, max_length=500, label="Webhook URL", help_text="Gets a POST with the numbers as JSON."
    )
    is_for_all = forms.BooleanField(
        required=False, label="For every line", help_text="Also for those that are added later."
    )


class DeleteLineForm(PageForm):
    handle = forms.CharField(max_length=120, required=False, label="Type the line's number to delete it")
