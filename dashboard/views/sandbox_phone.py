"""The sandbox phone: a virtual phone in the browser, and what the person's code sees of it."""

from typing import Any

from django.conf import settings
from django.contrib import messages as flash
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.http import urlencode

from core.errors import AppError
from dashboard.access import PageRequest, page
from dashboard.phone_screen import build_screen, list_seen_events
from lines.selectors import list_simulated_lines
from lines.services.sandbox import get_sandbox
from messaging.services.simulated import report_events
from transports.simulator.models import LineScenario, VirtualPhone
from transports.simulator.network import (
    create_phone,
    get_phone,
    list_phones,
    phone_key,
    react_from_phone,
    read_on_phone,
    send_from_phone,
    set_scenario,
    unsend_on_phone,
)

# What the next message to the phone does: name of the scenario, words, explanation, options
CHOICES: tuple[tuple[str, str, str, dict[str, float]], ...] = (
    ("normal", "Arrives", "Sent, delivered, read", {}),
    ("delay", "Arrives after 5 seconds", "To see sent before delivered", {}),
    ("fails_once", "Fails once, then arrives", "Transient: attempt 2 of 3", {}),
    ("offline_phone", "Never arrives", "Sent, but no delivery receipt", {}),
    ("not_registered", "Is refused", "Recipient is not on iMessage", {}),
)


def _here(phone: VirtualPhone | None, to: str) -> str:
    query = {"phone": phone.handle if phone else "", "to": to}
    return "/sandbox-phone?" + urlencode({k: v for k, v in query.items() if v})


def _chosen(request: PageRequest) -> tuple[VirtualPhone | None, list[VirtualPhone], str]:
    """The phone and the line handle that the page is about, from the query or the form."""
    phones = list_phones(owner_id=request.organization.id)
    wanted = request.POST.get("phone") or request.GET.get("phone") or ""
    phone = next((p for p in phones if p.handle == wanted), None if wanted else (phones[0] if phones else None))
    if wanted and phone is None:
        raise Http404
    to = request.POST.get("to") or request.GET.get("to") or settings.SANDBOX_LINE_HANDLE
    return phone, phones, to


def _context(request: PageRequest) -> dict[str, Any]:
    phone, phones, to = _chosen(request)
    lines = list_simulated_lines(organization=request.organization, handle=to)
    sandbox = get_sandbox(organization=request.organization)
    handles = [line.handle for line in lines]
    if to not in handles and to != sandbox.sandbox_line_handle:
        raise Http404
    scenario = LineScenario.objects.filter(pk=phone_key(to, phone.handle)).first() if phone else None
    is_sandbox = to == sandbox.sandbox_line_handle
    return {
        "phone": phone,
        "phones": phones,
        "to": to,
        "lines": lines,
        "to_line": next((line for line in lines if line.handle == to), None),
        "is_sandbox": is_sandbox,
        "sandbox": sandbox,
        "is_paired": bool(phone and sandbox.contact_identifier == phone.handle),
        "is_unheard": bool(phone and is_sandbox and sandbox.contact_identifier not in (None, "", phone.handle)),
        "prefill": sandbox.activation_code if is_sandbox and sandbox.status == "pending" else "",
        "choices": CHOICES,
        "scenario": scenario.name if scenario else "normal",
        "screen": build_screen(phone, to) if phone else None,
        "seen": list_seen_events(request.organization.id, phone.handle) if phone else [],
        "query": urlencode({"phone": phone.handle, "to": to}) if phone else "",
    }


def _require_simulator() -> None:
    if not settings.SIMULATOR_ENABLED:
        raise Http404


@page(role="member", methods=("GET", "HEAD"))
def sandbox_phone(request: PageRequest) -> HttpResponse:
    if not settings.SIMULATOR_ENABLED:
        return render(request, "dashboard/sandbox_phone/off.html")
    return render(request, "dashboard/sandbox_phone/page.html", _context(request))


@page(role="member", methods=("GET", "HEAD"))
def screen(request: PageRequest) -> HttpResponse:
    """What the phone shows now, for live refreshes; opening it marks everything as read."""
    _require_simulator()
    context = _context(request)
    if context["phone"] is None:
        raise Http404
    return render(request, "dashboard/sandbox_phone/_screen.html", context)


@page(role="member", methods=("GET", "HEAD"))
def seen_events(request: PageRequest) -> HttpResponse:
    _require_simulator()
    return render(request, "dashboard/sandbox_phone/_seen.html", _context(request))


@page(role="member", methods=("POST",))
def add_phone(request: PageRequest) -> HttpResponse:
    _require_simulator()
    handle = request.POST.get("handle", "").strip() or None
    name = request.POST.get("name", "").strip()[:80]
    try:
        phone = create_phone(owner_id=request.organization.id, handle=handle, name=name)
    except AppError as error:
        flash.error(request, error.message)
        return redirect(_here(None, request.POST.get("to", "")))
    if not phone.name:
        names = ("Casey", "Robin", "Alex", "Sam", "Jordan", "Taylor", "Morgan", "Riley")
        phone.name = names[(VirtualPhone.objects.filter(owner_id=request.organization.id).count() - 1) % len(names)]
        phone.save(update_fields=["name"])
    return redirect(_here(phone, request.POST.get("to", "")))


def _act(request: PageRequest, act: Any) -> HttpResponse:
    """Runs one act of the phone and reports what the line hears, in one transaction; then the screen, or the page."""
    _require_simulator()
    phone, _, to = _chosen(request)
    if phone is None:
        raise Http404
    error: AppError | None = None
    try:
        with transaction.atomic():
            line_handle, events = act(phone, to)
            report_events(line_handle, events)
    except AppError as failed:
        error = failed
    if request.htmx:
        context = _context(request) | {"error": error}
        return render(request, "dashboard/sandbox_phone/_screen.html", context, status=422 if error else 200)
    if error is not None:
        flash.error(request, error.message)
    return redirect(_here(phone, to))


@page(role="member", methods=("POST",))
def send(request: PageRequest) -> HttpResponse:
    text = request.POST.get("text", "")[:20_000].replace("\0", "")

    def act(phone: VirtualPhone, to: str) -> Any:
        return send_from_phone(phone=phone, to=to, text=text, reply_to=request.POST.get("reply_to") or None)[1:]

    return _act(request, act)


@page(role="member", methods=("POST",))
def react(request: PageRequest) -> HttpResponse:
    def act(phone: VirtualPhone, to: str) -> Any:
        return react_from_phone(
            phone=phone,
            message_guid=request.POST.get("guid", ""),
            type=request.POST.get("type", "love")[:16],
            added=request.POST.get("added", "true") == "true",
        )[1:]

    return _act(request, act)


@page(role="member", methods=("POST",))
def unsend(request: PageRequest) -> HttpResponse:
    return _act(request, lambda phone, to: unsend_on_phone(phone=phone, message_guid=request.POST.get("guid", ""))[1:])


@page(role="member", methods=("POST",))
def read(request: PageRequest) -> HttpResponse:
    return _act(request, lambda phone, to: read_on_phone(phone=phone, to=to))


@page(role="member", methods=("POST",))
def choose(request: PageRequest) -> HttpResponse:
    """What happens to the next messages, and the phone's own switches."""
    _require_simulator()
    phone, _, to = _chosen(request)
    if phone is None:
        raise Http404
    wanted = next((choice for choice in CHOICES if choice[0] == request.POST.get("scenario")), CHOICES[0])
    lines = list_simulated_lines(organization=request.organization, handle=to)
    if to in {line.handle for line in lines} or to == settings.SANDBOX_LINE_HANDLE:
        set_scenario(line_handle=phone_key(to, phone.handle), name=wanted[0], options=wanted[3])
    owned = get_phone(owner_id=request.organization.id, handle=phone.handle)
    owned.sends_read_receipts = request.POST.get("receipts") == "on"
    owned.is_online = request.POST.get("online") == "on"
    owned.save(update_fields=["sends_read_receipts", "is_online"])
    if request.htmx:
        return HttpResponse(status=204)
    return redirect(_here(phone, to))


urlpatterns = [
    path("sandbox-phone", sandbox_phone, name="sandbox_phone"),
    path("sandbox-phone/screen", screen, name="phone_screen"),
    path("sandbox-phone/seen", seen_events, name="phone_seen"),
    path("sandbox-phone/phones", add_phone, name="phone_add"),
    path("sandbox-phone/send", send, name="phone_send"),
    path("sandbox-phone/react", react, name="phone_react"),
    path("sandbox-phone/unsend", unsend, name="phone_unsend"),
    path("sandbox-phone/read", read, name="phone_read"),
    path("sandbox-phone/choose", choose, name="phone_choose"),
]
