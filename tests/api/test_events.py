"""GET /v1/events as a cursor feed."""

import json
import threading

import pytest
from django.db import connection

from api.event_feed import EventOut
from api.lists import Page
from core.clock import now, to_ms
from core.ids import uuid7
from events.services import NewEvent, append_events
from lines.models import Line
from tests.api.conftest import ApiClient

PATH = "/v1/events"
pytestmark = pytest.mark.django_db(transaction=True)


def write(line, n=1, kind="message.received", organization_id=None):
    append_events(
        [
            NewEvent(
                organization_id=organization_id or line.organization_id, line_id=line.id, type=kind,
                data=json.dumps({"id": f"msg_{uuid7().hex}", "n": i}),
            )
            for i in range(n)
        ]
    )  # fmt: skip


def test_a_client_that_was_away_misses_nothing(api, line):
    write(line, 3)
    first = api.get(PATH)
    assert first.status == 200
    assert [item["data"]["n"] for item in first.body["data"]] == [0, 1, 2]
    assert set(first.body["data"][0]) == set(EventOut.__struct_fields__)
    place = first.body["next_cursor"]
    assert api.get(f"{PATH}?after={place}").body["data"] == []
    write(line, 5)
    seen = []
    while True:
        page = api.get(f"{PATH}?after={place}&limit=2").body
        seen += [item["data"]["n"] for item in page["data"]]
        place = page["next_cursor"]
        if not page["has_more"]:
            break
    assert seen == [0, 1, 2, 3, 4]
    resumed = api.get(f"{PATH}?after={first.body['data'][1]['cursor']}").body["data"]
    assert [item["data"]["n"] for item in resumed] == [2, 0, 1, 2, 3, 4]


def test_since_leaves_out_what_is_older(api, line):
    write(line)
    assert api.get(f"{PATH}?since={to_ms(now()) + 5000}").body["data"] == []
    assert len(api.get(f"{PATH}?since=0").body["data"]) == 1


def test_waiting_ends_when_something_happens(api, line):
    place = api.get(PATH).body["next_cursor"]

    def later():
        write(line)
        connection.close()

    timer = threading.Timer(0.3, later)
    timer.start()
    answer = api.get(f"{PATH}?after={place}&wait=20")
    timer.join()
    assert len(answer.body["data"]) == 1


def test_only_public_events_of_the_own_organization_and_lines(api, stranger, line, lumen, make_key):
    second = Line.objects.create(organization=lumen, handle="+15550100077")
    write(line, kind="outbox.updated")
    write(line, kind="reaction.added")
    write(second, kind="message.sent")
    assert [item["event"] for item in api.get(PATH).body["data"]] == ["reaction.added", "message.sent"]
    assert [item["event"] for item in api.get(f"{PATH}?line={line.public_id}").body["data"]] == ["reaction.added"]
    assert [item["event"] for item in api.get(f"{PATH}?event=message.sent").body["data"]] == ["message.sent"]
    assert stranger.get(PATH).body["data"] == []
    _, token = make_key(lumen, line_ids=[second.id], scopes=["messages:read", "reactions:read"])
    assert [item["event"] for item in ApiClient(token).get(PATH).body["data"]] == ["message.sent"]
    assert ApiClient(token).get(f"{PATH}?line={line.public_id}").error[2] == "line_not_accessible"
    assert stranger.get(f"{PATH}?line={line.public_id}").error[2] == "line_not_found"


def test_scopes_decide_what_is_heard(lumen, make_key):
    _, token = make_key(lumen, scopes=["lines:read"])
    assert ApiClient(token).get(PATH).error == (403, "authorization_error", "insufficient_scope", None)


@pytest.mark.parametrize(
    ("query", "param"),
    [("after=x", "after"), ("after=WzEsIngiXQ", "after"), ("limit=0", "limit"), ("wait=31", "wait"), ("wait=x", "wait"),
     ("event=x", "event"), ("since=-1", "since")],
)  # fmt: skip
def test_bad_values_are_named(api, query, param):
    assert api.get(f"{PATH}?{query}").error == (400, "invalid_request_error", "invalid_parameter_value", param)


def test_the_shape_is_a_page():
    assert set(Page.__struct_fields__) == {"data", "has_more", "next_cursor"}
