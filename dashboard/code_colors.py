"""Colours for code, made on the server. Every piece of the text is escaped; only our own spans are markup."""

import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

_STRING = r'"(?:\\.|[^"\\\n])*"'
_SINGLE = r"'(?:\\.|[^'\\\n])*'"
_NUMBER = r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b"

# classes: k key, s string, n number, c comment, w keyword
_RULES: dict[str, list[tuple[str, str]]] = {
    "json": [
        ("k", _STRING + r"(?=\s*:)"),
        ("s", _STRING),
        ("n", _NUMBER + r"|\b(?:true|false|null)\b"),
    ],
    "bash": [
        ("c", r"(?<!\S)#[^\n]*"),
        ("s", r'"(?:\\.|[^"\\])*"|\'[^\']*\''),
        ("k", r"(?<!\S)--?[A-Za-z][\w-]*"),
        ("w", r"(?m:^)\s*(?:curl|export|pip|npm|npx|uv|messages-dev|python|docker|git|brew|cd|echo)\b|\$\{?\w+\}?"),
    ],
    "python": [
        ("c", r"#[^\n]*"),
        ("s", r'[rbf]{0,2}(?:"""(?:\\.|[^\\])*?"""|' + _STRING + "|" + _SINGLE + ")"),
        (
            "w",
            r"\b(?:and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|if|import|in|is"
            r"|lambda|not|or|pass|raise|return|try|while|with|yield)\b",
        ),
        ("n", _NUMBER + r"|\b(?:True|False|None)\b"),
        ("k", r"\b\w+(?==[^=])"),
    ],
    "typescript": [
        ("c", r"//[^\n]*|/\*[\s\S]*?\*/"),
        ("s", _STRING + "|" + _SINGLE + r"|`(?:\\.|[^`\\])*`"),
        (
            "w",
            r"\b(?:async|await|break|case|catch|class|const|continue|default|else|export|extends|finally|for|from|function"
            r"|if|import|in|interface|let|new|of|return|switch|throw|try|type|typeof|var|while)\b",
        ),
        ("n", _NUMBER + r"|\b(?:true|false|null|undefined)\b"),
        ("k", r"\b\w+(?=\??:\s)"),
    ],
}
_COMPILED = {
    language: re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in rules))
    for language, rules in _RULES.items()
}
LIMIT = 60_000  # characters that are coloured; a longer text is shown whole, in one colour


def color_code(text: str, language: str) -> SafeString:
    """Escaped text with ``<span class="k|s|n|c|w">`` around tokens; an unknown language stays plain."""
    pattern = _COMPILED.get(language)
    if pattern is None or len(text) > LIMIT:
        return escape(text)
    pieces: list[str] = []
    end = 0
    for match in pattern.finditer(text):
        if match.end() == match.start():
            continue
        pieces.append(escape(text[end : match.start()]))
        pieces.append(f'<span class="{match.lastgroup}">{escape(match.group())}</span>')
        end = match.end()
    pieces.append(escape(text[end:]))
    return mark_safe("".join(pieces))
