"""The filter bar of deliveries, and the filter it stands for. Every state of the list is an address."""

from dataclasses import replace
from uuid import UUID

from core.ids import CHAT, DELIVERY, LINE, WEBHOOK, parse_id
from dashboard.access import PageRequest
from dashboard.filters import Choice, FilterBar, Search, TimeRange
from dashboard.pickers import make_choices
from dashboard.states import STATES as SHOWN_STATES
from events.types import PUBLIC_EVENTS
from messaging.models import Chat
from webhooks_app.error_texts import ERROR_TEXTS
from webhooks_app.filters import STATES, DeliveryFilter

STATUS_WORDS = (
    ("2xx", "2xx accepted"),
    ("3xx", "3xx redirect"),
    ("4xx", "4xx refused"),
    ("5xx", "5xx server error"),
    ("none", "No answer"),
)
FAILED = "failed"
WAITING = ("pending", "retrying")
MOST_IDS = 100


def make_filter_bar(request: PageRequest) -> FilterBar:
    """One query for lines and endpoints, and one for a chat that is filtered by."""
    endpoints, lines = make_choices(request, [("endpoint", "Endpoint", "endpoints"), ("line", "Line", "lines")])
    states = [(name, SHOWN_STATES["delivery"][name][1]) for name in STATES]
    filters: list[Search | Choice | TimeRange] = [
        Search("q", "Id of anything"),
        Choice("state", "State", states),
        endpoints,
        Choice("event", "Event", [(name, name) for name in PUBLIC_EVENTS]),
        lines,
        Choice("status", "HTTP status", STATUS_WORDS, single=True),
        Choice("error", "Error", [(name, text.title) for name, text in ERROR_TEXTS.items()], single=True),
        TimeRange(),
    ]
    chat = _find_chat(request)
    if chat is not None:
        filters.insert(-1, Choice("chat", "Conversation", [(chat.public_id, str(chat))], single=True))
    return FilterBar(request, filters)


def _find_chat(request: PageRequest) -> Chat | None:
    key = parse_id(CHAT, request.GET.get("chat", ""))
    return Chat.objects.filter(pk=key, organization=request.organization).first() if key else None


def read_filter(request: PageRequest, bar: FilterBar) -> DeliveryFilter:
    """What the bar shows is what is filtered by: values it does not offer are dropped."""

    def one(name: str) -> str:
        return next(iter(bar.values(name)), "")

    has_chat = bool(request.GET.get("chat")) and any(chip.name == "chat" for chip in bar.chips())
    return DeliveryFilter(
        organization_id=request.organization.id,
        endpoint_id=parse_id(WEBHOOK, one("endpoint")),
        events=tuple(bar.values("event")),
        states=tuple(bar.values("state")),
        line_id=parse_id(LINE, one("line")),
        chat_id=parse_id(CHAT, one("chat")) if has_chat else None,
        status=one("status"),
        error=one("error"),
        since=bar.since,
        until=bar.until,
        text=bar.search_text.replace("\x00", ""),
    )


def find_filter(request: PageRequest) -> tuple[FilterBar, DeliveryFilter]:
    bar = make_filter_bar(request)
    return bar, read_filter(request, bar)


def narrow_to_replayable(wanted: DeliveryFilter) -> tuple[DeliveryFilter | None, str]:
    """What a replay of a filter sends, and its word: the failed ones, or the finished states that are asked for.

    None if only such are asked for as wait to be sent anyway.
    """
    states = tuple(state for state in wanted.states or (FAILED,) if state not in WAITING)
    if not states:
        return None, ""
    return replace(wanted, states=states), states[0] if len(states) == 1 else ""


def read_ids(request: PageRequest) -> list[UUID]:
    """``?ids=dlv_…,dlv_…``: rows that are on the screen."""
    given = request.GET.get("ids", "").split(",")[:MOST_IDS]
    return [key for text in given if (key := parse_id(DELIVERY, text))]
