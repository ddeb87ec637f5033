"""Pages that exist only in development."""

from datetime import timedelta

from django import forms
from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from core.pages import Page
from dashboard.access import PageRequest, page
from dashboard.charts import Column, Forecast, bar_chart, line_chart
from dashboard.filters import Choice, FilterBar, Search, TimeRange
from dashboard.states import STATES

SHAPE = (390, 340, 260, 180, 110, 60, 44, 90, 230, 380, 410, 300)


class SampleForm(forms.Form):
    """One field of each kind; bound empty, it shows its errors."""

    url = forms.URLField(label="Endpoint URL", assume_scheme="https")
    name = forms.CharField(required=False, help_text="For you; receivers do not see it.")
    kind = forms.ChoiceField(choices=[("all", "All events"), ("some", "Some events")])
    is_on = forms.BooleanField(label="Switched on", required=False, help_text="Deliveries start at once.")


def _samples(request: PageRequest) -> dict[str, object]:
    states = [("failed", "Failed"), ("delivered", "Delivered"), ("held", "Held")]
    columns = [
        Column(name=f"{i * 2:02d}:00", values=[v, v // 30, v // 25 if i > 9 else 0]) for i, v in enumerate(SHAPE)
    ]
    used = [Column(name=f"{i * 2:02d}:00", values=[i * 20 if i < 9 else None]) for i in range(12)]
    return {
        "bar": FilterBar(request, [Search("q", "Id or phone number"), Choice("state", "State", states), TimeRange()]),
        "list_page": Page(rows=[], older="x", newer=None),
        "bars": bar_chart(label="Deliveries", columns=columns, series=["Delivered", "Retried", "Failed"]),
        "line": line_chart(
            label="Reach-outs; the limit is reached at 19:40",
            columns=used,
            series="Reach-outs",
            limit=200,
            forecast=Forecast(steps=3, value=230, word="19:40"),
        ),
        "form": SampleForm({"kind": "all", "url": "no"}),
    }


@page(role="public", methods=("GET", "HEAD"))
def components(request: PageRequest) -> HttpResponse:
    """Every part of the design in all its states."""
    now = timezone.now()
    return render(
        request,
        "dev/components.html",
        {
            "all_states": [(kind, list(states)) for kind, states in STATES.items()],
            "now": now,
            "recently": now - timedelta(minutes=2),
            "long_ago": now - timedelta(days=400),
            "nav_counts": {"unread": 3, "failing": 14},
            "banner": {
                "text": "Concierge US reaches its reach-out limit at about 19:40.",
                "href": "#",
                "action": "See",
            },
            **_samples(request),
        },
    )


@csrf_exempt
@page(role="public", methods=("POST",))
def hook(request: PageRequest) -> HttpResponse:
    """A receiver for the demo's endpoint: takes whatever is delivered."""
    return JsonResponse({"ok": True})


urlpatterns: list[URLPattern] = (
    []
    if settings.PRODUCTION
    else [path("dev/components", components, name="components"), path("dev/hook", hook, name="dev_hook")]
)
