"""A receiver as cheap as can be: answers 200 to everything, and keeps when each delivery arrived.

``/slow/…`` is answered after 2 s, ``/never/…`` not at all. ``GET /stats`` tells and forgets what was seen. Plain system
calls and no event loop of a library: what it takes of the two cores is taken from the engine that is measured.
"""

import json
import select
import signal
import socket
import sys
import time
from collections import deque
from os import read, write

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SLOW_SECONDS = 2.0
CHUNK = 16 * 1024


class Sink:
    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.poll = select.epoll()
        self.poll.register(listener.fileno(), select.EPOLLIN)
        self.connections: dict[int, socket.socket] = {}
        self.parts: dict[int, bytes] = {}  # requests that have not come whole
        self.late: deque[tuple[float, int, socket.socket]] = deque()  # answers that are due later
        self.seen: dict[bytes, list[tuple[float, bytes]]] = {}  # by kind: when it came, and its "sent_at" as text

    def run(self) -> None:
        listening = self.listener.fileno()
        while True:
            wait = max(self.late[0][0] - time.monotonic(), 0.0) if self.late else 1.0
            for place, _ in self.poll.poll(wait):
                if place == listening:
                    self.accept()
                    continue
                try:
                    data = read(place, CHUNK)
                except OSError:
                    data = b""
                if data:
                    self.take(place, data)
                else:
                    self.close(place)
            while self.late and self.late[0][0] <= time.monotonic():
                _, place, connection = self.late.popleft()
                if self.connections.get(place) is connection:
                    self.answer(place, OK)

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections[connection.fileno()] = connection
            self.poll.register(connection.fileno(), select.EPOLLIN)

    def close(self, place: int) -> None:
        self.parts.pop(place, None)
        connection = self.connections.pop(place, None)
        if connection is not None:
            self.poll.unregister(place)
            connection.close()

    def answer(self, place: int, text: bytes) -> None:
        try:
            write(place, text)
        except OSError:
            self.close(place)

    def take(self, place: int, data: bytes) -> None:
        """One request at a time stands on a connection; it may come in parts."""
        if self.parts:
            data = self.parts.pop(place, b"") + data
        end = data.find(b"\r\n\r\n")
        at = data.find(b"Content-Length: ", 0, end) if end >= 0 else -1
        length = int(data[at + 16 : data.find(b"\r\n", at)]) if at >= 0 else 0
        if end < 0 or len(data) < end + 4 + length:
            self.parts[place] = data
            return
        if data.startswith(b"GET /stats"):
            self.answer(place, self.tell())
            return
        kind = data[6 : data.find(b"/", 6)]
        sent = data.find(b'"sent_at":', end)
        if sent >= 0:
            self.seen.setdefault(kind, []).append((time.time(), data[sent + 10 : sent + 30]))
        if kind == b"fast":
            self.answer(place, OK)
        elif kind == b"slow":
            self.late.append((time.monotonic() + SLOW_SECONDS, place, self.connections[place]))

    def tell(self) -> bytes:
        latencies = {
            kind.decode(): [moment * 1000 - float(text.split(b",", 1)[0].rstrip(b"}")) for moment, text in seen]
            for kind, seen in self.seen.items()
        }
        self.seen = {}
        text = json.dumps({"latencies": latencies}).encode()
        return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(text) + text


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        listener.setblocking(False)
        print(listener.getsockname()[1], flush=True)
        Sink(listener).run()


if __name__ == "__main__":
    main()
