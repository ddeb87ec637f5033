"""Pages that exist only in development."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone

from dashboard.access import PageRequest, page
from dashboard.states import STATES


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
        },
    )


urlpatterns: list[URLPattern] = [] if settings.PRODUCTION else [path("dev/components", components, name="components")]
