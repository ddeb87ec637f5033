"""What the request log must not keep: secrets always, message text unless a setting allows it.

Works on JSON text that may be cut off anywhere, since only the start of a body is kept.
"""

import re

_STRING = r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
_SECRET_MEMBERS = re.compile(
    r'("(?:secret|api_key|access_token|refresh_token|token|password|code_verifier|client_secret)"\s*:\s*)' + _STRING,
    re.DOTALL,
)
_TEXT_MEMBERS = re.compile(r'("(?:text|transcription)"\s*:\s*)(' + _STRING + ")", re.DOTALL)
_TOKENS = re.compile(r"\b(sk_live_[0-9A-Za-z]{4}|whsec_)[0-9A-Za-z+/=_-]+")
_SIGNED = re.compile(
    r"([?&](?:signature|sig|token|key|secret|access_token|X-Amz-Signature|X-Amz-Credential)=)[^&\s\"]+", re.IGNORECASE
)


def redact_secrets(text: str) -> str:
    """Removes API keys, webhook secrets, members named like secrets and signatures in links."""
    text = _SECRET_MEMBERS.sub(r'\1"[redacted]"', text)
    if "sk_live_" in text or "whsec_" in text:  # looking for both at each word costs most of all
        text = _TOKENS.sub(r"\1…", text)
    return _SIGNED.sub(r"\1[redacted]", text) if "=" in text else text


def redact_text(text: str) -> str:
    """Replaces message text and transcripts by their length."""
    return _TEXT_MEMBERS.sub(lambda match: f'{match[1]}"[{_length(match[2])} characters]"', text)


def _length(literal: str) -> int:
    """Characters of a JSON string literal, its escapes counted as one."""
    return len(re.sub(r"\\(?:u[0-9a-fA-F]{4}|.)", "x", literal.strip('"')))
