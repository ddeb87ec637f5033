"""Bodies at the front door, without a server: what is taken, refused and given up."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from config import bodies
from config.bodies import BodyTooLarge, BodyTooSlow, limit_of, take_body

MEGABYTE = 1024 * 1024


def sent(chunks: Iterable[bytes], *, ends: bool = True):
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False} if ends else {"type": "http.disconnect"})
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    return receive


async def silent() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


CHUNKED = ((b"transfer-encoding", b"chunked"),)


def take(receive: Any, limit: int = 5 * MEGABYTE, headers: Iterable[tuple[bytes, bytes]] = CHUNKED) -> bytes | None:
    async def read_all() -> bytes | None:
        body = await take_body({"http_version": "1.1", "headers": list(headers)}, receive, limit)
        if body is None:
            return None
        found = b""
        while True:
            message = await body.receive()
            found += message["body"]
            if not message["more_body"]:
                break
        assert dict(body.headers).get(b"content-length", b"0") == str(len(found)).encode()
        assert b"transfer-encoding" not in dict(body.headers)
        body.close()
        return found

    return asyncio.run(read_all())


@pytest.mark.parametrize("size", [0, 1, MEGABYTE, MEGABYTE + 1, 3 * MEGABYTE])
def test_a_body_arrives_whole_with_its_length(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    pieces = [content[n : n + 65536] for n in range(0, size, 65536)]
    assert take(sent(pieces), headers=CHUNKED) == content


def test_a_request_without_a_length_has_no_body_and_nobody_waits_for_one() -> None:
    assert take(silent, headers=()) == b""


def test_an_announced_length_over_the_limit_is_refused() -> None:
    with pytest.raises(BodyTooLarge):
        take(sent([b"x"]), limit=10, headers=[(b"content-length", b"11")])


def test_a_body_that_grows_over_the_limit_is_refused() -> None:
    with pytest.raises(BodyTooLarge):
        take(sent([b"x" * 6, b"x" * 6]), limit=10)


def test_a_client_that_leaves_midway_leaves_no_half_body() -> None:
    assert take(sent([b"half"], ends=False)) is None


def test_a_silent_client_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SILENCE_SECONDS", 0.05)
    with pytest.raises(BodyTooSlow):
        take(silent)


def test_a_client_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "HEAD_START_SECONDS", -1.0)
    with pytest.raises(BodyTooSlow):
        take(sent([b"x"] * 10))


def test_only_uploads_may_be_large() -> None:
    assert limit_of("/v1/messages", 100, 5) == 5
    assert limit_of("/v1/files", 100, 5) > 100
