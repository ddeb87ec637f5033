"""A receiver as cheap as can be: answers 200 to everything, and keeps when each delivery arrived.

``/slow/…`` is answered after 2 s, ``/never/…`` not at all. ``GET /stats`` tells and forgets what was seen.
"""

import asyncio
import json
import sys
import time

import uvloop

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SLOW_SECONDS = 2.0


class Stats:
    def __init__(self) -> None:
        self.count = 0
        self.by_kind: dict[str, list[float]] = {}


class Sink(asyncio.Protocol):
    def __init__(self, stats: Stats) -> None:
        self.stats = stats
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end]
            at = head.rfind(b"Content-Length: ")
            length = int(head[at + 16 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /stats"):
            text = json.dumps({"count": self.stats.count, "latencies": self.stats.by_kind}).encode()
            self.stats.count, self.stats.by_kind = 0, {}
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
            return
        self.stats.count += 1
        kind = head[6 : head.find(b"/", 6)].decode() if head[6:7] != b" " else "fast"
        at = body.find(b'"sent_at":')
        if at >= 0:
            sent = float(body[at + 10 : at + 30].split(b",", 1)[0].rstrip(b"}"))
            self.stats.by_kind.setdefault(kind, []).append(time.time() * 1000 - sent)
        if kind == "slow":
            asyncio.get_running_loop().call_later(SLOW_SECONDS, self.transport.write, OK)
        elif kind != "never":
            self.transport.write(OK)


async def serve() -> None:
    stats = Stats()
    server = await asyncio.get_running_loop().create_server(lambda: Sink(stats), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        uvloop.run(serve())
    except KeyboardInterrupt:
        sys.exit(0)
