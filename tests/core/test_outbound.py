"""The outgoing client: hostile URLs, hostile names, hostile servers."""
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

from core import outbound_address, outbound_connect
from core.errors import InvalidRequestError
from core.outbound import HttpClient, HttpResult, check_url, parse_url
from core.outbound_address import find_refusal
from core.outbound_answer import Answer, AnswerError

REFUSED_ADDRESSES = [
    "http://127.0.0.1",
    "http://127.0.0.1:8080/",
    "http://127.1",
    "http://127.0.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0x7f.1",
    "http://017700000001",
    "http://0177.0.0.1",
    "http://127.000.000.001",
    "http://0x7f.0x0.0x0.0x1",
    "http://[::1]",
    "http://[::]",
    "http://0.0.0.0",
    "http://0",
    "http://0x0",
    "http://10.0.0.1",
    "http://10.255.255.255",
    "http://172.16.0.1",
    "http://172.31.255.254",
    "http://192.168.0.1",
    "http://192.168.255.255",
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.0.1",
    "http://100.64.0.1",
    "http://100.127.255.255",
    "http://192.0.0.1",
    "http://192.0.0.170",
    "http://192.0.2.1",
    "http://198.18.0.1",
    "http://198.19.255.255",
    "http://198.51.100.1",
    "http://203.0.113.1",
    "http://224.0.0.1",
    "http://239.255.255.255",
    "http://240.0.0.1",
    "http://255.255.255.255",
    "http://192.88.99.1",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:7f00:1]",
    "http://[::ffff:10.0.0.1]",
    "http://[::ffff:169.254.169.254]",
    "http://[::127.0.0.1]",
    "http://[64:ff9b::7f00:1]",
    "http://[64:ff9b::10.0.0.1]",
    "http://[64:ff9b:1::1]",
    "http://[2002:7f00:1::]",
    "http://[2002:a00:1::1]",
    "http://[2001::1]",
    "http://[2001:db8::1]",
    "http://[2001:10::1]",
    "http://[fe80::1]",
    "http://[fec0::1]",
    "http://[fc00::1]",
    "http://[fd00:ec2::254]",
    "http://[ff02::1]",
    "http://[100::1]",
    "http://[3fff::1]",
    "http://[4000::1]",
    "http://[fe80::1%25eth0]",
    "http://[::1%25lo]",
    "http://[0:0:0:0:0:ffff:0:1]",
    "http://１２７.０.０.１",
    "http://①②⑦.⓪.⓪.①",
    "http://127。0。0。1",
    "http://127．0．0．1",
    "http://localhost",
    "http://LOCALHOST",
    "http://localhost.",
    "http://loc%61lhost",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "http://localhost:80/x",
    "http://[::ffff:0:0]",
    "http://0.0.0.0:65535",
]
REFUSED_FORMS = [
    "file:///etc/passwd", "gopher://example.com/_x", "ftp://example.com", "dict://example.com", "javascript:alert(1)",
    "data:text/plain,x", "ws://example.com", "//example.com", "example.com", "/hook", "", " ", "http://", "https:///x",
    "http:example.com", "http://user@example.com", "http://user:pass@example.com", "http://example.com@10.0.0.1",
    "http://10.0.0.1\\@example.com", "http://example.com\\.evil.com", "http://exa mple.com", "http://example.com\r\nX: 1",
    "http://example.com/\x00", "http://example.com/\ttab", "http://example.com/#fragment", "http://example.com/#",
    "http://example.com:0", "http://example.com:65536", "http://example.com:22", "http://example.com:25/",
    "http://example.com:6379", "http://example.com:5432", "http://example.com:99999999", "http://example.com:",
    "http://example.com:80x", "http://[::1", "http://::1/", "http://[1.2.3.4]", "http://[v1.x]", "http://-example.com",
    "http://example-.com", "http://exam_ple..com", "http://.example.com", "http://" + "a" * 64 + ".com",
    "http://" + "a." * 130 + "com", "http://example.com/" + "a" * 2000, "http://1.2.3.4.5", "http://1.2.3", "http://256.1.1.1",
    "http://1.2.3.4a.0x1", "http://ex\u200bample.com/\u2028", "http://xn--/", "http://a\u0338.com:22", "HTTP://[::1]:x",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_network_is_allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ()
    settings.WEBHOOKS_REQUIRE_HTTPS = False


@pytest.mark.parametrize("url", REFUSED_ADDRESSES)
def test_a_private_address_is_refused_in_every_spelling(url: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"rule \w+") as caught:
        check_url(url)
    assert (caught.value.code, caught.value.param) == ("invalid_parameter_value", "url")


@pytest.mark.parametrize("url", REFUSED_FORMS)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"rule \w+"):
        check_url(url)


def test_there_are_more_than_a_hundred_of_them() -> None:
    assert len(REFUSED_ADDRESSES) + len(REFUSED_FORMS) > 120


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://93.184.216.34", "https://93.184.216.34/"), ("https://93.184.216.34:443/a?b=c", "https://93.184.216.34/a?b=c"),
        ("http://93.184.216.34:8080/é", "http://93.184.216.34:8080/%C3%A9"),
        ("https://[2606:4700::1]/x", "https://[2606:4700::1]/x"), ("HTTPS://93.184.216.34/%2e%2F", "https://93.184.216.34/%2e%2F"),
    ],
)  # fmt: skip
def test_a_public_url_is_kept_in_its_normal_form(url: str, normal: str) -> None:
    assert check_url(url) == normal


def test_idn_names_are_kept_as_what_they_are() -> None:
    assert parse_url("https://bücher.example/x").host == "xn--bcher-kva.example"
    assert parse_url("https://EXAMPLE.com./").host == "example.com"
    assert parse_url("https://ｅxample.com/").host == "example.com"
    # A Cyrillic а: what is saved and shown is not the name it imitates
    assert parse_url("https://ex\u0430mple.com/").host.startswith("xn--")


def test_the_error_says_how_a_private_network_is_allowed(settings: Any) -> None:
    with pytest.raises(InvalidRequestError, match="OUTBOUND_ALLOWED_NETWORKS"):
        check_url("http://10.1.2.3/")
    settings.OUTBOUND_ALLOWED_NETWORKS = (ipaddress.ip_network("10.0.0.0/8"),)
    assert check_url("http://10.1.2.3/") == "http://10.1.2.3/"
    assert check_url("http://[::ffff:10.1.2.3]/")
    with pytest.raises(InvalidRequestError):
        check_url("http://192.168.1.1/")


def test_http_is_refused_where_https_is_required(settings: Any) -> None:
    settings.WEBHOOKS_REQUIRE_HTTPS = True
    with pytest.raises(InvalidRequestError, match="WEBHOOKS_REQUIRE_HTTPS"):
        check_url("http://93.184.216.34/")


def test_a_name_that_resolves_to_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        outbound_address, "_look_up", lambda host, port: [ipaddress.ip_address("93.184.216.34"), ipaddress.ip_address("10.0.0.7")]
    )  # fmt: skip
    with pytest.raises(InvalidRequestError, match=r"10\.0\.0\.7.*private"):
        check_url("https://rebind.example/")


def test_every_public_looking_address_is_judged_by_its_inner_one() -> None:
    assert find_refusal(ipaddress.ip_address("::ffff:8.8.8.8")) is None
    assert find_refusal(ipaddress.ip_address("::ffff:127.0.0.1")) == "loopback"
    assert find_refusal(ipaddress.ip_address("8.8.8.8")) is None


# --- servers ---------------------------------------------------------------------------------------------------------

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
