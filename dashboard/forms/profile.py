from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from dashboard.forms.base import PageForm


@cache
def _zones() -> tuple[tuple[str, str], ...]:
    named = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix/")))
    return (("", "The browser’s"), ("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in named))


@cache
def _draw_zones(chosen: str) -> SafeString:
    """Hundreds of options, drawn once per process for each zone that somebody has."""
    return mark_safe(
        "".join(
            format_html('<option value="{}"{}>{}</option>', zone, " selected" if zone == chosen else "", words)
            for zone, words in _zones()
        )
    )


class ZoneSelect(forms.Select):
    """A select whose options are not drawn anew for every page."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        known = value if value in dict(_zones()) else ""
        attributes = flatatt({**self.build_attrs(self.attrs, attrs), "name": name})
        return format_html("<select{}>{}</select>", attributes, _draw_zones(known))


class AccountDeletionForm(PageForm):
    typed_email = forms.CharField(
        label="Type your e-mail address", required=False, max_length=300, help_text="Exactly as shown."
    )


class ProfileForm(PageForm):
    name = forms.CharField(label="Name", required=False, max_length=120, help_text="How others see you.")
    time_zone = forms.ChoiceField(
        label="Time zone",
        choices=_zones,
        widget=ZoneSelect,
        required=False,
        help_text="Times on every page; UTC stands in the tooltip.",
    )
    has_shortcuts = forms.BooleanField(label="Keyboard shortcuts", required=False)
