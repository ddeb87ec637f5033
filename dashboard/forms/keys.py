"""The form of an API key, for making one and for changing it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms

from accounts.models import ApiKey
from accounts.scopes import SCOPES
from accounts.services.keys import find_problems
from core.clock import now
from dashboard.forms.base import PageForm, TimeInput
from dashboard.pickers import PickLines

LIFETIMES = (("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"), ("date", "On a date…"))
OVERLAPS = (
    ("0", "Stops now"),
    ("3600", "Works for 1 more hour"),
    ("86400", "Works for 24 more hours"),
    ("604800", "Works for 7 more days"),
    ("date", "Works until…"),
)
LIST_HINT = "One on each line. Empty: no restriction."


class KeyForm(PageForm):
    """Name, scopes, lines, expiry and limits of a key. Values are checked by the service."""

    name = forms.CharField(
        widget=forms.TextInput(attrs={"data-focus": ""}),
        label="Name",
        help_text="Where it runs, for example prod-agent.",
        required=False,
        strip=True,
        max_length=200,
    )
    lifetime = forms.ChoiceField(label="Expires", choices=LIFETIMES, required=False, help_text=" ")
    expires_at = forms.DateTimeField(
        label="Expires at", widget=TimeInput(), required=False, help_text="{zone}. Only with “On a date”."
    )
    scopes = forms.MultipleChoiceField(choices=[(scope, scope) for scope in SCOPES], required=False)
    reach = forms.ChoiceField(choices=(("all", "All lines"), ("some", "Only these")), required=False, initial="all")
    line_ids = forms.TypedMultipleChoiceField(coerce=UUID, required=False)
    allowed_networks = forms.CharField(
        label="Addresses it may be used from",
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "203.0.113.0/24"}),
        required=False,
        help_text=LIST_HINT,
    )
    allowed_recipients = forms.CharField(
        label="Recipients it may write to",
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "+16285550144\n+44*\n*@lumen.travel"}),
        required=False,
        help_text=LIST_HINT,
    )
    requests_per_hour = forms.IntegerField(
        label="Requests per hour", required=False, help_text="Empty: the default. 0: no limit."
    )
    daily_send_budget = forms.IntegerField(
        label="Sends per day", required=False, help_text="Counted per UTC day. Empty: no limit."
    )

    def __init__(self, *args: Any, pick: PickLines, key: ApiKey | None = None, **kwargs: Any) -> None:
        if key is not None:
            kwargs.setdefault("initial", _initial(key))
        super().__init__(*args, **kwargs)
        self.key = key
        self.picker = pick(self["line_ids"].value() or ())
        self.fields["line_ids"].choices = [(str(o.key), o.text) for o in self.picker.options]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("lifetime") == "date" and not data.get("expires_at") and "expires_at" not in self.errors:
            self.add_error("expires_at", "Choose the day on which the key ends.")
        for problem in find_problems(self._read(data), self.key.expires_at if self.key else None):
            self.add_error(problem.param, problem.message)
        return data

    def changes(self) -> dict[str, Any]:
        """What the services take."""
        return self._read(self.cleaned_data)

    def _read(self, data: dict[str, Any]) -> dict[str, Any]:
        """The settings whose fields can be read."""
        plain = ("name", "scopes", "requests_per_hour", "daily_send_budget")
        values: dict[str, Any] = {name: data[name] for name in plain if name in data}
        if "line_ids" in data and "reach" in data:
            values["line_ids"] = data["line_ids"] if data["reach"] == "some" else None
        if "lifetime" in data and "expires_at" in data:
            values["expires_at"] = self._expiry(data["lifetime"], data["expires_at"])
        if "allowed_networks" in data:
            values["allowed_networks"] = data["allowed_networks"].split()
        if "allowed_recipients" in data:
            lines = data["allowed_recipients"].splitlines()
            values["allowed_recipients"] = [line.strip() for line in lines if line.strip()]
        return values

    def _expiry(self, lifetime: str, chosen: datetime | None) -> datetime | None:
        if lifetime != "date":
            return now() + timedelta(days=int(lifetime)) if lifetime else None
        present = self.key.expires_at if self.key else None
        return present if present and chosen and _minute(present) == _minute(chosen) else chosen

    @property
    def chosen_scopes(self) -> set[str]:
        value = self["scopes"].value()
        return set(value or ())

    @property
    def is_restricted(self) -> bool:
        return bool(self["reach"].value() == "some")


class RollForm(PageForm):
    """How long the old key goes on."""

    overlap = forms.ChoiceField(label="The old key", choices=OVERLAPS, initial="86400", help_text=" ")
    until = forms.DateTimeField(
        label="Until", widget=TimeInput(), required=False, help_text="{zone}, at most 30 days. Only with “Works until”."
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("overlap") == "date" and "until" not in self.errors:
            if not data.get("until"):
                self.add_error("until", "Choose the time at which the old key ends.")
            elif not now() < data["until"] <= now() + timedelta(days=30):
                self.add_error("until", "Choose a time within the next 30 days.")
        return data

    @property
    def overlap_seconds(self) -> int:
        if self.cleaned_data["overlap"] == "date":
            return max(1, int((self.cleaned_data["until"] - now()).total_seconds()))
        return int(self.cleaned_data["overlap"])


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _initial(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "lifetime": "date" if key.expires_at else "",
        "expires_at": key.expires_at,
        "scopes": key.scopes,
        "reach": "all" if key.line_ids is None else "some",
        "line_ids": [str(line_id) for line_id in key.line_ids or ()],
        "allowed_networks": "\n".join(key.allowed_networks),
        "allowed_recipients": "\n".join(key.allowed_recipients),
        "requests_per_hour": key.requests_per_hour,
        "daily_send_budget": key.daily_send_budget,
    }
