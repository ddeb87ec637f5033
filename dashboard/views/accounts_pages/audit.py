"""The audit log: filter, page, export."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path

from accounts.models import AuditEntry
from accounts.selectors import AuditFilter, filter_audit_entries, list_audit_actors, list_audit_entries
from core.clock import now
from dashboard.access import PageRequest, page
from dashboard.csv_rows import write_rows
from dashboard.filters import LONG_PRESETS, Choice, FilterBar, Search, TimeRange
from dashboard.palette_objects import address_of

ACTIONS = (
    "api_key.created",
    "api_key.updated",
    "api_key.rolled",
    "api_key.restored",
    "api_key.revoked",
    "member.role_changed",
    "member.text_right_changed",
    "member.removed",
    "member.left",
    "invitation.created",
    "invitation.resent",
    "invitation.revoked",
    "invitation.restored",
    "invitation.accepted",
    "organization.created",
    "organization.updated",
    "organization.transferred",
    "organization.deletion_scheduled",
    "organization.deletion_cancelled",
    "organization.suspended",
    "organization.unsuspended",
    "organization.limits_changed",
    "impersonation.started",
    "impersonation.stopped",
    "line.created",
    "line.renamed",
    "line.paused",
    "line.resumed",
    "line.strict",
    "line.lenient",
    "line.warmup",
    "line.deleted",
    "line.requested",
    "line.request_closed",
    "alert.added",
    "alert.removed",
    "alert.restored",
    "sandbox.opened",
    "sandbox.reset",
    "webhook.created",
    "webhook.updated",
    "webhook.switched_on",
    "webhook.switched_off",
    "webhook.tested",
    "webhook.secret_revealed",
    "webhook.secret_staged",
    "webhook.secret_activated",
    "webhook.deleted",
    "delivery.replayed",
    "replay.started",
    "replay.paused",
    "replay.resumed",
    "replay.cancelled",
    "message.reacted_from_dashboard",
    "message.sent_from_dashboard",
    "message.tried_again",
    "conversation.opened",
    "conversation.unmasked",
    "conversation.exported",
)
COLUMNS = ("time", "actor", "impersonator", "action", "target", "target_id", "before", "after", "address", "agent")


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One member of an entry, before and after, as text."""

    name: str
    before: str
    after: str


@page(role="admin", methods=("GET", "HEAD"))
def index(request: PageRequest) -> HttpResponse:
    bar = _make_bar(request)
    found = list_audit_entries(
        organization=request.organization,
        narrowed=_read_filter(bar),
        before=request.GET.get("before"),
        after=request.GET.get("after"),
    )
    rows = [(entry, list_changes(entry), _link(entry)) for entry in found.rows]
    context = {"page": found, "bar": bar, "rows": rows}
    return render(request, "dashboard/settings/audit.html", context)


@page(role="admin", methods=("GET",))
def export(request: PageRequest) -> StreamingHttpResponse:
    """The same filter as CSV, row by row: memory does not grow with the log."""
    entries = filter_audit_entries(request.organization, _read_filter(_make_bar(request))).order_by("-id")
    lines = write_rows(COLUMNS, _cells(entries.iterator(chunk_size=500)), mark="")
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"audit-{request.organization.slug}-{now():%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def list_changes(entry: AuditEntry) -> list[Change]:
    names = [*entry.before, *(name for name in entry.after if name not in entry.before)]
    return [
        Change(
            name=name.replace("_", " "),
            before=_text(entry.before[name]) if name in entry.before else "",
            after=_text(entry.after[name]) if name in entry.after else "",
        )
        for name in names
    ]


def _text(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and len(value) > 6:
        return f"{', '.join(str(part) for part in value[:4])} and {len(value) - 4} more"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value) or "none"
    return str(value)


def _link(entry: AuditEntry) -> str:
    """The page of what was changed, unless it is gone."""
    return "" if entry.action.endswith(".deleted") else address_of(entry.target_id)


def _make_bar(request: PageRequest) -> FilterBar:
    actors = list_audit_actors(organization=request.organization)
    return FilterBar(
        request,
        [
            Search("q", "Who, what was changed, or its id"),
            Choice("actor", "By", [(str(actor.pk), actor.display_name) for actor in actors], single=True),
            Choice("action", "Action", [(action, action) for action in ACTIONS]),
            TimeRange(presets=LONG_PRESETS),
        ],
    )


def _read_filter(bar: FilterBar) -> AuditFilter:
    actor = next(iter(bar.values("actor")), "")
    return AuditFilter(
        actor_id=int(actor) if actor else None,
        actions=bar.values("action"),
        text=bar.text().replace("\x00", "")[:80],
        since=bar.since,
        until=bar.until,
    )


def _cells(entries: Iterator[AuditEntry]) -> Iterator[tuple[str, ...]]:
    for entry in entries:
        yield (
            entry.created_at.isoformat(timespec="milliseconds"),
            entry.actor_label,
            entry.impersonator.email if entry.impersonator else "",
            entry.action,
            entry.target_label,
            entry.target_id,
            json.dumps(entry.before, ensure_ascii=False),
            json.dumps(entry.after, ensure_ascii=False),
            entry.address or "",
            entry.user_agent,
        )


urlpatterns = [
    path("settings/audit", index, name="audit"),
    path("settings/audit.csv", export, name="audit_export"),
]
