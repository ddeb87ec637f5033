"""Webhooks through the API (spec api §9.10)."""

import pytest

from api.lists import Page
from api.v1.webhooks import CreatedWebhook, DeletedOut, WebhookOut
from core.clock import now
from lines.models import Line, SandboxPairing
from tests.api.checks import has_shape, refuses_bad_json
from tests.api.conftest import ApiClient
from webhooks_app.models import Endpoint

PATH = "/v1/webhooks"


@pytest.fixture
def body(line):
    return {"from": line.handle, "url": "https://203.0.113.5/hook", "events": ["message.received"]}


@pytest.fixture(autouse=True)
def _allow(settings):
    import ipaddress

    settings.OUTBOUND_ALLOWED_NETWORKS = (ipaddress.ip_network("203.0.113.0/24"),)


@pytest.fixture
def made(api, body):
    return api.post(PATH, body).body


@pytest.fixture
def elsewhere(lumen, make_key):
    """Speaks with a key that is bound to another line."""
    second = Line.objects.create(organization=lumen, handle="+15550100077")
    _, token = make_key(lumen, line_ids=[second.id])
    return ApiClient(token)


class TestCreating:
    def test_the_secret_is_shown_once(self, api, body, line):
        answer = api.post(PATH, body)
        assert answer.status == 201
        has_shape(answer, CreatedWebhook)
        assert answer.body["line_ids"] == [line.public_id]
        assert answer.body["secret"].startswith("whsec_")
        assert "secret" not in api.get(f"{PATH}?from={line.public_id}").body["data"][0]

    def test_an_empty_line_means_every_line_the_key_reaches(self, api, body, line, elsewhere):
        assert line.public_id in api.post(PATH, {**body, "from": ""}).body["line_ids"]
        assert Endpoint.objects.get().line_ids is None
        assert len(elsewhere.post(PATH, {**body, "from": ""}).body["line_ids"]) == 1

    @pytest.mark.parametrize("name", ["from", "url", "events"])
    def test_members_are_required(self, api, body, name):
        del body[name]
        assert api.post(PATH, body).error == (400, "invalid_request_error", "missing_required_parameter", name)

    def test_bad_json_is_refused(self, api):
        refuses_bad_json(api, PATH)
        assert not Endpoint.objects.exists()

    @pytest.mark.parametrize("events", [[], ["message.failed"], ["typing.started"], ["receipt.read"], [1], "x", {}])
    def test_other_events_are_refused(self, api, body, events):
        assert api.post(PATH, {**body, "events": events}).error == (
            400, "invalid_request_error", "invalid_parameter_value", "events",
        )  # fmt: skip

    @pytest.mark.parametrize(
        "url", ["ftp://x.example", "nonsense", "https://10.0.0.1/", "https://[::1]/", 7, "https://"]
    )
    def test_other_urls_are_refused(self, api, body, url):
        assert api.post(PATH, {**body, "url": url}).error == (
            400, "invalid_request_error", "invalid_parameter_value", "url",
        )  # fmt: skip

    def test_scope_line_and_organization_are_kept(self, lumen, make_key, body, stranger, elsewhere):
        _, token = make_key(lumen, scopes=["webhooks:read"])
        assert ApiClient(token).post(PATH, body).error[2] == "insufficient_scope"
        assert elsewhere.post(PATH, body).error[2] == "line_not_accessible"
        assert stranger.post(PATH, body).error[2] == "line_not_found"

    def test_the_sandbox_line_takes_them_once_activated(self, api, body, lumen):
        sandbox = Line.objects.create(handle="+15550100001", is_sandbox=True)
        assert api.post(PATH, {**body, "from": sandbox.handle}).error[2] == "sandbox_not_activated"
        SandboxPairing.objects.create(
            organization=lumen, line=sandbox, status="active", contact_identifier="+1555", activated_at=now()
        )
        assert api.post(PATH, {**body, "from": sandbox.handle}).body["line_ids"] == [sandbox.public_id]


class TestReading:
    def test_the_webhooks_of_a_line_are_listed(self, api, made, line):
        answer = api.get(f"{PATH}?from={line.public_id}")
        has_shape(answer, Page[WebhookOut])
        assert [item["id"] for item in answer.body["data"]] == [made["id"]]
        assert (answer.body["has_more"], answer.body["next_cursor"]) == (False, None)
        assert api.get(PATH).error[2:] == ("missing_required_parameter", "from")

    def test_one_is_read_by_its_id(self, api, made):
        answer = api.get(f"{PATH}/{made['id']}")
        assert (answer.status, answer.body["id"]) == (200, made["id"])
        has_shape(answer, WebhookOut)

    def test_nobody_else_sees_it(self, stranger, elsewhere, made, lumen, make_key, line):
        assert stranger.get(f"{PATH}/{made['id']}").error == (404, "not_found_error", "webhook_not_found", "id")
        assert elsewhere.get(f"{PATH}/{made['id']}").error[2] == "webhook_not_found"
        _, token = make_key(lumen, scopes=["webhooks:write"])
        assert ApiClient(token).get(f"{PATH}?from={line.public_id}").error[2] == "insufficient_scope"


class TestChanging:
    def test_what_is_given_changes(self, api, made, line):
        path = f"{PATH}/{made['id']}"
        answer = api.patch(path, {"url": "https://203.0.113.6/new", "events": ["reaction.added"], "is_active": False})
        assert answer.status == 200
        has_shape(answer, WebhookOut)
        assert answer.body["url"] == "https://203.0.113.6/new"
        assert (answer.body["events"], answer.body["is_active"]) == (["reaction.added"], False)
        assert answer.body["line_ids"] == [line.public_id]
        assert api.patch(path, {"is_active": True, "lines": []}).body["is_active"] is True
        assert Endpoint.objects.get().line_ids is None

    def test_wrong_values_are_named_and_nothing_changes(self, api, made):
        path = f"{PATH}/{made['id']}"
        for change in ({"url": "x"}, {"events": ["x"]}, {"is_active": "yes"}, {"lines": [7]}):
            assert api.patch(path, change).error[2:] == ("invalid_parameter_value", next(iter(change)))
        assert api.patch(path, {"lines": ["+15550109999"]}).error[2] == "line_not_found"
        assert api.get(path).body["url"] == made["url"]

    def test_nobody_else_changes_it(self, stranger, elsewhere, made):
        for client in (stranger, elsewhere):
            assert client.patch(f"{PATH}/{made['id']}", {"is_active": False}).error[2] == "webhook_not_found"


class TestDeleting:
    def test_by_id_in_the_body_and_in_the_query(self, api, body):
        ids = [api.post(PATH, body).body["id"] for _ in range(2)]
        answer = api.delete(PATH, {"id": ids[0]})
        assert answer.status == 200
        has_shape(answer, DeletedOut)
        assert answer.body["deleted"] is True
        assert api.delete(f"{PATH}?id={ids[1]}").body["id"] == ids[1]
        assert api.delete(PATH, {"id": ids[0]}).error == (404, "not_found_error", "webhook_not_found", "id")

    def test_an_id_is_required_and_must_be_one_of_a_webhook(self, api, db):
        assert api.delete(PATH).error[2:] == ("missing_required_parameter", "id")
        assert api.delete(PATH, {"id": "ln_1"}).error[2:] == ("invalid_parameter_value", "id")
        assert api.delete(PATH, {"id": 7}).error[2:] == ("invalid_parameter_value", "id")

    def test_nobody_else_deletes_it(self, stranger, elsewhere, made, lumen, make_key):
        for client in (stranger, elsewhere):
            assert client.delete(PATH, {"id": made["id"]}).error[2] == "webhook_not_found"
        _, token = make_key(lumen, scopes=["webhooks:read"])
        assert ApiClient(token).delete(PATH, {"id": made["id"]}).error[2] == "insufficient_scope"
