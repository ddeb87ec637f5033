"""The audit log offers every action that the product records, and no other."""

import ast
from collections.abc import Iterator
from pathlib import Path

from accounts import impersonation
from dashboard import conversation_privacy
from dashboard.views.accounts_pages.audit import ACTIONS

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = ("accounts", "lines", "messaging", "webhooks_app", "dashboard", "api")
RECORDERS = {"record_change", "_record", "_change", "_move", "_decide"}
NAMED = {
    impersonation.STARTED,
    impersonation.STOPPED,
    conversation_privacy.OPENED,
    conversation_privacy.UNMASKED,
}


def list_recorded(tree: ast.Module) -> Iterator[str]:
    """Texts like ``line.created`` among the arguments of calls that record; an ``a if b else c`` has two."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in RECORDERS:
            given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "action")]
            for part in (part for argument in given for part in ast.walk(argument)):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and is_action(part.value):
                    yield part.value


def is_action(text: str) -> bool:
    object_, dot, verb = text.partition(".")
    return bool(dot) and f"{object_}{verb}".replace("_", "").isalpha() and text.islower()


def test_every_recorded_action_can_be_filtered_by() -> None:
    files = [path for name in SOURCES for path in (PROJECT / name).rglob("*.py") if "migrations" not in path.parts]
    recorded = {action for path in files for action in list_recorded(ast.parse(path.read_text()))} | NAMED
    assert sorted(recorded) == sorted(ACTIONS)
