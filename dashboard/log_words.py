"""Words and choices of the log pages, and what a reader without the right to read text is shown."""

import json
import re
from functools import cache
from typing import Any

from django.conf import settings

from dashboard.access import PageRequest
from messaging.models import OutboxItem
from messaging.viewer.states import FAILURES, State, state_of_item

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OPERATIONS = {"send": "Message", "audio": "Voice memo", "react": "Reaction", "typing": "Typing", "read": "Read mark"}
OUTBOX_STATES = {"pending": "Accepted", "held": "Held", "claimed": "Claimed", "sent": "Sent", "failed": "Not sent"}
OUTBOX_ERRORS = (*FAILURES, "delivery_unknown", "ghost_row")
_TEXT = re.compile(r'("(?:text|transcription)"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
_HIDDEN = "[hidden]"
# what made an object -> the page it is shown on
OBJECT_PAGES = {
    "obx": "/logs/outbox/{}",
    "msg": "/messages/{}",
    "wh": "/webhooks/{}",
    "cht": "/conversations/{}",
    "ln": "/lines/{}",
    "dlv": "/webhooks/deliveries/{}",
    "rpl": "/webhooks/replays/{}",
}


def object_link(object_id: str) -> str:
    """The page of an object by its public id; "" for kinds that have none."""
    page = OBJECT_PAGES.get(object_id.partition("_")[0])
    return page.format(object_id) if page else ""


def outbox_state(item: OutboxItem) -> State:
    return state_of_item(item)


def outbox_anchor(code: str | None) -> str:
    """The place in docs/outbox.md that explains a failure."""
    if not code:
        return ""
    return "/docs/outbox#" + ("imessage_error" if code.startswith("imessage_error_") else code)


def show_body(request: PageRequest, text: str) -> str:
    """A logged body, indented if it is whole; message text only for those who may read it."""
    if not request.membership.sees_text:
        text = _TEXT.sub(rf'\1"{_HIDDEN}"', text)
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def show_payload(request: PageRequest, payload: dict[str, Any]) -> str:
    return show_body(request, json.dumps(payload, ensure_ascii=False))


@cache
def list_error_codes() -> list[str]:
    """The API's error codes: the sections of docs/errors.md."""
    text = (settings.BASE_DIR / "docs" / "errors.md").read_text()
    return re.findall(r"^## ([a-z0-9_]+)$", text, re.MULTILINE)
