"""Lists of conversations: by line, newest first, with search and filters, by keyset."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery

from accounts.models import Organization
from core.clock import now
from core.cursors import decode_cursor, encode_cursor
from core.handles import normalise_handle
from lines.models import Line
from messaging.models import Chat, Message

PAGE = 50
SECTION, SECTION_LEAST, SECTION_ROWS = 15, 5, 60  # rows of a section at most and at least, and of all together
MOST_SECTIONS = 12
SEARCH_LIMIT = 200
_SHOW = {"all": "true", "unread": "unread > 0", "failed": "failed > 0", "groups": "is_group", "audio": "has_audio"}
FILTERS = tuple(_SHOW)
_SECTIONS = """
SELECT chats.* FROM unnest(%s::uuid[]) AS line (id) CROSS JOIN LATERAL (
  SELECT * FROM messaging_chat WHERE line_id = line.id AND organization_id = %s AND last_message_at IS NOT NULL
    AND {show} ORDER BY last_message_at DESC, id DESC LIMIT %s) AS chats
ORDER BY chats.line_id, chats.last_message_at DESC, chats.id DESC
"""


_HAS_WORDS = "to_tsvector('simple', coalesce(text, '')) @@ plainto_tsquery('simple', %(query)s)"
_BY_TEXT = f"""
WITH recent AS MATERIALIZED (
  SELECT id, chat_id, text FROM messaging_message WHERE organization_id = %(organization)s ORDER BY id DESC LIMIT 1000
), near AS MATERIALIZED (
  SELECT id, chat_id FROM recent WHERE {_HAS_WORDS}
), far AS MATERIALIZED (
  SELECT id, chat_id FROM messaging_message
  WHERE (SELECT count(*) FROM near) < {SEARCH_LIMIT} AND organization_id = %(organization)s AND {_HAS_WORDS} LIMIT 2000
)
SELECT DISTINCT ON (chat_id) chat_id, id FROM (
  (SELECT id, chat_id FROM near ORDER BY id DESC LIMIT {SEARCH_LIMIT}) UNION
  (SELECT id, chat_id FROM far ORDER BY id DESC LIMIT {SEARCH_LIMIT})) found ORDER BY chat_id, id DESC
"""


@dataclass(frozen=True, slots=True)
class Section:
    """The newest conversations of one line."""

    line: Line
    chats: list[Chat]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Sections:
    """``has_more``: there are lines that were active longer ago."""

    sections: list[Section]
    has_more: bool


@dataclass(frozen=True, slots=True)
class ChatPage:
    """``hits``: by chat, the newest message that has the words of a search."""

    chats: list[Chat]
    older: str | None
    hits: dict[UUID, Message] = field(default_factory=dict)


def filter_chats(
    organization: Organization,
    *,
    show: str = "all",
    query: str = "",
    by_text: Mapping[UUID, UUID] | None = None,
    since: datetime | None = None,
) -> QuerySet[Chat]:
    """Conversations that match a filter and a search for handle or name, or are among ``by_text``; ``since``: in which
    somebody has written since then."""
    chats = Chat.objects.filter(organization=organization, last_message_at__isnull=False)
    if show == "unread":
        chats = chats.filter(unread__gt=0)
    elif show == "failed":
        chats = chats.filter(failed__gt=0)
    elif show == "groups":
        chats = chats.filter(is_group=True)
    elif show == "audio":
        chats = chats.filter(has_audio=True)
    if since is not None:
        chats = chats.filter(last_inbound_at__gte=since, last_message_at__gte=since)
    query = query.strip()
    if query:
        handle = normalise_handle(query)
        digits = "".join(c for c in query if c.isdigit())
        match = Q(identifier__icontains=handle) | Q(name__icontains=query)
        if len(digits) >= 3:
            match |= Q(identifier__contains=digits)
        chats = chats.filter(match | Q(id__in=list(by_text or ())))
    return chats


def find_chats_by_text(organization: Organization, query: str) -> dict[UUID, UUID]:
    """Chats with the newest message in each that has all words; of the newest few hundred matching messages.

    A word that is everywhere is found among the newest messages; one that is rare by the index of words. Left alone,
    the database reads a rare word's messages from the newest to the oldest.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BY_TEXT, {"organization": organization.id, "query": query})
        return dict(cursor.fetchall())


def list_sections(organization: Organization, *, show: str) -> Sections:
    """The newest chats of the lines that were active last, lines by label. Two queries, a page of rows at most."""
    newest = filter_chats(organization, show=show).filter(line=OuterRef("pk")).order_by("-last_message_at", "-id")
    lines = Line.objects.filter(Q(organization=organization) | Q(is_sandbox=True))
    active = lines.annotate(newest=Subquery(newest.values("last_message_at")[:1])).exclude(newest=None)
    found = {line.id: line for line in active.order_by("-newest", "id")[: MOST_SECTIONS + 1]}
    shown = dict(list(found.items())[:MOST_SECTIONS])
    size = max(SECTION_LEAST, min(SECTION, SECTION_ROWS // max(1, len(shown))))
    by_line: dict[UUID, list[Chat]] = {}
    for chat in Chat.objects.raw(_SECTIONS.format(show=_SHOW[show]), [list(shown), organization.id, size + 1]):
        chat.line = shown[chat.line_id]
        by_line.setdefault(chat.line_id, []).append(chat)
    sections = [Section(shown[key], chats[:size], len(chats) > size) for key, chats in by_line.items()]
    sections.sort(key=lambda section: (section.line.is_sandbox, str(section.line).casefold()))
    return Sections(sections, has_more=len(found) > len(shown))


def list_chat_page(
    organization: Organization,
    *,
    show: str,
    query: str,
    line: Line | None,
    before: str | None,
    searches_text: bool = True,
    since: datetime | None = None,
) -> ChatPage:
    """One keyset page, of one line or of all. Who may not read texts must not search them either."""
    query = query.strip()
    by_text = find_chats_by_text(organization, query) if query and searches_text else {}
    chats = filter_chats(organization, show=show, query=query, by_text=by_text, since=since)
    if line is not None:
        chats = chats.filter(line=line)
    if before:
        moment, key = decode_cursor(before, str, str)
        try:
            place = datetime.fromisoformat(str(moment)), UUID(hex=str(key))
        except ValueError:
            place = now(), UUID(int=0)
        chats = chats.filter(last_message_at__lte=place[0]).filter(Q(last_message_at__lt=place[0]) | Q(id__lt=place[1]))
    found = list(chats.select_related("line").order_by("-last_message_at", "-id")[: PAGE + 1])
    older = None
    if len(found) > PAGE:
        last = found[PAGE - 1]
        assert last.last_message_at is not None
        older = encode_cursor(last.last_message_at.isoformat(), last.id.hex)
    keys = [by_text[chat.id] for chat in found[:PAGE] if chat.id in by_text]
    hits = {message.chat_id: message for message in Message.objects.filter(pk__in=keys)} if keys else {}
    return ChatPage(found[:PAGE], older, hits)
