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


# One look instead of three for the many texts in which there is nothing to remove
_SUSPECT = re.compile(r"secret|token|key|password|code_verifier|sig|amz|sk_live_|whsec_", re.IGNORECASE)


def redact_secrets(text: str) -> str:
    """Removes API keys, webhook secrets, members named like secrets and signatures in links."""
    if _SUSPECT.search(text) is None:
        return text
    text = _SECRET_MEMBERS.sub(r'\1"[redacted]"', text)
    return _SIGNED.sub(r"\1[redacted]", _TOKENS.sub(r"\1…", text))


def redact_text(text: str) -> str:
    """Replaces message text and transcripts by their length."""
    return _TEXT_MEMBERS.sub(lambda match: f'{match[1]}"[{_length(match[2])} characters]"', text)


def _length(literal: str) -> int:
    """Characters of a JSON string literal, its escapes counted as one."""
    return len(re.sub(r"\\(?:u[0-9a-fA-F]{4}|.)", "x", literal.strip('"')))
