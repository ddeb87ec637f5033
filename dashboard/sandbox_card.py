"""The sandbox as a card: pairing state, code with its QR picture, budget."""

import io
from typing import Any
from urllib.parse import quote

import segno
from django.utils.safestring import SafeString, mark_safe

from accounts.models import Organization
from lines.services.sandbox import SandboxState, get_sandbox

SANDBOX_ERRORS = {
    "sandbox_not_activated": "The phone is not paired yet. Text the code from it.",
    "sandbox_contact_mismatch": "The sandbox sends to the paired number only. Use that one, or its conversation.",
    "sandbox_quota_exceeded": "Today's messages are used up. They start again at midnight UTC.",
    "sandbox_requires_owner": "The key belongs to no organization. Create one under API keys.",
}


def make_sandbox_card(*, organization: Organization, can_manage: bool) -> dict[str, Any]:
    """Context of ``dashboard/_sandbox_card.html``."""
    state = get_sandbox(organization=organization)
    return {
        "sandbox": state,
        "sandbox_uri": get_pairing_uri(state),
        "sandbox_qr": make_qr(get_pairing_uri(state)) if state.activation_code else "",
        "sandbox_errors": SANDBOX_ERRORS,
        "can_manage": can_manage,
    }


def get_pairing_uri(state: SandboxState) -> str:
    """Opens a text to the sandbox with the code in it (spec sandbox §2)."""
    if not state.activation_code:
        return ""
    return f"sms:{state.sandbox_line_handle}?body={quote(state.activation_code, safe='')}"


def make_qr(text: str) -> SafeString:
    """SVG without inline style: the colour comes from the page, on white in both themes."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=2, svgclass=None, lineclass=None
    )
    return mark_safe(out.getvalue().decode())  # built from numbers only; the text itself is not in it
