"""Replays: how many, start, watch, pause, resume, cancel; and those of one endpoint since a time."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Organization, User
from core.clock import now
from lines.models import Line
from tests.dashboard.hooks import make_delivery, make_endpoint
from webhooks_app.models import Delivery, Endpoint, Replay
from webhooks_app.services.replay_runner import run_replays

pytestmark = pytest.mark.django_db
START = "/webhooks/deliveries/replay"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def admin(client: Client, dana: User) -> Client:
    client.force_login(dana)
    return client


@pytest.fixture
def endpoint(lumen: Organization) -> Endpoint:
    return make_endpoint(lumen)


@pytest.fixture
def replay(lumen: Organization) -> Replay:
    return Replay.objects.create(
        organization=lumen, filter={"query": [["state", "failed"]]}, total=200, queued=100, delivered=60, failed=20,
        started_by_label="Alice Okafor",
    )  # fmt: skip


def texts(response: Any) -> str:
    return str(response.content.decode())


def test_the_button_counts_the_failed_ones_of_the_filter(
    admin: Client, lumen: Organization, endpoint: Endpoint, line: Line
) -> None:
    second = make_endpoint(lumen, "http://127.0.0.1:9472/in")
    for one in (endpoint, endpoint, second):
        make_delivery(one, line)
    make_delivery(endpoint, line, state="delivered", last_status=200, last_error="")
    assert "Replay 3 failed" in texts(admin.get("/webhooks/deliveries"))
    assert "Replay 2 failed" in texts(admin.get(f"/webhooks/deliveries?endpoint={endpoint.public_id}"))
    assert "Replay 1 delivered" in texts(admin.get("/webhooks/deliveries?state=delivered"))
    assert "Replay 4 deliveries" in texts(admin.get("/webhooks/deliveries?state=delivered&state=failed"))
    assert "Replay" not in texts(admin.get("/webhooks/deliveries?state=pending")).split('id="replay-failed"')[1][:200]


def test_sending_again_what_was_accepted_says_so_first(admin: Client, endpoint: Endpoint, line: Line) -> None:
    make_delivery(endpoint, line, state="delivered", last_status=200, last_error="")
    page = texts(admin.get(f"{START}?state=delivered", headers=HTMX))
    assert "accepted these already" in page
    assert "accepted these already" not in texts(admin.get(f"{START}?state=held", headers=HTMX))


def test_exactly_the_failed_ones_are_sent_again(admin: Client, lumen: Organization, line: Line) -> None:
    first, second = make_endpoint(lumen), make_endpoint(lumen, "http://127.0.0.1:9472/in")
    ours = make_delivery(first, line)
    accepted = make_delivery(first, line, state="delivered", last_status=200, last_error="")
    theirs = make_delivery(second, line)
    query = f"endpoint={first.public_id}"
    page = texts(admin.get(f"{START}?{query}", headers=HTMX))
    assert "Replay 1 delivery?" in page
    assert "Delivery ids stay the same" in page
    response = admin.post(f"{START}?{query}", headers=HTMX)
    replay = Replay.objects.get(organization=lumen)
    assert response.headers["HX-Redirect"] == f"/webhooks/replays/{replay.public_id}"
    run_replays()
    states = {one.pk: one.state for one in Delivery.objects.all()}
    assert states == {ours.pk: "pending", accepted.pk: "delivered", theirs.pk: "failed"}
    assert replay.started_by_label == "Dana Cruz"


def test_nothing_to_replay_starts_nothing(admin: Client, lumen: Organization) -> None:
    assert "Nothing to replay" in texts(admin.get(START))
    assert admin.post(START).status_code == 422
    assert not Replay.objects.exists()


def test_members_watch_but_do_not_start_or_stop(client: Client, bob: User, replay: Replay) -> None:
    client.force_login(bob)
    page = texts(client.get(f"/webhooks/replays/{replay.public_id}"))
    assert "Alice Okafor" in page
    assert "Pause" not in page
    assert client.post(START).status_code == 403
    assert client.post(f"/webhooks/replays/{replay.public_id}/act", {"do": "pause"}).status_code == 403


def test_progress_shows_counts_and_is_asked_for_while_it_runs(admin: Client, replay: Replay) -> None:
    page = texts(admin.get(f"/webhooks/replays/{replay.public_id}/progress"))
    for text in ("of 200", "40.0%", "every 1s", "Time left"):
        assert text in page
    Replay.objects.filter(pk=replay.pk).update(
        state="done", queued=200, delivered=180, failed=20, finished_at=now() - timedelta(minutes=1)
    )
    over = texts(admin.get(f"/webhooks/replays/{replay.public_id}/progress"))
    assert "every 1s" not in over
    assert "Everything is settled" in over


def test_pause_resume_and_cancel(admin: Client, replay: Replay) -> None:
    act = f"/webhooks/replays/{replay.public_id}/act"
    for do, state in (("pause", "paused"), ("pause", "paused"), ("resume", "running"), ("cancel", "cancelled"),
                      ("resume", "cancelled"), ("nonsense", "cancelled")):  # fmt: skip
        admin.post(act, {"do": do}, headers=HTMX)
        assert Replay.objects.get(pk=replay.pk).state == state


def test_the_list_says_what_was_sent_by_whom(admin: Client, replay: Replay, charlie: User) -> None:
    page = texts(admin.get("/webhooks/replays"))
    assert "Failed" in page
    assert "60 of 200" in page
    assert "Alice Okafor" in page
    admin.force_login(charlie)
    assert "Alice Okafor" not in texts(admin.get("/webhooks/replays"))
    assert admin.get(f"/webhooks/replays/{replay.public_id}").status_code == 404


def test_an_endpoints_replay_begins_where_its_failures_began(
    admin: Client, lumen: Organization, endpoint: Endpoint
) -> None:
    Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=now().replace(2026, 3, 4, 5, 6))
    assert "2026-03-04T05:06" in texts(admin.get(f"/webhooks/{endpoint.public_id}/replay"))
    since = now() - timedelta(hours=3)
    response = admin.post(
        f"/webhooks/{endpoint.public_id}/replay", {"since": f"{since:%Y-%m-%dT%H:%M}", "only": "missing"}
    )
    replay = Replay.objects.get(organization=lumen)
    assert response.headers["Location"] == f"/webhooks/replays/{replay.public_id}"
    assert replay.filter["only"] == "missing"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"since": ""}, "This field is required"),
        ({"since": "yesterday"}, "Enter a valid date/time"),
        ({"since": "2999-01-01T00:00"}, "Choose a time in the past"),
        ({"until": "2001-01-01T00:00"}, "Choose a time after the first one"),
        ({"only": "some"}, "Select a valid choice"),
    ],
)
def test_a_wrong_time_is_said_beside_it(admin: Client, endpoint: Endpoint, wrong: dict[str, str], said: str) -> None:
    given = {"since": "2026-01-01T00:00", "only": "missing", **wrong}
    response = admin.post(f"/webhooks/{endpoint.public_id}/replay", given)
    assert response.status_code == 422
    assert said in texts(response)
    assert not Replay.objects.exists()


def test_an_endpoint_that_is_off_is_not_replayed_to(admin: Client, endpoint: Endpoint) -> None:
    Endpoint.objects.filter(pk=endpoint.pk).update(is_active=False)
    response = admin.post(f"/webhooks/{endpoint.public_id}/replay", {"since": "2026-01-01T00:00", "only": "missing"})
    assert response.status_code == 422
    assert "switch it on, then replay" in texts(response)


def test_the_list_is_paged(admin: Client, lumen: Organization) -> None:
    Replay.objects.bulk_create(
        Replay(organization=lumen, filter={"query": []}, started_by_label=f"Person {n}") for n in range(60)
    )
    first = admin.get("/webhooks/replays")
    rest = admin.get(f"/webhooks/replays?before={first.context['page'].older}")
    back = admin.get(f"/webhooks/replays?after={rest.context['page'].newer}")
    seen = [row.replay.started_by_label for page in (first, rest) for row, _ in page.context["rows"]]
    assert seen == [f"Person {n}" for n in reversed(range(60))]
    assert len(first.context["rows"]) == 50
    assert back.context["rows"][0][0].replay == first.context["rows"][0][0].replay
    assert 'rel="next"' in texts(first)
    assert 'rel="prev"' in texts(rest)
