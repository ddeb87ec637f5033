"""The running product: its front door, its faults, its end."""

import socket
import threading
from pathlib import Path

import pytest

from tests.live import Product, remove_product_data, wait_until


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
    product.kill_and_await(name)
    wait_until(lambda: is_answering(product), seconds=30, what="an answer of the web server")


@pytest.mark.faults
def test_postgres_restarted_and_redis_emptied_leave_a_ready_product(product: Product) -> None:
    product.flush_redis()
    product.restart_postgres()
    wait_until(lambda: product.call("GET", "/readyz").status == 200, seconds=20, what="readiness")


def is_answering(product: Product) -> bool:
    try:
        return product.call("GET", "/readyz").status == 200
    except OSError:
        return False


@pytest.mark.faults
def test_an_interrupt_ends_everything_and_frees_the_port(tmp_path: Path) -> None:
    product = Product(tmp_path / "data")
    product.start()
    pids = {path.stem: product.pid_of(path.stem) for path in (product.data_dir / "pids").iterdir()}
    assert {"web", "worker", "engine", "postgres", "redis"} <= set(pids)
    stream = socket.create_connection(("127.0.0.1", product.port))
    stream.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
    assert product.stop() == 0
    stream.close()
    assert not [name for name, pid in pids.items() if Path(f"/proc/{pid}").exists()]
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", product.port))
    remove_product_data(product)
