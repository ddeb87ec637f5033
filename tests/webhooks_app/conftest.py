import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from django.db import connection, transaction

from accounts.models import Organization
from accounts.services.audit import Actor
from events.services import NewEvent, append_events
from lines.models import Line
from tests.webhooks_app.receivers import Receiver, run_receiver
from webhooks_app.catalogue import build_example
from webhooks_app.models import Endpoint
from webhooks_app.services.endpoints import create_endpoint


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as running:
        yield running


@pytest.fixture
def make_endpoint(lumen: Organization) -> Callable[..., Endpoint]:
    def make(url: str, **fields: Any) -> Endpoint:
        given = {"organization": lumen, "events": ["message.received"], "line_ids": None, "actor": Actor()}
        endpoint, _ = create_endpoint(url=url, **{**given, **fields})
        return endpoint

    return make


@pytest.fixture
def emit(line: Line, lumen: Organization) -> Callable[..., list[Any]]:
    """``emit(3)``: that many events, committed."""

    def append(count: int = 1, type: str = "message.received", organization: Any = None, on: Any = None) -> list[Any]:
        data = msgspec.json.encode(build_example(type)).decode()
        with transaction.atomic():
            keys = append_events(
                NewEvent(organization_id=(organization or lumen).id, line_id=(on or line).id, type=type, data=data)
                for _ in range(count)
            )
        wait_until_final()
        return keys

    return append


def wait_until_final() -> None:
    """Until no transaction of anybody is older than the events: only then may consumers read them."""
    end = time.monotonic() + 20
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute(
                "SELECT NOT EXISTS (SELECT FROM events_event WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()))"
            )
            if cursor.fetchone()[0]:
                return
            threading.Event().wait(0.02)
    raise AssertionError("an old transaction is still open")
