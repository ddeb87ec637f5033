"""One claim, one run, one answer (spec api §6)."""

import uuid

import pytest

from accounts.models.idempotency import IdempotencyRecord
from api.envelope import Reply
from api.idempotency import answer_once, purge_answers
from core.clock import from_ms
from core.errors import AppError

KEY = uuid.UUID(int=7)


def once(run, *, key="k-1", body=b"{}", path="/v1/messages", request_id="req_1"):
    return answer_once(api_key_id=KEY, path=path, key=key, body=body, request_id=request_id, run=run)


def reply(status=201, body=b'{"id":"obx_1","request_id":"req_1"}'):
    return lambda: Reply(status, body, "req_1")


def refuse():
    raise AssertionError("must not run again")


@pytest.mark.django_db
class TestIdempotency:
    def test_the_second_request_replays_the_first_answer(self):
        first = once(reply())
        second = once(refuse, request_id="req_2")
        assert (second.status, second.body) == (first.status, first.body)
        assert second.headers == {"Idempotency-Replayed": "true"}
        assert first.headers == {}

    def test_a_4xx_answer_is_replayed_too(self):
        once(reply(404, b'{"error":{}}'))
        assert once(refuse).status == 404

    def test_another_body_is_refused(self):
        once(reply())
        with pytest.raises(AppError) as caught:
            once(refuse, body=b'{"a":1}')
        assert (caught.value.status, caught.value.code) == (422, "idempotency_key_reused")

    def test_a_running_first_request_is_in_progress(self):
        def run():
            with pytest.raises(AppError) as caught:
                once(refuse, request_id="req_2")
            assert (caught.value.status, caught.value.code) == (409, "idempotency_in_progress")
            assert caught.value.retry_after_seconds == 1
            return reply()()

        assert once(run).status == 201

    def test_a_5xx_answer_is_not_remembered(self):
        once(reply(503))
        assert once(reply(201)).status == 201

    def test_an_exception_frees_the_key(self):
        with pytest.raises(ZeroDivisionError):
            once(lambda: 1 / 0)
        assert once(reply(201)).status == 201

    def test_the_same_key_on_another_path_is_another_request(self):
        once(reply())
        assert once(reply(200), path="/v1/reactions").status == 200

    def test_an_answer_lasts_a_day_and_is_purged_after(self):
        once(reply())
        IdempotencyRecord.objects.update(created_at=from_ms(0))
        assert purge_answers() == 1
        once(reply())
        IdempotencyRecord.objects.update(created_at=from_ms(0))
        assert once(reply(200)).status == 200

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\nb"])
    def test_a_key_must_be_1_to_255_printable_characters(self, key):
        with pytest.raises(AppError) as caught:
            once(refuse, key=key)
        assert (caught.value.code, caught.value.param) == ("invalid_parameter_value", "Idempotency-Key")
