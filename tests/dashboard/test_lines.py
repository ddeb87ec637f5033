"""The pages of lines: what they show, what they change, what they refuse."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, Organization, User
from core.clock import now
from lines.models import AlertRule, Line, SandboxPairing
from lines.services.counting import count_outbound
from lines.services.provisioning import ensure_sandbox_line
from messaging.models import Chat, OutboxItem

XSS = "<script>alert(1)</script>"


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def queue(line: Line, chat: Chat, **fields: Any) -> OutboxItem:
    return OutboxItem.objects.create(
        organization_id=line.organization_id,
        line_id=line.id,
        chat_id=chat.id,
        operation="send",
        payload={},
        lane="x",
        deadline_at=now() + timedelta(hours=1),
        **fields,
    )


def test_the_table_shows_own_lines_and_the_sandbox_but_nobody_elses(
    owner: Client, line: Line, other: Organization
) -> None:
    ensure_sandbox_line()
    Line.objects.create(organization=other, handle="+15550109999", label="Not for Lumen")
    page = text_of(owner, "/lines")
    assert "Concierge US" in page
    assert "Shared sandbox" in page
    assert "Not for Lumen" not in page


def test_lines_are_found_by_label_and_by_number(owner: Client, line: Line, lumen: Organization) -> None:
    Line.objects.create(organization=lumen, handle="+15550107777", label="Night desk")
    assert "Concierge US" not in text_of(owner, "/lines?q=night")
    assert "Night desk" in text_of(owner, "/lines?q=%2B1+555+010+7777")
    assert "No line matches" in text_of(owner, "/lines?q=nothing+like+it")


def test_a_thousand_lines_take_at_most_eight_queries(owner: Client, lumen: Organization) -> None:
    Line.objects.bulk_create(Line(organization=lumen, handle=f"+1555040{n:04}") for n in range(1000))
    for line in Line.objects.all()[:30]:
        count_outbound(line_id=line.id, at=now(), is_reach_out=True)
    owner.get("/lines")
    with CaptureQueriesContext(connection) as queries:
        page = text_of(owner, "/lines")
    assert page.count('class="lead-l') == 50
    assert len(queries) <= 8, [query["sql"][:80] for query in queries]


def test_the_line_page_tells_limits_who_waits_failures_and_senders(
    owner: Client, line: Line, chat: Chat, alice: User
) -> None:
    for _ in range(164):
        count_outbound(line_id=line.id, at=now(), is_reach_out=True)
    Chat.objects.update(unanswered=4, last_outbound_at=now(), last_text="Are you there?")
    queue(line, chat, status="failed", error="delivery_unknown", user_id=alice.pk)
    page = text_of(owner, f"/lines/{line.public_id}")
    assert "164 <small>of 200</small>" in page
    assert "4 of 5" in page
    assert f"/conversations/{chat.public_id}" in page
    assert "delivery_unknown" in page
    assert "Alice Okafor, dashboard" in page
    assert "Near" in page


def test_the_line_page_shows_thirty_days(owner: Client, line: Line) -> None:
    assert "Reach-outs, 30 days, UTC: at most 0 of 200" in text_of(owner, f"/lines/{line.public_id}?span=30d")


@pytest.mark.parametrize("address", ["", "/edit", "/alerts", "/delete"])
def test_another_organizations_line_is_not_there(client: Client, charlie: User, line: Line, address: str) -> None:
    client.force_login(charlie)
    assert client.get(f"/lines/{line.public_id}{address}").status_code == 404


@pytest.mark.parametrize("line_id", ["ln_0", "nonsense", "+15550100042", "ln_" + "0" * 32])
def test_an_id_that_is_none_is_not_found(owner: Client, line: Line, line_id: str) -> None:
    assert owner.get(f"/lines/{line_id}").status_code == 404


def test_a_simulated_line_is_added(owner: Client, lumen: Organization) -> None:
    answer = owner.post("/lines/new", {"label": "Night desk", "handle": ""})
    line = Line.objects.get(label="Night desk")
    assert answer["Location"] == f"/lines/{line.public_id}"
    assert line.organization == lumen
    assert AuditEntry.objects.get().action == "line.created"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"handle": "+15550100042"}, "already in use"),
        ({"handle": "not a number"}, "A line&#x27;s handle is"),
        ({"label": "x" * 81}, "at most 80"),
    ],
)
def test_a_wrong_new_line_says_so_beside_the_field(
    owner: Client, line: Line, given: dict[str, str], words: str
) -> None:
    answer = owner.post("/lines/new", {"label": "", "handle": "", **given})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert Line.objects.count() == 1


def test_a_label_never_becomes_markup(owner: Client, line: Line) -> None:
    owner.post(f"/lines/{line.public_id}/edit", {"label": XSS, "warmup_days": "14"})
    line.refresh_from_db()
    assert (line.label, line.warmup_days) == (XSS, 14)
    assert line.warmup_started_at is not None
    for address in ("/lines", f"/lines/{line.public_id}", f"/lines/{line.public_id}/alerts"):
        assert XSS not in text_of(owner, address)


def test_pausing_and_resuming_are_recorded_and_repeatable(owner: Client, line: Line) -> None:
    for _ in range(2):
        owner.post(f"/lines/{line.public_id}/pause")
    line.refresh_from_db()
    assert line.paused_at is not None
    assert "Resume" in text_of(owner, f"/lines/{line.public_id}")
    owner.post(f"/lines/{line.public_id}/pause", {"resume": "1"})
    line.refresh_from_db()
    assert line.paused_at is None
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == ["line.paused", "line.resumed"]


def test_strict_mode_off_lets_held_sends_go(owner: Client, line: Line, chat: Chat) -> None:
    owner.post(f"/lines/{line.public_id}/strict", {"is_strict": "1"})
    line.refresh_from_db()
    assert line.is_strict
    item = queue(line, chat, held_reason="reach_outs", resumes_at=now(), not_before=now() + timedelta(hours=3))
    owner.post(f"/lines/{line.public_id}/strict")
    item.refresh_from_db()
    assert item.held_reason == ""
    assert item.not_before <= now()


def test_alerts_are_added_listed_and_removed(owner: Client, line: Line) -> None:
    address = f"/lines/{line.public_id}/alerts"
    owner.post(address, {"limit": "ratio", "percent": "90", "emails": "ops@lumen.example", "url": ""})
    rule = AlertRule.objects.get()
    assert "ops@lumen.example" in text_of(owner, address)
    again = owner.post(address, {"limit": "ratio", "percent": "90", "emails": "ops@lumen.example", "url": ""})
    assert again.status_code == 422
    owner.post(f"{address}/{rule.pk}/remove")
    assert not AlertRule.objects.filter(is_active=True).exists()
    assert owner.post(f"{address}/{rule.pk}/remove").status_code == 404


def test_a_line_is_deleted_only_with_its_number_typed(owner: Client, line: Line) -> None:
    address = f"/lines/{line.public_id}/delete"
    assert owner.post(address, {"handle": "+15550100043"}).status_code == 422
    assert Line.objects.get().deleted_at is None
    assert owner.post(address, {"handle": "+1 555 010 0042"}).status_code == 302
    assert Line.objects.get().deleted_at is not None
    assert owner.post(address, {"handle": line.handle}).status_code == 404


def test_members_read_and_change_nothing(member: Client, line: Line) -> None:
    page = text_of(member, f"/lines/{line.public_id}")
    assert "Strict mode" not in page
    assert member.post(f"/lines/{line.public_id}/pause").status_code == 403
    assert member.post(f"/lines/{line.public_id}/alerts", {"limit": "*", "percent": "80"}).status_code == 403
    assert not AlertRule.objects.exists()


def test_the_sandbox_goes_from_missing_to_pending_to_active_and_back(owner: Client, lumen: Organization) -> None:
    assert "Set up the sandbox" in text_of(owner, "/sandbox")
    owner.post("/sandbox/open")
    pairing = SandboxPairing.objects.get()
    page = text_of(owner, "/sandbox")
    assert pairing.code in page
    assert f"sms:+15550100001?body={pairing.code}" in page
    assert 'every 2s"' in page
    assert "style=" not in page.split('class="m-qr"')[1].split("</svg>")[0]
    SandboxPairing.objects.update(
        status="active", contact_identifier="+15550100144", activated_at=now(), code="", code_expires_at=None
    )
    card = owner.get("/sandbox?was=pending", headers={"HX-Request": "true"})
    assert "every 2s" not in card.content.decode()
    assert "Paired with +15550100144" in card["HX-Trigger"]
    owner.post("/sandbox/reset")
    assert SandboxPairing.objects.get().status == "pending"


def test_the_sandbox_line_can_be_looked_at_and_not_changed(owner: Client) -> None:
    sandbox = ensure_sandbox_line()
    assert owner.get(f"/lines/{sandbox.public_id}").status_code == 200
    for action in ("edit", "pause", "strict", "alerts", "delete"):
        assert owner.post(f"/lines/{sandbox.public_id}/{action}", {"handle": sandbox.handle}).status_code == 404
