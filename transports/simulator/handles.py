"""Which handles the simulator may use: numbers set aside for fiction, and domains that cannot exist."""

import re
import secrets

_NUMBER = re.compile(r"\+1555010\d{4}|\+155501\d{5}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.(test|example|invalid)")


def is_simulated(handle: str) -> bool:
    """Whether a normalised handle can only be a simulated one (spec transports §4)."""
    return bool(_NUMBER.fullmatch(handle) or _EMAIL.fullmatch(handle))


def random_handle() -> str:
    """A number of ours, ``+155501xxxxx``; the caller looks whether it is free."""
    return f"+155501{secrets.randbelow(100_000):05d}"
