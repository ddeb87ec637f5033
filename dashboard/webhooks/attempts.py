"""An attempt as the pages show it: answer in words, timings as a waterfall, headers and bodies."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from webhooks_app.error_texts import ErrorText, describe_error
from webhooks_app.models import Attempt

TRIGGER_WORDS = {
    "first": "First try",
    "retry": "Automatic retry",
    "replay": "Replayed by a person",
    "bulk": "Part of a replay",
    "test": "Test",
}
# A short word for an answer without status: fits a tag.
SHORT = {
    "answer_timeout": "Timed out",
    "connect_timeout": "No connection",
    "dns_not_found": "DNS",
    "dns_failed": "DNS",
    "address_refused": "Not allowed",
    "url_refused": "Not allowed",
    "tls_timeout": "TLS",
    "tls_failed": "TLS",
    "tls_expired": "TLS",
    "tls_wrong_name": "TLS",
    "tls_unknown_issuer": "TLS",
    "refused": "Refused",
    "unreachable": "Unreachable",
    "reset": "Reset",
    "closed": "Closed",
    "invalid_answer": "Not HTTP",
    "answer_too_large": "Too large",
    "internal": "Not sent",
}
LEAST = 0.8  # per cent of the width: the least that is seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """One step of an attempt; ``x`` and ``width`` are per cent of the bar."""

    name: str
    kind: str
    milliseconds: float
    x: str
    width: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownAttempt:
    """``words`` is None for an accepted attempt; ``answer`` fits a tag."""

    attempt: Attempt
    answer: str
    is_accepted: bool
    words: ErrorText | None
    trigger: str
    phases: list[Phase]
    request_headers: str
    response_headers: str
    response_body: str
    response_language: str

    @property
    def timing(self) -> str:
        """For a screen reader."""
        parts = [f"{phase.name} {phase.milliseconds:.0f}" for phase in self.phases]
        return "Timing: " + ", ".join(parts) + " milliseconds" if parts else "No timing"


def describe_answer(status: int | None, error: str) -> str:
    """``503``, ``Timed out``; "" if there was no attempt yet."""
    return str(status) if status else SHORT.get(error, describe_error(error).title) if error else ""


def describe_attempt(attempt: Attempt, longest_ms: float | None = None) -> ShownAttempt:
    """``longest_ms`` is the whole width of the waterfall, so that attempts can be compared; None = this one's."""
    body = attempt.response_body
    return ShownAttempt(
        attempt=attempt,
        answer=describe_answer(attempt.status, attempt.error),
        is_accepted=not attempt.error,
        words=describe_error(attempt.error) if attempt.error else None,
        trigger=TRIGGER_WORDS.get(attempt.trigger, attempt.trigger),
        phases=list_phases(attempt, longest_ms or attempt.total_ms),
        request_headers=_lines(attempt.request_headers),
        response_headers=_lines(attempt.response_headers),
        response_body=body,
        response_language="json" if body.lstrip()[:1] in ("{", "[") else "",
    )


def list_phases(attempt: Attempt, longest_ms: float) -> list[Phase]:
    """Look-up, connect, TLS, wait, read: those that were measured, one after the other."""
    measured = [
        ("DNS lookup", "w-dns", attempt.dns_ms),
        ("TCP connect", "w-con", attempt.connect_ms),
        ("TLS handshake", "w-tls", attempt.tls_ms),
        ("Waiting", "w-fb", attempt.wait_ms),
    ]
    known = [(name, kind, ms) for name, kind, ms in measured if ms is not None]
    rest = attempt.total_ms - sum(ms for _, _, ms in known)
    if rest > 0.5 or not known:
        name = "Reading" if attempt.wait_ms is not None else _name_rest(attempt)
        kind = "w-rd" if attempt.wait_ms is not None else "w-fb"
        known.append((name, kind, max(rest, 0.0)))
    phases, start = [], 0.0
    for name, kind, ms in known:
        width = min(max(100 * ms / max(longest_ms, 0.001), LEAST), 100.0)
        x = min(100 * start / max(longest_ms, 0.001), 100.0 - LEAST)
        phases.append(Phase(name=name, kind=kind, milliseconds=ms, x=f"{x:.2f}", width=f"{min(width, 100 - x):.2f}"))
        start += ms
    return phases


def _name_rest(attempt: Attempt) -> str:
    """What an attempt was at when it ended."""
    if attempt.error.startswith("dns"):
        return "DNS lookup"
    if attempt.connect_ms is None:
        return "TCP connect"
    return "TLS handshake" if attempt.error.startswith("tls") else "Waiting"


def _lines(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())


def format_body(text: str) -> str:
    """JSON on many lines; what is not JSON stays as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
