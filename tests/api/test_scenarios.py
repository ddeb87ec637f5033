"""What a client sees of a line on which things go wrong: each scenario from the phone to /v1 and its events."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from core.clock import now
from lines.models import Line
from messaging.models import InboundEvent
from messaging.services.dispatch import dispatch_due
from messaging.services.receive import apply_inbound
from messaging.services.simulated import pump_due_events, report_events
from tests.api.conftest import ApiClient
from transports.simulator.models import ScheduledEvent, VirtualPhone
from transports.simulator.network import create_group, react_from_phone

pytestmark = pytest.mark.django_db(transaction=True)

PEER, FRIEND = "+15550110144", "+15550110145"
PHONE = f"/simulator/v1/phones/{PEER}"
SOUND = next(path for path in (Path(__file__).parents[1] / "fixtures" / "audio").iterdir() if path.suffix == ".m4a")


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def choose(api: ApiClient, line: Line) -> Callable[..., None]:
    """``choose("edit", late_seconds=3)``: what happens on the line from now on."""
    for handle in (PEER, FRIEND):
        assert api.post("/simulator/v1/phones", {"handle": handle}).status == 201

    def put(name: str, **options: float) -> None:
        path = f"/simulator/v1/lines/{line.public_id}/scenario"
        assert api.call("PUT", path, {"name": name, **options}).status == 200

    return put


def arrive() -> None:
    """What has been reported is taken in, and what waits for something looks for it again."""
    InboundEvent.objects.filter(applied_at=None).update(not_before=None)
    apply_inbound()


def pass_time() -> None:
    """Everything that is under way, or was to come later, comes."""
    dispatch_due()
    ScheduledEvent.objects.update(due_at=now())
    pump_due_events()
    arrive()


def write(api: ApiClient, line: Line, **content: Any) -> str:
    """From the phone; its guid."""
    answer = api.post(f"{PHONE}/messages", {"to": line.handle, **content})
    assert answer.status == 201, answer.body
    return str(answer.body["guid"])


def messages(api: ApiClient, line: Line, to: str = PEER) -> list[dict[str, Any]]:
    """Newest first, as a client lists them; none while there is no chat."""
    answer = api.get(f"/v1/messages?from={line.public_id}&to={to}".replace("+", "%2B"))
    assert answer.status == 200 or answer.error[2] == "chat_not_found"
    return list(answer.body["data"]) if answer.status == 200 else []


def chats(api: ApiClient, line: Line) -> list[dict[str, Any]]:
    return list(api.get(f"/v1/chats?from={line.public_id}").body["data"])


def events(api: ApiClient) -> list[tuple[str, dict[str, Any]]]:
    page = api.get("/v1/events?since=0&limit=100")
    return [(event["event"], event["data"]) for event in page.body["data"]]


def names(api: ApiClient) -> list[str]:
    return [name for name, _ in events(api)]


def send(api: ApiClient, line: Line, text: str = "Hello") -> str:
    answer = api.post("/v1/messages", {"from": line.handle, "to": PEER, "text": text})
    assert answer.status == 201, answer.body
    return str(answer.body["id"])


def test_late_chat_join_shows_nothing_until_the_chat_is_known(api: ApiClient, line: Line, choose: Any) -> None:
    choose("late_chat_join")
    guid = write(api, line, text="Hi")
    arrive()
    assert (chats(api, line), names(api)) == ([], [])
    pass_time()
    arrive()
    assert [message["guid"] for message in messages(api, line)] == [guid]
    assert [(chat["identifier"], chat["is_group"]) for chat in chats(api, line)] == [(PEER, False)]
    assert [(name, data["guid"]) for name, data in events(api)] == [("message.received", guid)]


def test_late_chat_join_of_a_group_is_no_other_group(api: ApiClient, line: Line, choose: Any) -> None:
    group = create_group(line_handle=line.handle, participants=[PEER, FRIEND], name="Ferry")
    choose("late_chat_join")
    for text in ("One", "Two"):
        assert api.post(f"{PHONE}/messages", {"to": group.guid, "text": text}).status == 201
    arrive()
    assert chats(api, line) == []
    pass_time()
    arrive()
    (chat,) = chats(api, line)
    assert (chat["is_group"], chat["participants"]) == (True, [PEER, FRIEND])
    assert [message["text"] for message in messages(api, line, to=chat["id"])] == ["Two", "One"]


def test_attachment_pending_fires_at_once_and_gets_its_link_later(api: ApiClient, line: Line, choose: Any) -> None:
    file = upload(api, b"%PDF-1.4 timetable", "timetable.pdf", "application/pdf")
    choose("attachment_pending")
    write(api, line, text="The timetable", attachments=[file])
    arrive()
    assert [one["url"] for one in messages(api, line)[0]["attachments"]] == [None]
    assert names(api) == ["message.received"]
    pass_time()
    (attachment,) = messages(api, line)[0]["attachments"]
    assert (attachment["filename"], attachment["size"]) == ("timetable.pdf", 18)
    download = ApiClient().get(urlsplit(attachment["url"]).path).response
    assert b"".join(download) == b"%PDF-1.4 timetable"
    download.close()
    assert names(api) == ["message.received"], "what came later is no second message"


def test_a_message_that_is_only_a_file_waits_for_it(api: ApiClient, line: Line, choose: Any) -> None:
    file = upload(api, b"%PDF-1.4 timetable", "timetable.pdf", "application/pdf")
    choose("attachment_pending")
    write(api, line, attachments=[file])
    arrive()
    assert (messages(api, line), names(api)) == ([], [])
    pass_time()
    InboundEvent.objects.filter(applied_at=None).update(received_at=now().replace(year=2020))
    arrive()
    arrive()
    assert len(messages(api, line)) == 1
    assert names(api) == ["message.received"]


def test_transcript_late_fills_in_on_the_message(api: ApiClient, line: Line, choose: Any) -> None:
    memo = upload(api, SOUND.read_bytes(), "memo.m4a", "audio/mp4")
    choose("transcript_late")
    write(api, line, audio=memo)
    arrive()
    (message,) = messages(api, line)
    assert (message["is_audio_message"], message["attachments"][0]["transcription"]) == (True, None)
    pass_time()
    assert messages(api, line)[0]["attachments"][0]["transcription"] == "A transcript that came late."
    assert names(api) == ["message.received"]


@pytest.mark.parametrize(("name", "expected"), [("tapback", ["like"]), ("emoji_tapback", [])])
def test_tapbacks_are_listed_and_heard_of(
    api: ApiClient, line: Line, choose: Any, name: str, expected: list[str]
) -> None:
    write(api, line, text="Hi")
    arrive()
    choose(name)
    send(api, line)
    pass_time()
    message = messages(api, line)[0]
    listed = api.get(f"/v1/reactions?message_id={message['id']}").body["data"]
    assert [(one["type"], one["sender"], one["added"]) for one in listed] == [(type_, PEER, True) for type_ in expected]
    heard = [(data["message_id"], data["type"]) for event, data in events(api) if event == "reaction.added"]
    assert heard == [(message["id"], type_) for type_ in expected]


def test_a_tapback_on_an_unknown_message_is_heard_by_nobody(api: ApiClient, line: Line, choose: Any) -> None:
    write(api, line, text="Hi")
    arrive()
    choose("tapback_unknown")
    send(api, line)
    pass_time()
    InboundEvent.objects.filter(applied_at=None).update(received_at=now().replace(year=2020))
    arrive()
    assert names(api) == ["message.received", "message.sent"]
    assert not InboundEvent.objects.filter(applied_at=None).exists()


def test_a_tapback_on_a_message_that_was_missed_fetches_it(api: ApiClient, line: Line, choose: Any) -> None:
    write(api, line, text="Hi")
    missed = write(api, line, text="Missed")
    InboundEvent.objects.filter(envelope__body__guid=missed).delete()
    arrive()
    phone = VirtualPhone.objects.get(handle=PEER)
    _, handle, reported = react_from_phone(phone=phone, message_guid=missed, type="love")
    report_events(handle, reported)
    arrive()
    assert [message["text"] for message in messages(api, line)] == ["Hi"]
    InboundEvent.objects.filter(applied_at=None).update(received_at=now() - timedelta(seconds=61))
    arrive()
    assert [message["text"] for message in messages(api, line)] == ["Missed", "Hi"]
    assert names(api) == ["message.received", "message.received", "reaction.added"]


def test_group_change_renames_the_chat_and_takes_a_member_out(api: ApiClient, line: Line, choose: Any) -> None:
    group = create_group(line_handle=line.handle, participants=[PEER, FRIEND], name="Ferry")
    choose("group_change")
    answer = api.post(f"{PHONE}/messages", {"to": group.guid, "text": "Who is in?"})
    assert answer.status == 201
    arrive()
    (before,) = chats(api, line)
    assert (before["is_group"], before["name"], before["participants"]) == (True, "Ferry", [PEER, FRIEND])
    pass_time()
    (after,) = chats(api, line)
    assert (after["id"], after["name"], after["participants"]) == (before["id"], "Ferry (renamed)", [PEER])
    assert names(api) == ["message.received"]


def test_backfill_burst_is_listed_and_never_heard_of(api: ApiClient, line: Line, choose: Any) -> None:
    choose("backfill_burst", count=40)
    guid = write(api, line, text="New")
    arrive()
    first = messages(api, line)
    assert len(first) == 41
    assert first[0]["guid"] == guid
    assert [message["sent_at"] for message in first] == sorted((m["sent_at"] for m in first), reverse=True)
    assert [(name, data["guid"]) for name, data in events(api)] == [("message.received", guid)]


def test_line_deregistered_fails_the_send_and_stops_the_line(api: ApiClient, line: Line, choose: Any) -> None:
    write(api, line, text="Hi")
    arrive()
    choose("line_deregistered")
    item = send(api, line)
    pass_time()
    shown = api.get(f"/v1/outbox?id={item}").body
    assert (shown["status"], shown["error"]) == ("failed", "line_deregistered")
    (listed,) = [one for one in api.get("/v1/lines").body["data"] if one["id"] == line.public_id]
    assert listed["is_active"] is False
    assert "message.sent" not in names(api)


@pytest.mark.parametrize(("name", "text"), [("edit", "Hi (edited)"), ("unsend", None)])
def test_an_edit_or_unsend_changes_what_is_listed(
    api: ApiClient, line: Line, choose: Any, name: str, text: str | None
) -> None:
    choose(name)
    write(api, line, text="Hi")
    arrive()
    assert messages(api, line)[0]["text"] == "Hi"
    pass_time()
    assert [message["text"] for message in messages(api, line)] == [text]
    assert [(event, data["text"]) for event, data in events(api)] == [("message.received", "Hi")]


@pytest.mark.parametrize("name", ["duplicate_event", "out_of_order", "clock_skew"])
def test_every_message_is_heard_of_once_however_it_comes(api: ApiClient, line: Line, choose: Any, name: str) -> None:
    choose(name)
    guids = {write(api, line, text=f"Message {n}") for n in range(4)}
    arrive()
    pass_time()
    assert {message["guid"] for message in messages(api, line)} == guids
    assert sorted(data["guid"] for _, data in events(api)) == sorted(guids)


def upload(api: ApiClient, content: bytes, filename: str, mime_type: str) -> str:
    answer = api.call("POST", "/v1/files", content, content_type=mime_type, x_filename=filename)
    assert answer.status == 201, answer.body
    return str(answer.body["id"])
