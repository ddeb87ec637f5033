"""The event catalogue: what each event is, its schema, an example, who takes it."""

import json
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from core.ids import DELIVERY
from dashboard.access import PageRequest, page
from dashboard.webhooks.endpoints import describe_endpoint
from lines.selectors import name_lines
from webhooks_app.catalogue import CATALOGUE, build_example
from webhooks_app.selectors import count_takers, list_takers

SENT_AT = 1_760_000_000_123


@page(role="member", methods=("GET", "HEAD"))
def events(request: PageRequest) -> HttpResponse:
    takers = count_takers(organization_id=request.organization.id)
    kinds = [(kind, takers.get(kind.name, 0)) for kind in CATALOGUE.values()]
    return render(request, "dashboard/webhooks/events.html", {"kinds": kinds, "tab": "events"})


@page(role="member", methods=("GET", "HEAD"))
def event(request: PageRequest, event_type: str) -> HttpResponse:
    kind = CATALOGUE[event_type]
    takers = list_takers(organization_id=request.organization.id, event=kind.name)
    names = name_lines(organization=request.organization, keys=[one for e in takers for one in e.line_ids or ()])
    body = {
        "event": kind.name,
        "data": build_example(kind.name, sent_at=SENT_AT),
        "timestamp": SENT_AT + 640,
        "delivery_id": f"{DELIVERY}_0197f3a25c4e7b1f9d3c6a8e2b4d5f75",
    }
    data = kind.schema["properties"]["data"]
    context = {
        "kind": kind,
        "example": json.dumps(body, indent=2),
        "schema": json.dumps(kind.schema, indent=2),
        "members": [_describe_member(name, data) for name in data["properties"]],
        "rows": [describe_endpoint(endpoint, names) for endpoint in takers],
        "kinds": list(CATALOGUE),
        "tab": "events",
    }
    return render(request, "dashboard/webhooks/event.html", context)


def _describe_member(name: str, data: dict[str, Any]) -> dict[str, object]:
    rule = data["properties"][name]
    kind = rule.get("type")
    words = " or ".join(kind) if isinstance(kind, list) else str(kind or "")
    values = rule.get("enum")
    if isinstance(values, list):
        words = ", ".join(map(str, values))
    elif "const" in rule:
        words = json.dumps(rule["const"])
    return {"name": name, "type": words, "text": rule.get("description", ""), "is_required": name in data["required"]}


urlpatterns = [
    path("webhooks/events", events, name="webhook_events"),
    *(
        path(f"webhooks/events/{name}", event, {"event_type": name}, name=f"webhook_event_{name.replace('.', '_')}")
        for name in CATALOGUE
    ),
]
