"""Steady traffic in both directions on one line, as clients make it: over HTTP, tried again until it is accepted."""

import threading
import time
from http.client import HTTPException

from lines.models import Line
from messaging.models import Chat
from tests.live import Account, Product, wait_until

PAUSE_SECONDS = 0.1


class Traffic:
    """A thread that sends to each chat in turn, and texts back from its phone. ``sent`` are accepted texts by peer."""

    def __init__(self, product: Product, account: Account, *, chats: int = 6) -> None:
        self.product, self.token = product, account.token
        made = self._call("POST", "/simulator/v1/lines", {"label": "Under fire"})
        self.line = Line.objects.get(handle=made["handle"])
        self.peers = [self._call("POST", "/simulator/v1/phones", {})["handle"] for _ in range(chats)]
        Chat.objects.bulk_create(
            Chat(
                organization=account.organization,
                line=self.line,
                key=f"d:{peer}",
                identifier=peer,
                guids=[f"any;-;{peer}"],
                participants=[peer],
                has_received_inbound=True,
            )
            for peer in self.peers
        )
        self.sent: dict[str, list[str]] = {peer: [] for peer in self.peers}
        self.texted = 0
        self.surprises: list[str] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(60)

    def await_accepted(self, more: int, *, seconds: float = 60.0) -> None:
        """Until so many more messages were accepted: traffic flows again."""
        goal = self.count() + more
        wait_until(lambda: self.count() >= goal, seconds=seconds, what=f"{more} more accepted messages")

    def count(self) -> int:
        return sum(map(len, self.sent.values()))

    def _run(self) -> None:
        turn = 0
        while not self._end.is_set():
            peer = self.peers[turn % len(self.peers)]
            text = f"out {turn}"
            body = {"from": self.line.handle, "to": peer, "text": text}
            if self._until_accepted("/v1/messages", body, Idempotency_Key=f"{self.line.handle}-{turn}"):
                self.sent[peer].append(text)
            path = f"/simulator/v1/phones/{peer}/messages"
            self.texted += self._until_accepted(path, {"to": self.line.handle, "text": f"in {turn}"})
            turn += 1
            self._end.wait(PAUSE_SECONDS)

    def _until_accepted(self, path: str, body: dict[str, str], **headers: str) -> bool:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                answer = self.product.call("POST", path, token=self.token, content=body, **headers)
            except (OSError, HTTPException):  # the web server is away
                answer = None
            if answer is not None and answer.status == 201:
                return True
            if answer is not None and answer.status not in (409, 500, 503):
                self.surprises.append(f"{answer.status} {answer.body.decode()}")
                return False
            threading.Event().wait(0.1)
        self.surprises.append(f"{path} was not accepted within a minute")
        return False

    def _call(self, method: str, path: str, content: dict[str, str]) -> dict[str, str]:
        answer = self.product.call(method, path, token=self.token, content=content)
        assert answer.status == 201, answer.body
        made: dict[str, str] = answer.json()
        return made
