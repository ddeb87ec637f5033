"""The running product: its front door, its faults, its end."""

import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import DjangoDbBlocker

from tests.live import Account, Product, remove_product_data, wait_until


def test_health_and_readiness_answer(product: Product) -> None:
    assert product.call("GET", "/healthz").json() == {"status": "ok"}
    assert product.call("GET", "/readyz").json() == {"status": "ok", "database": "ok", "redis": "ok"}


def test_a_json_body_of_ten_megabytes_is_refused_in_the_envelope(product: Product) -> None:
    answer = product.call("POST", "/v1/messages", content=b"[" + b" " * 10_000_000 + b"]")
    assert answer.status == 413
    assert answer.json()["error"]["code"] == "body_too_large"
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_chunked_body_over_the_limit_is_cut_off(product: Product) -> None:
    with socket.create_connection(("127.0.0.1", product.port), timeout=20) as client:
        client.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(6):
            client.sendall(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
        client.sendall(b"0\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_slow_bodies_do_not_hold_other_requests_up(product: Product) -> None:
    slow = [socket.create_connection(("127.0.0.1", product.port)) for _ in range(40)]
    try:
        for client in slow:
            client.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        threads = [threading.Thread(target=product.call, args=("GET", "/v1/none")) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        assert not any(thread.is_alive() for thread in threads)
    finally:
        for client in slow:
            client.close()


def test_a_head_request_has_no_body(product: Product) -> None:
    answer = product.call("HEAD", "/healthz")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.faults
@pytest.mark.parametrize("name", ["web", "worker", "engine"])
def test_a_killed_process_comes_back(product: Product, name: str) -> None:
    before = product.pid_of(name)
    product.kill_and_await(name)
    wait_until(lambda: is_answering(product), seconds=30, what="an answer of the web server")
    assert not Path(f"/proc/{before}").exists()


@pytest.mark.faults
def test_postgres_restarted_and_redis_emptied_leave_a_ready_product(product: Product) -> None:
    product.flush_redis()
    product.restart_postgres()
    wait_until(lambda: product.call("GET", "/readyz").status == 200, seconds=20, what="readiness")
    assert product.call("GET", "/readyz").json() == {"status": "ok", "database": "ok", "redis": "ok"}


def is_answering(product: Product) -> bool:
    try:
        return product.call("GET", "/readyz").status == 200
    except OSError:
        return False


@pytest.mark.faults
def test_the_end_is_orderly_whatever_is_open(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> None:
    product = Product(tmp_path / "data")
    product.start()
    pids = {path.stem: product.pid_of(path.stem) for path in (product.data_dir / "pids").iterdir()}
    assert {"web", "worker", "engine", "postgres", "redis"} <= set(pids)
    with django_db_blocker.unblock(), product.orm():
        account = product.make_account()
        session = make_session(account)
    api = f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer {account.token}"
    tab = f"GET /live?topics=chats HTTP/1.1\r\nHost: x\r\nCookie: sessionid={session}"
    poll = f"GET /v1/events?wait=30 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {account.token}"
    streams = [open_stream(product, request) for request in [api] * 50 + [tab]]
    waiting = send_request(product, poll)
    started = time.monotonic()
    assert product.stop(signal.SIGTERM) == 0
    assert time.monotonic() - started < 10
    assert [read_to_end(stream)[-5:] for stream in streams] == [b"0\r\n\r\n"] * 51
    assert b"HTTP/1.1 200" in read_to_end(waiting)
    assert "refused to gracefully stop" not in product.log
    assert not [name for name, pid in pids.items() if Path(f"/proc/{pid}").exists()]
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", product.port))
    remove_product_data(product)


def make_session(account: Account) -> str:
    """Signed in as the account's person."""
    client = Client()
    client.force_login(account.user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def send_request(product: Product, head: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", product.port), timeout=20)
    client.sendall(head.encode() + b"\r\n\r\n")
    return client


def open_stream(product: Product, head: str) -> socket.socket:
    client = send_request(product, head)
    assert client.recv(4096).startswith(b"HTTP/1.1 200 "), head
    return client


def read_to_end(client: socket.socket) -> bytes:
    with client:
        return b"".join(iter(lambda: client.recv(4096), b""))
