"""The outgoing client and hostile servers."""
# ruff: noqa: E501

import asyncio
import ipaddress
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from core import outbound_connect
from core.outbound import HttpClient, HttpResult, parse_url
from core.outbound_answer import Answer, AnswerError


@pytest.fixture(autouse=True)
def _no_network_is_allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ()
    settings.WEBHOOKS_REQUIRE_HTTPS = False


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def post_to(script: Script, *, seconds: float = 5.0, times: int = 1, tls: Any = None, host: str = "127.0.0.1",
            client_tls: ssl.SSLContext | None = None) -> list[HttpResult]:  # fmt: skip
    """What the client gets from a server that runs the script for each connection."""

    async def run() -> list[HttpResult]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await script(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        target = parse_url(f"{'https' if tls else 'http'}://{host}:{port}/hook", require_https=False)
        async with HttpClient(tls=client_tls) as client:
            results = [await client.post(target, [("A", "b")], b"{}", total_seconds=seconds) for _ in range(times)]
        server.close()
        return results

    return asyncio.run(run())


@pytest.fixture
def loopback(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)


def saying(*parts: bytes, pause: float = 0.0, close: bool = True) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        if not close:
            await reader.read()

    return script


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize(
    ("answer", "status", "body", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", ""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", ""),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b"", ""),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end", ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n", 200, b"abcde", ""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 OK\r\nContent-Length: 1\r\n\r\nx", 201, b"x", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", 302, b"", ""),
        (b"hello, I am HTTP/0.9", None, b"", "invalid_answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", None, b"", "invalid_answer"),
        (b"HTTP/2 200\r\n\r\n", None, b"", "invalid_answer"),
        (b"HTTP/1.1 abc OK\r\n\r\n", None, b"", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", None, b"", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", None, b"", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", None, b"", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", None, b"", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", None, b"", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", None, b"", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 200, b"", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", 200, b"a", "invalid_answer"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", None, b"", "invalid_answer"),
        (b"HTTP/1.1 100 C\r\n\r\n" * 50, None, b"", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n", None, b"", "answer_too_large"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 40_000, None, b"", "answer_too_large"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", 200, b"ab", "closed"),
        (b"", None, b"", "closed"),
    ],
)  # fmt: skip
def test_answers(answer: bytes, status: int | None, body: bytes, error: str) -> None:
    (result,) = post_to(saying(answer))
    assert (result.status, result.error) == (status, error)
    if not error:
        assert result.body == body


@pytest.mark.usefixtures("loopback")
def test_a_big_body_is_cut_at_16_kb_and_a_compressed_one_is_not_opened() -> None:
    big = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100000000\r\n\r\n" + b"\x1f\x8b" * 20_000
    (result,) = post_to(saying(big, close=False))
    assert (result.status, result.error, result.is_truncated, len(result.body)) == (200, "", True, 16384)
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n"
    (result,) = post_to(saying(chunks, *[b"1000\r\n" + b"x" * 4096 + b"\r\n"] * 20, close=False))
    assert (result.error, result.is_truncated, len(result.body)) == ("", True, 16384)


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize(
    "script",
    [
        saying(close=False),
        saying(*[b"H"] + [b"T"] * 100, pause=0.05),
        saying(b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n"] * 100, pause=0.05),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 100, pause=0.05),
        saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 100, pause=0.05),
        saying(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x"] * 100, pause=0.05),
    ],
)
def test_time_is_bounded_whatever_the_server_does(script: Script) -> None:
    (result,) = post_to(script, seconds=0.4)
    assert result.error in ("answer_timeout", "invalid_answer")
    assert result.total_ms < 2500


@pytest.mark.usefixtures("loopback")
def test_a_kept_connection_is_used_again_and_a_closed_one_replaced() -> None:
    opened = []

    async def two_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        for _ in range(2):
            await reader.readexactly(len(await reader.readuntil(b"\r\n\r\n")) and 2)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    results = post_to(two_each, times=5)
    assert [result.error for result in results] == [""] * 5
    assert len(opened) == 3
    assert results[0].connect_ms is not None
    assert results[1].connect_ms is None


@pytest.mark.usefixtures("loopback")
def test_bytes_after_an_answer_end_the_connection() -> None:
    opened = []

    async def chatty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    assert [result.status for result in post_to(chatty, times=2)] == [200, 200]
    assert len(opened) == 2


@pytest.mark.usefixtures("loopback")
def test_nothing_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def run() -> HttpResult:
        async with HttpClient() as client:
            return await client.post(parse_url(f"http://127.0.0.1:{port}/", require_https=False), [], b"")

    assert asyncio.run(run()).error == "refused"


def test_a_name_that_changes_after_the_check_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saved while it was public; at the connect it says 127.0.0.1."""
    monkeypatch.setattr(outbound_connect, "_look_up", lambda host: [ipaddress.ip_address("127.0.0.1")])
    called = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.append(1)

    (result,) = post_to(script, host="rebind.example")
    assert (result.error, called) == ("address_refused", [])
    assert "OUTBOUND_ALLOWED_NETWORKS" in result.error_text


@pytest.mark.usefixtures("loopback")
def test_a_name_is_connected_to_at_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("127.0.0.1")]]
    monkeypatch.setattr(outbound_connect, "_look_up", lambda host: answers[0])
    (result,) = post_to(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), host="pinned.example")
    assert (result.status, result.address.partition(":")[0]) == (200, "127.0.0.1")
    assert result.dns_ms is not None


def test_a_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(host: str) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(outbound_connect, "_look_up", missing)
    (result,) = post_to(saying(b""), host="nowhere.example")
    assert result.error == "dns_not_found"


@pytest.mark.usefixtures("loopback")
def test_tls_faults_have_names(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
         "-out", certificate, "-days", "2", "-subj", "/CN=other.example", "-addext", "subjectAltName=DNS:other.example"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    answer = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    (unknown,) = post_to(answer, tls=server)
    assert unknown.error == "tls_unknown_issuer"
    trusting = ssl.create_default_context(cafile=certificate)
    (wrong,) = post_to(answer, tls=server, client_tls=trusting)
    assert wrong.error == "tls_wrong_name"
    (plain,) = post_to_plain_as_tls()
    assert plain.error in ("tls_failed", "closed", "reset")


def post_to_plain_as_tls() -> list[HttpResult]:
    async def run() -> list[HttpResult]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Plain\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with HttpClient() as client:
            result = await client.post(parse_url(f"https://127.0.0.1:{port}/"), [], b"")
        server.close()
        return [result]

    return asyncio.run(run())


def test_a_header_cannot_break_the_request_apart() -> None:
    async def run() -> None:
        async with HttpClient() as client:
            await client.post(parse_url("http://93.184.216.34/"), [("A", "b\r\nC: d")], b"")

    with pytest.raises(ValueError, match="line break"):
        asyncio.run(run())


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_answers_arrive_in_any_pieces(size: int) -> None:
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
    answer = Answer()
    done = [answer.feed(whole[start : start + size]) for start in range(0, len(whole), size)]
    assert done == [False] * (len(done) - 1) + [True]
    assert (answer.status, answer.body, answer.is_reusable) == (200, b"hello!", True)
    with pytest.raises(AnswerError):
        Answer().feed(b"HTTX")
