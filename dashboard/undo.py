"""An act that can be taken back: its toast has a button, which works without script too."""

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest

MARK = "undo:"


def say_with_undo(request: HttpRequest, text: str, *, undo: str) -> None:
    """Shows ``text`` on the next page with a button that posts to ``undo``, a path of this server."""
    messages.success(request, text, extra_tags=f"{MARK}{undo}")


def get_undo(message: Message) -> str:
    """Where the button of a toast posts to; "" if there is nothing to take back."""
    tags = message.extra_tags or ""
    path = tags.removeprefix(MARK)
    return path if tags.startswith(MARK) and path.startswith("/") and not path.startswith("//") else ""
