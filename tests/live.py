"""The real product for tests: started by the supervisor, over HTTP, with its own database and Redis.

A test that asks for ``product`` needs no ``django_db`` mark: for its duration the ORM speaks to the product's database,
every statement commits, and nothing is rolled back or flushed. So such tests make organizations of their own
(``product.make_account``) and never count whole tables.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import psycopg
import pytest
import redis
from django.db import connections
from pytest_django import DjangoDbBlocker

from config.dev.embedded import PostgresServer, RedisServer
from config.dev.places import Places

PROJECT = Path(__file__).resolve().parent.parent
START_SECONDS = 180.0


def wait_until(condition: Callable[[], Any], *, seconds: float = 10.0, what: str = "the condition") -> Any:
    """The first true value of ``condition``, asked every few milliseconds; fails the test after ``seconds``."""
    until = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            pytest.fail(f"{what} did not come true within {seconds:g} s")
        pause.wait(0.02)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Account:
    """A person who owns an organization of their own, with a key that may do everything."""

    user: Any
    organization: Any
    key: Any
    token: str
    password: str = "correct horse battery"


class Product:
    """A running copy of the product, and ways to hurt it."""

    def __init__(self, data_dir: Path, environment: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.port = find_free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._environment = environment or {}
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []

    # --- its life ---

    def start(self) -> None:
        inherited = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL", "BASE_URL")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "config.dev.run"],
            cwd=PROJECT,
            env={**inherited, **self._own_environment(), **self._environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read_log, args=(self._process,), daemon=True).start()
        wait_until(self._has_started, seconds=START_SECONDS, what="the start of the product")

    def _own_environment(self) -> dict[str, str]:
        return {"DATA_DIR": str(self.data_dir), "PORT": str(self.port), "DEMO_HISTORY": "false"}

    def _has_started(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            pytest.fail("the product ended while starting:\n" + self.log)
        return "Messages.dev runs at" in self.log

    def _read_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._lines.append(line)

    @property
    def log(self) -> str:
        """Everything its processes have said so far."""
        return "".join(list(self._lines))

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ends it, like a Ctrl-C at the terminal unless told otherwise; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(15)

    # --- faults: names are web, worker, engine, sweeper, postgres, redis ---

    def pid_of(self, name: str) -> int:
        return int((self.data_dir / "pids" / f"{name}.pid").read_text())

    def kill(self, name: str) -> None:
        """``kill -9`` of a process and its children; the supervisor starts it again."""
        os.killpg(self.pid_of(name), signal.SIGKILL)

    def kill_and_await(self, name: str, *, seconds: float = 30.0) -> None:
        before = self.pid_of(name)
        self.kill(name)
        wait_until(lambda: self.pid_of(name) != before, seconds=seconds, what=f"the restart of {name}")

    def pause(self, name: str) -> None:
        """Freezes a process with its children, as if its machine hung."""
        os.killpg(self.pid_of(name), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        os.killpg(self.pid_of(name), signal.SIGCONT)

    def flush_redis(self) -> None:
        """Loses every byte of Redis."""
        self.redis.flushall()

    def restart_postgres(self) -> None:
        """Restarts PostgreSQL in mid-traffic and returns when it answers again."""
        before = self.pid_of("postgres")
        os.kill(before, signal.SIGINT)
        wait_until(lambda: self.pid_of("postgres") != before, seconds=30, what="the restart of postgres")
        wait_until(self._answers, seconds=30, what="an answer of postgres")
        connections["default"].close()

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.database_url, connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    # --- its stores ---

    @cached_property
    def _places(self) -> Places:
        return Places.of(self.data_dir)

    @property
    def database_url(self) -> str:
        return PostgresServer(self._places).url

    @cached_property
    def redis(self) -> "redis.Redis":
        return redis.Redis.from_url(RedisServer(self._places).url)

    @contextmanager
    def orm(self) -> Iterator[None]:
        """Django's models speak to the product's database inside this block."""
        default = connections["default"]
        settings = default.settings_dict
        kept = {name: settings[name] for name in ("NAME", "HOST", "PORT", "USER", "PASSWORD")}
        default.close()
        own = {"NAME": "messages", "HOST": str(self._places.postgres_socket), "PORT": "", "USER": "postgres"}
        settings.update(own, PASSWORD="")
        try:
            yield
        finally:
            default.close()
            settings.update(kept)

    # --- its people ---

    @cached_property
    def demo(self) -> dict[str, Any]:
        """What ``manage.py demo --json`` printed on the first start."""
        found: dict[str, Any] = json.loads((self.data_dir / "demo.json").read_text())
        return found

    def make_account(self, **key_fields: Any) -> Account:
        """A new verified person with an organization and an API key, straight in the product's database."""
        from allauth.account.models import EmailAddress

        from accounts.models import ApiKey, Membership, Organization, Role, User
        from accounts.scopes import SCOPES
        from accounts.tokens import hash_token, new_token, visible_prefix

        name, token = f"t{uuid4().hex[:12]}", new_token()
        user = User.objects.create_user(f"{name}@lumen.example", Account.password, name="Alice Okafor")
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        organization = Organization.objects.create(name=f"Lumen {name}", slug=name)
        Membership.objects.create(organization=organization, user=user, role=Role.OWNER)
        fields = {"scopes": list(SCOPES), "name": "test key", **key_fields}
        key = ApiKey.objects.create(
            organization=organization, token_hash=hash_token(token), prefix=visible_prefix(token), **fields
        )
        return Account(user=user, organization=organization, key=key, token=token)

    def call(self, method: str, path: str, *, token: str = "", content: Any = None, **headers: str) -> Answer:
        """One HTTP request. ``content`` is sent as JSON unless it is bytes; header names use ``_`` for ``-``."""
        data = content if isinstance(content, bytes) or content is None else json.dumps(content).encode()
        request = Request(self.base_url + path, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urlopen(request, timeout=30) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())


def remove_product_data(product: Product) -> None:
    product._places.remove()
    shutil.rmtree(product.data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def running_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    product = Product(tmp_path_factory.mktemp("product") / "data")
    try:
        product.start()
        yield product
    finally:
        if product._process is not None and product._process.poll() is None:
            product.stop()
        remove_product_data(product)


@pytest.fixture
def product(running_product: Product, django_db_blocker: DjangoDbBlocker) -> Iterator[Product]:
    """The product, with the ORM speaking to its database."""
    with django_db_blocker.unblock(), running_product.orm():
        yield running_product


# --- a customer's server -------------------------------------------------------------------------------------------


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """A real HTTP server on loopback that records what it gets and answers as it is told."""

    server: ThreadingHTTPServer
    requests: list[Received] = field(default_factory=list)
    answer: Callable[[Received], tuple[int, dict[str, str], bytes]] = field(default=lambda _: (200, {}, b"ok"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def answer_with(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answers every request so from now on; header names use ``_`` for ``-``."""
        fixed = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = lambda _: (status, fixed, body)

    def await_requests(self, count: int, *, seconds: float = 15.0) -> list[Received]:
        wait_until(lambda: len(self.requests) >= count, seconds=seconds, what=f"request number {count}")
        return list(self.requests)


def _make_handler(holder: list[Receiver]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            request = Received(self.command, self.path, dict(self.headers), body, time.time())
            holder[0].requests.append(request)
            status, headers, content = holder[0].answer(request)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            """Keeps the test's output clean."""

    return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    holder: list[Receiver] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(holder))
    server.daemon_threads = True
    holder.append(Receiver(server))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield holder[0]
    server.shutdown()
    server.server_close()
    thread.join(5)
