"""The documentation as pages: Markdown files of docs/site and two developer documents, raw HTML off.

Rendered once per version of a file. ``https://messages.example.com`` in the texts becomes this server's address.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from dashboard.templatetags.ui import code

EXAMPLE_URL = "https://messages.example.com"
# group -> slug -> title, in the order of the sidebar
SECTIONS: dict[str, dict[str, str]] = {
    "Start": {
        "index": "Overview",
        "quickstart": "Quickstart",
        "authentication": "Authentication",
        "sandbox": "The sandbox",
        "simulator": "The simulator",
    },
    "Messages": {
        "send": "Sending",
        "receive": "Receiving",
        "attachments": "Attachments",
        "audio": "Voice memos",
        "groups": "Groups",
        "reactions": "Reactions",
        "typing": "Typing",
        "receipts": "Read receipts",
    },
    "Operation": {
        "webhooks": "Webhooks",
        "lines": "Lines",
        "limits": "Limits",
        "self-hosting": "Self-hosting",
    },
    "Reference": {
        "api": "API reference",
        "errors": "Errors",
        "outbox": "The outbox",
    },
}
TITLES = {slug: title for pages in SECTIONS.values() for slug, title in pages.items()}
_ELSEWHERE = {"errors": "docs/errors.md", "outbox": "docs/outbox.md"}
_LANGUAGES = {"json": "json", "bash": "bash", "sh": "bash", "python": "python", "typescript": "typescript"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    id: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DocsPage:
    """``anchors`` are its second-level headings."""

    slug: str
    title: str
    html: SafeString
    anchors: list[Anchor]


def get_docs_page(slug: str) -> DocsPage | None:
    """A page by its name; None if there is none such."""
    if slug not in TITLES:
        return None
    path = _path(slug)
    return _render(slug, path, path.stat().st_mtime)


def read_docs_text(slug: str) -> str:
    """The Markdown of a page, with this server's address."""
    return _path(slug).read_text(encoding="utf-8").replace(EXAMPLE_URL, settings.BASE_URL)


def write_llms_index() -> str:
    """What /llms.txt holds: each page with its first sentence."""
    parts = [
        "# Messages.dev",
        "",
        "> An open iMessage API for agents: send with one request, hear back by webhook.",
        "",
    ]
    for group, pages in SECTIONS.items():
        parts += [f"## {group}", ""]
        for slug, title in pages.items():
            parts.append(f"- [{title}]({settings.BASE_URL}/docs/{slug}.md): {_first_sentence(slug)}")
        parts.append("")
    parts += ["## Optional", "", f"- [OpenAPI]({settings.BASE_URL}/v1/openapi.json): every endpoint, for programs", ""]
    return "\n".join(parts)


def write_llms_full() -> str:
    """What /llms-full.txt holds: all pages, one after the other."""
    return "\n\n---\n\n".join(read_docs_text(slug).strip() for slug in TITLES) + "\n"


def _path(slug: str) -> Path:
    return Path(settings.BASE_DIR) / _ELSEWHERE.get(slug, f"docs/site/{slug}.md")


def _first_sentence(slug: str) -> str:
    text = read_docs_text(slug).split("\n", 1)[1].strip().split("\n\n", 1)[0].replace("\n", " ")
    plain = re.sub(r"[*`]|\[([^\]]*)\]\([^)]*\)", lambda match: match.group(1) or "", text)
    return "" if plain.startswith(("#", "|")) else plain.split(". ", 1)[0].rstrip(".:") + "."


@lru_cache(maxsize=64)
def _render(slug: str, path: Path, changed_at: float) -> DocsPage:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    for name, rule in (("fence", _fence), ("table_open", _table_open), ("table_close", _table_close), ("td_open", _td)):
        markdown.add_render_rule(name, rule)
    tokens = markdown.parse(read_docs_text(slug))
    anchors = _name_headings(tokens)
    _name_rows(tokens)
    html = markdown.renderer.render(tokens, markdown.options, {})
    return DocsPage(slug=slug, title=TITLES[slug], html=mark_safe(html), anchors=anchors)


def _name_headings(tokens: list[Token]) -> list[Anchor]:
    """Gives each heading an id; returns those of the second level."""
    anchors, seen = [], set()
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        text = "".join(child.content for child in inline.children or [])
        name = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-") or "section"
        while name in seen:
            name += "-2"
        seen.add(name)
        opening.attrSet("id", name)
        if opening.tag == "h2":
            anchors.append(Anchor(id=name, text=text))
    return anchors


def _name_rows(tokens: list[Token]) -> None:
    """A row that begins with a code, such as a reason for a failure, can be linked to by it."""
    for row, cell, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        children = inline.children or []
        if row.type == "tr_open" and cell.type == "td_open" and children and children[0].type == "code_inline":
            name = re.match(r"[a-z][a-z0-9_]*", children[0].content)
            if name:
                row.attrSet("id", name.group().rstrip("_"))


def _fence(self: RendererHTML, tokens: list[Token], index: int, options: object, env: object) -> str:
    token = tokens[index]
    language = _LANGUAGES.get(token.info.strip(), "")
    heading = next((one.content for one in reversed(tokens[:index]) if one.type == "inline"), "")
    label = f"{language or 'text'} {index}: {re.sub(r'[*`]', '', heading)[:40]}"
    return str(code(token.content.rstrip("\n"), language, label))


def _table_open(self: RendererHTML, tokens: list[Token], index: int, options: object, env: object) -> str:
    return '<div class="m-doc-t" tabindex="0" role="group" aria-label="Table"><table>'


def _table_close(self: RendererHTML, tokens: list[Token], index: int, options: object, env: object) -> str:
    return "</table></div>"


def _td(self: RendererHTML, tokens: list[Token], index: int, options: object, env: object) -> str:
    return "<td>"
