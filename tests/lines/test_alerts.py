"""Alerts: who is told what, once per window."""

import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from django.core import mail

from accounts.models import AuditEntry, Organization, User
from accounts.services.audit import Actor
from core.clock import now
from core.errors import AppError
from lines.models import AlertRule, AlertSent, Line
from lines.services.alerts import add_rule, list_rules, remove_rule, send_alerts
from lines.services.counting import count_outbound

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = Actor(label="test")


@pytest.fixture
def receiver() -> Any:
    """A real HTTP server that keeps what it is sent."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))  # type: ignore[attr-defined]
            self.send_response(server.answer)  # type: ignore[attr-defined]
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    server.bodies, server.answer = [], 204  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def reach_out(line: Line, times: int, at: datetime) -> None:
    for _ in range(times):
        count_outbound(line_id=line.id, at=at, is_reach_out=True)


def test_admins_are_told_by_mail_once_a_day(line: Line, alice: User, dana: User, bob: User) -> None:
    moment = datetime(2026, 3, 10, 12, tzinfo=UTC)
    add_rule(line=line, limit="reach_outs", percent=80, actor=ACTOR)
    reach_out(line, 159, moment)
    assert send_alerts(at=moment) == 0
    reach_out(line, 1, moment)
    assert send_alerts(at=moment) == 1
    assert send_alerts(at=moment + timedelta(hours=1)) == 0
    assert sorted(m.to[0] for m in mail.outbox) == ["alice@lumen.example", "dana@lumen.example"]
    assert mail.outbox[0].subject == "Concierge US: reach-outs today at 80 %"
    assert f"/lines/{line.public_id}" in str(mail.outbox[0].body)
    tomorrow = moment + timedelta(days=1)
    reach_out(line, 160, tomorrow)
    assert send_alerts(at=tomorrow) == 1


def test_an_operators_url_is_posted_to_once(line: Line, alice: User, receiver: Any) -> None:
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    add_rule(line=line, limit="reach_outs", percent=50, url=url, actor=ACTOR)
    reach_out(line, 100, now())
    assert send_alerts() == 1
    assert send_alerts() == 0
    [body] = receiver.bodies
    assert body["event"] == "line.alert"
    assert body["data"]["line_id"] == line.public_id
    assert (body["data"]["limit"], body["data"]["used"], body["data"]["max"]) == ("reach_outs", 100, 200)
    assert mail.outbox == []


def test_a_url_that_refuses_is_noted_and_not_repeated(line: Line, receiver: Any) -> None:
    receiver.answer = 500
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    add_rule(line=line, limit="reach_outs", percent=50, url=url, actor=ACTOR)
    reach_out(line, 100, now())
    send_alerts()
    assert AlertSent.objects.get().error == "answered 500"
    assert send_alerts() == 0


def test_a_rule_without_a_line_watches_every_line_of_its_organization(
    line: Line, lumen: Organization, other: Organization, alice: User
) -> None:
    second = Line.objects.create(organization=lumen, handle="+15550100043")
    theirs = Line.objects.create(organization=other, handle="+15550100044")
    AlertRule.objects.create(organization=lumen, limit="*", percent=100)
    for one in (line, second, theirs):
        reach_out(one, 200, now())
    send_alerts()
    assert set(AlertSent.objects.values_list("line__handle", flat=True)) == {line.handle, second.handle}


def test_a_line_that_goes_down_is_told(line: Line, alice: User) -> None:
    add_rule(line=line, limit="health", percent=100, actor=ACTOR)
    assert send_alerts() == 0
    Line.objects.update(health="down", health_reasons=["mac_offline"])
    assert send_alerts() == 1
    assert "mac_offline" in str(mail.outbox[0].body)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"limit": "nonsense"}, "limit"),
        ({"percent": 0}, "percent"),
        ({"percent": 101}, "percent"),
        ({"emails": "a@b.example, not an address"}, "emails"),
        ({"emails": [f"a{n}@b.example" for n in range(11)]}, "emails"),
        ({"url": "ftp://example.com/x"}, "url"),
        ({"url": "http://169.254.169.254/latest"}, "url"),
    ],
)
def test_a_wrong_rule_names_what_is_wrong(line: Line, given: dict[str, Any], param: str) -> None:
    fields: dict[str, Any] = {"limit": "reach_outs", "percent": 80, **given}
    with pytest.raises(AppError) as refused:
        add_rule(line=line, actor=ACTOR, **fields)
    assert refused.value.param == param
    assert not AlertRule.objects.exists()


def test_the_same_rule_twice_is_refused_and_removing_is_recorded(line: Line) -> None:
    rule = add_rule(line=line, limit="ratio", percent=80, actor=ACTOR)
    with pytest.raises(AppError) as refused:
        add_rule(line=line, limit="ratio", percent=80, actor=ACTOR)
    assert refused.value.param == "limit"
    remove_rule(rule=rule, line=line, actor=ACTOR)
    assert list_rules(line=line) == []
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == ["alert.added", "alert.removed"]
