"""The API while a store is away: an answer in the envelope in every case, and business as usual afterwards."""

import os
import signal
import time

import pytest

from tests.live import Answer, Product, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


def test_while_the_database_restarts_the_answer_is_503_with_a_time_to_come_back(product: Product) -> None:
    token = product.make_account().token
    assert product.call("GET", "/v1/lines", token=token).status == 200
    before = product.pid_of("postgres")
    os.kill(before, signal.SIGINT)
    answers: list[Answer] = []

    def is_back() -> bool:
        answers.append(product.call("GET", "/v1/lines", token=token))
        return product.pid_of("postgres") != before and answers[-1].status == 200

    wait_until(is_back, seconds=60, what="an answer after the restart")
    refused = [answer for answer in answers if answer.status != 200]
    assert refused
    for answer in refused:
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1
        body = answer.json()
        assert (body["error"]["type"], body["error"]["code"]) == ("api_error", "service_unavailable")
        assert body["request_id"] == answer.headers["x-request-id"]
        assert b"Traceback" not in answer.body


@pytest.mark.parametrize("hurt", ["killed", "frozen"])
def test_without_redis_requests_are_answered(product: Product, hurt: str) -> None:
    token = product.make_account().token
    assert product.call("GET", "/v1/lines", token=token).status == 200
    before = product.pid_of("redis")
    if hurt == "frozen":
        product.pause("redis")
    else:
        product.kill("redis")
    try:
        begun = time.monotonic()
        statuses = [product.call("GET", "/v1/lines", token=token).status for _ in range(5)]
        assert statuses == [200] * 5
        assert time.monotonic() - begun < 15
    finally:
        if hurt == "frozen":
            product.resume("redis")
        else:
            wait_until(lambda: product.pid_of("redis") != before, seconds=30, what="the restart of redis")
    assert product.call("GET", "/v1/lines", token=token).status == 200
