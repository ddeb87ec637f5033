"""The request log: every API request, written in bulk by a thread of its own.

Answering a request costs an append to a bounded buffer. Within a second the thread copies what has gathered into
``accounts_apirequest`` and moves the hourly roll-up and the keys' last use with it, in one transaction. A crash loses
at most the last second of log; when the buffer is full the oldest entries are dropped and counted.

Rows are written out before the transaction begins, a few at a time with a pause between: a thread that computes for
long makes the event loop wait for the interpreter lock at each of its system calls, and a transaction that stays open
keeps readers of the event log from what came after it.
"""

import atexit
import logging
import threading
import time
from collections import deque
from datetime import UTC, datetime
from multiprocessing.util import Finalize
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import DatabaseError, DataError, connection, transaction

from api.envelope import encode
from api.redaction import redact_secrets, redact_text
from core.ids import uuid7
from core.live import LiveHint, publish_live

logger = logging.getLogger(__name__)
FLUSH_SECONDS = 0.5
SLICE = 16  # rows written out at a time
PAUSE_SECONDS = 0.005
MOST_PAUSES = 60
MAX_ENTRIES = 20_000
MAX_BYTES = 64 * 1024 * 1024
KEPT_BYTES = 4096
MAX_HINTS = 20  # for each organization and flush
_COLUMNS = (
    "id, request_id, organization_id, api_key_id, method, path, route, status, error_code, duration_ms, address,"
    " user_agent, request_body, response_body, object_id"
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One answered request. Bodies are what was parsed and what was sent, not yet redacted."""

    request_id: str
    organization_id: UUID | None
    api_key_id: UUID | None
    method: str
    path: str
    route: str
    status: int
    error_code: str
    duration_ms: float
    address: str | None
    user_agent: str
    payload: dict[str, object]
    payload_bytes: int
    response_body: bytes
    object_id: str
    is_send: bool
    at: float


class RequestLog:
    """A bounded buffer and the thread that empties it."""

    def __init__(self) -> None:
        self.dropped = 0
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_started = False

    def record(self, entry: Entry) -> None:
        """Adds an entry. Never blocks on the database, never raises."""
        with self._lock:
            self._entries.append(entry)
            self._bytes += _weight(entry)
            while len(self._entries) > MAX_ENTRIES or self._bytes > MAX_BYTES:
                self._bytes -= _weight(self._entries.popleft())
                self.dropped += 1
        if self._is_started and (self._thread is None or not self._thread.is_alive()):
            self._start_thread()

    def start_writing(self) -> None:
        """Lets the buffer be written in the background. Called once by a process that serves."""
        self._is_started = True
        atexit.register(self.flush)
        Finalize(None, self.flush, exitpriority=10)  # a forked or spawned server worker runs these, not atexit

    def flush(self, *, is_gentle: bool = False) -> int:
        """Writes what has gathered, now; returns how many entries. What cannot be written stays for the next time.

        ``is_gentle`` makes pauses for the other threads of the process.
        """
        with self._writing:
            with self._lock:
                batch = list(self._entries)
                self._entries.clear()
                self._bytes = 0
            if not batch:
                return 0
            try:
                write_entries(batch, is_gentle=is_gentle)
            except DataError:
                logger.exception("%d entries of the request log could not be stored and are dropped", len(batch))
                self.dropped += len(batch)
                return 0
            except DatabaseError as error:
                logger.warning("request log not written, %d entries wait: %s", len(batch), error)
                connection.close()
                self._put_back(batch)
                return 0
            _announce(batch)
            return len(batch)

    def _put_back(self, batch: list[Entry]) -> None:
        with self._lock:
            room = MAX_ENTRIES - len(self._entries)
            kept = batch[-room:] if room > 0 else []
            self.dropped += len(batch) - len(kept)
            self._entries.extendleft(reversed(kept))
            self._bytes += sum(map(_weight, kept))

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._write_forever, name="request-log", daemon=True)
                self._thread.start()

    def _write_forever(self) -> None:
        while True:
            time.sleep(FLUSH_SECONDS)
            try:
                self.flush(is_gentle=True)
            except Exception:
                logger.exception("the request log failed")


def _weight(entry: Entry) -> int:
    return 600 + entry.payload_bytes + len(entry.response_body)


def write_entries(batch: list[Entry], *, is_gentle: bool = False) -> None:
    """Copies entries into the log and moves roll-up and last use, in one transaction."""
    text = _write_out(batch, PAUSE_SECONDS if is_gentle else 0.0)
    hours, last = _roll_up(batch)
    # COPY is psycopg's own: Django would let its errors through as they are
    with transaction.atomic(), connection.wrap_database_errors, connection.cursor() as cursor:
        with cursor.copy(f"COPY accounts_apirequest ({_COLUMNS}) FROM STDIN") as copy:
            copy.write(text)
        if hours:
            cursor.execute(
                "INSERT INTO accounts_apikeyhour (api_key_id, hour, requests, errors, sends)"
                " SELECT t.* FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[], %s::int[], %s::int[])"
                " AS t(api_key_id, hour, requests, errors, sends)"
                " WHERE EXISTS (SELECT 1 FROM accounts_apikey k WHERE k.id = t.api_key_id)"
                " ON CONFLICT (api_key_id, hour) DO UPDATE SET requests = accounts_apikeyhour.requests"
                " + EXCLUDED.requests, errors = accounts_apikeyhour.errors + EXCLUDED.errors,"
                " sends = accounts_apikeyhour.sends + EXCLUDED.sends",
                _columns([(*key, *counts) for key, counts in sorted(hours.items())]),
            )
            cursor.execute(
                "UPDATE accounts_apikey k SET last_used_at = greatest(k.last_used_at, t.at),"
                " last_used_address = t.address, last_used_agent = t.agent"
                " FROM (SELECT u.* FROM unnest(%s::uuid[], %s::timestamptz[], %s::inet[], %s::text[])"
                " AS u(id, at, address, agent) JOIN accounts_apikey x ON x.id = u.id ORDER BY u.id FOR UPDATE OF x) t"
                " WHERE k.id = t.id",
                _columns([(key, *use) for key, use in sorted(last.items())]),
            )


def _announce(batch: list[Entry]) -> None:
    """Tells open log pages, at most ``MAX_HINTS`` requests of each organization."""
    newest: dict[UUID, list[str]] = {}
    for entry in batch:
        if entry.organization_id is not None:
            newest.setdefault(entry.organization_id, []).append(entry.request_id)
    publish_live(
        LiveHint(organization_id=organization_id, topics=["requests"], type="request.created", id=request_id)
        for organization_id, ids in newest.items()
        for request_id in ids[-MAX_HINTS:]
    )


def _columns(rows: list[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _roll_up(
    batch: list[Entry],
) -> tuple[dict[tuple[UUID, datetime], list[int]], dict[UUID, tuple[datetime, str | None, str]]]:
    hours: dict[tuple[UUID, datetime], list[int]] = {}
    last: dict[UUID, tuple[datetime, str | None, str]] = {}
    for entry in batch:
        if entry.api_key_id is None:
            continue
        moment = datetime.fromtimestamp(entry.at, tz=UTC)
        counts = hours.setdefault((entry.api_key_id, moment.replace(minute=0, second=0, microsecond=0)), [0, 0, 0])
        counts[0] += 1
        counts[1] += entry.status >= 400
        counts[2] += entry.is_send
        last[entry.api_key_id] = (moment, entry.address, _storable(entry.user_agent, 200))
    return hours, last


def _write_out(batch: list[Entry], pause_seconds: float) -> str:
    """The entries as COPY reads them."""
    size = max(SLICE, len(batch) // MOST_PAUSES)
    lines = []
    for start in range(0, len(batch), size):
        if start and pause_seconds:
            time.sleep(pause_seconds)
        lines += ["\t".join(map(_copy_text, _to_row(entry))) for entry in batch[start : start + size]]
    return "\n".join(lines) + "\n"


def _copy_text(value: object) -> str:
    if value is None:
        return "\\N"
    text = value if isinstance(value, str) else value.hex if isinstance(value, UUID) else str(value)
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if text.isprintable():
        return text
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _to_row(entry: Entry) -> tuple[object, ...]:
    return (
        uuid7(), entry.request_id, entry.organization_id, entry.api_key_id, entry.method[:8],
        _storable(redact_secrets(entry.path), 500), entry.route, entry.status, entry.error_code, entry.duration_ms,
        entry.address, _storable(entry.user_agent, 200),
        _kept(encode(entry.payload)) if entry.payload else "", _kept(entry.response_body), entry.object_id[:40],
    )  # fmt: skip


def _kept(body: bytes) -> str:
    """The start of a body, redacted. A little more than is kept is looked at, as redacting shortens."""
    text = redact_secrets(body[: 2 * KEPT_BYTES].decode(errors="replace"))
    if settings.REQUEST_LOG_REDACT_TEXT:
        text = redact_text(text)
    return _storable(text.encode()[:KEPT_BYTES].decode(errors="ignore"), KEPT_BYTES)


def _storable(text: str, length: int) -> str:
    """PostgreSQL stores neither NUL nor lone surrogates."""
    return text.replace("\0", "").encode(errors="replace").decode()[:length]


request_log = RequestLog()
