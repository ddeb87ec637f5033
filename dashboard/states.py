"""Which shape and word a state is shown with (design ui §5): shape, word and colour always together."""

SHAPES = frozenset({"ok", "live", "wait", "retry", "warn", "bad", "held", "off"})

STATES: dict[str, dict[str, tuple[str, str]]] = {
    "delivery": {
        "pending": ("wait", "Pending"),
        "delivered": ("ok", "Delivered"),
        "retrying": ("retry", "Retrying"),
        "failed": ("bad", "Failed"),
        "held": ("held", "Held"),
        "cancelled": ("off", "Cancelled"),
    },
    "message": {
        "pending": ("wait", "Accepted"),
        "accepted": ("wait", "Accepted"),
        "held": ("held", "Held"),
        "claimed": ("wait", "Claimed"),
        "sent": ("ok", "Sent"),
        "delivered": ("ok", "Delivered"),
        "read": ("ok", "Read"),
        "received": ("ok", "Received"),
        "failed": ("bad", "Not sent"),
        "unknown": ("warn", "Unknown"),
    },
    "line": {
        "ok": ("live", "Healthy"),
        "healthy": ("live", "Healthy"),
        "degraded": ("warn", "Degraded"),
        "mute": ("warn", "Mute"),
        "deaf": ("warn", "Deaf"),
        "near_limit": ("warn", "Near limit"),
        "down": ("bad", "Down"),
        "deregistered": ("bad", "Deregistered"),
        "unpaired": ("wait", "Not paired"),
        "paused": ("off", "Paused"),
    },
    "endpoint": {
        "on": ("live", "On"),
        "failing": ("bad", "Failing"),
        "retrying": ("retry", "Retrying"),
        "paused": ("held", "Paused"),
        "off": ("off", "Off"),
        "disabled": ("bad", "Switched off"),
    },
    "key": {
        "active": ("live", "Active"),
        "unused": ("wait", "Never used"),
        "expiring": ("warn", "Expires soon"),
        "rolling": ("retry", "Rolling"),
        "expired": ("off", "Expired"),
        "revoked": ("off", "Revoked"),
        "leaked": ("bad", "Leaked"),
    },
    "replay": {
        "running": ("live", "Running"),
        "paused": ("held", "Paused"),
        "cancelled": ("off", "Cancelled"),
        "done": ("ok", "Done"),
    },
    "sandbox": {"pending": ("wait", "Waiting"), "active": ("live", "Active")},
    "request": {"ok": ("ok", "OK"), "refused": ("bad", "Refused"), "error": ("bad", "Error")},
}


def get_status(kind: str, state: str) -> tuple[str, str]:
    """Shape and word; a state nobody has named is shown as unknown under its own name, never as fine."""
    known = STATES[kind].get(str(state))
    return known if known is not None else ("warn", str(state).replace("_", " ").capitalize() or "Unknown")
