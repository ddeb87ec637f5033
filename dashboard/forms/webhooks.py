"""The form of an endpoint, for adding one and for changing it. Values are checked by the service."""

from typing import Any
from uuid import UUID

from django import forms

from dashboard.forms.base import PageForm
from dashboard.pickers import PickLines
from events.types import PUBLIC_EVENTS
from webhooks_app.catalogue import CATALOGUE
from webhooks_app.models import Endpoint


class EndpointForm(PageForm):
    """URL, events, lines, headers and pace."""

    url = forms.CharField(
        label="URL",
        required=False,
        strip=True,
        max_length=2000,
        widget=forms.TextInput(attrs={"placeholder": "https://api.example.com/hooks/imessage", "inputmode": "url"}),
        help_text="Each event is posted here. HTTPS, on the public internet.",
    )
    description = forms.CharField(
        label="Description", required=False, max_length=120, help_text="For your team, for example what it feeds."
    )
    events = forms.MultipleChoiceField(
        choices=[(name, CATALOGUE[name].fires_when) for name in PUBLIC_EVENTS], required=False
    )
    reach = forms.ChoiceField(choices=(("all", "All lines"), ("some", "Only these")), required=False, initial="all")
    line_ids = forms.TypedMultipleChoiceField(coerce=UUID, required=False)
    headers = forms.CharField(
        label="Headers sent with each request",
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "Authorization: Bearer …", "spellcheck": "false"}),
        required=False,
        help_text="One on each line, as Name: value. Not those of the signature.",
    )
    max_in_flight = forms.IntegerField(
        label="Requests at the same time", required=False, help_text="Empty: 20. At most 200."
    )
    requests_per_second = forms.FloatField(
        label="Requests per second", required=False, help_text="Empty: as fast as it answers."
    )
    is_ordered = forms.BooleanField(required=False)

    def __init__(self, *args: Any, pick: PickLines, endpoint: Endpoint | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("initial", _initial(endpoint) if endpoint else {"events": list(PUBLIC_EVENTS)})
        super().__init__(*args, **kwargs)
        self.endpoint = endpoint
        self.picker = pick(self["line_ids"].value() or ())
        self.fields["line_ids"].choices = [(str(o.key), o.text) for o in self.picker.options]  # type: ignore[attr-defined]

    def clean_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for line in self.cleaned_data["headers"].splitlines():
            name, colon, value = line.partition(":")
            if not line.strip():
                continue
            if not colon:
                raise forms.ValidationError(f"“{line.strip()[:60]}” has no colon. Write Name: value.")
            if name.strip() in headers:
                raise forms.ValidationError(f"“{name.strip()[:60]}” is given twice.")
            headers[name.strip()] = value.strip()
        return headers

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("reach") == "some" and not data.get("line_ids") and "line_ids" not in self.errors:
            self.add_error("line_ids", "Choose at least one line, or all lines.")
        return data

    def changes(self) -> dict[str, Any]:
        """What the services take."""
        data = self.cleaned_data
        names = ("url", "description", "events", "headers", "max_in_flight", "requests_per_second", "is_ordered")
        return {
            **{name: data[name] for name in names},
            "line_ids": data["line_ids"] if data["reach"] == "some" else None,
        }

    @property
    def chosen_events(self) -> set[str]:
        return set(self["events"].value() or ())

    @property
    def is_restricted(self) -> bool:
        return bool(self["reach"].value() == "some")

    @property
    def has_more(self) -> bool:
        """Whether the folded part is shown open: something in it is set or wrong."""
        names = ("headers", "max_in_flight", "requests_per_second", "is_ordered")
        return any(self[name].value() or name in self.errors for name in names)


def _initial(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "url": endpoint.url,
        "description": endpoint.description,
        "events": endpoint.events,
        "reach": "all" if endpoint.line_ids is None else "some",
        "line_ids": [str(line_id) for line_id in endpoint.line_ids or ()],
        "headers": "\n".join(f"{name}: {value}" for name, value in endpoint.headers.items()),
        "max_in_flight": endpoint.max_in_flight,
        "requests_per_second": endpoint.requests_per_second,
        "is_ordered": endpoint.is_ordered,
    }
