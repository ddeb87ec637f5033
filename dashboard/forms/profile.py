from zoneinfo import available_timezones

from django import forms

from dashboard.forms.base import PageForm


def _zones() -> list[tuple[str, str]]:
    named = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix/")))
    return [("", "The browser’s"), ("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in named)]


class ProfileForm(PageForm):
    name = forms.CharField(label="Name", required=False, max_length=120, help_text="How others see you.")
    time_zone = forms.ChoiceField(
        label="Time zone", choices=_zones, required=False, help_text="Times on every page; UTC stands in the tooltip."
    )
    has_shortcuts = forms.BooleanField(label="Keyboard shortcuts", required=False)
