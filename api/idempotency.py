"""``Idempotency-Key`` on POST: one claim, one run, one answer for 24 hours (spec api §6)."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import connection

from api.envelope import Reply
from core.clock import now
from core.errors import InvalidRequestError, invalid

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
ABANDONED = timedelta(minutes=2)  # a claim this old without an answer belongs to a process that has died

# A claim succeeds on a free key, on an expired one, and on one whose runner died.
_CLAIM = """
INSERT INTO accounts_idempotencyrecord AS r (api_key_id, path, key, body_hash, request_id, response, created_at)
VALUES (%s, %s, %s, %s, %s, '', %s)
ON CONFLICT (api_key_id, path, key) DO UPDATE
SET body_hash = EXCLUDED.body_hash, request_id = EXCLUDED.request_id, status = NULL, response = '',
    created_at = EXCLUDED.created_at
WHERE r.created_at < %s OR (r.status IS NULL AND r.created_at < %s)
RETURNING id
"""
_READ = """
SELECT body_hash, status, response, request_id FROM accounts_idempotencyrecord
WHERE api_key_id = %s AND path = %s AND key = %s
"""
_FINISH = "UPDATE accounts_idempotencyrecord SET status = %s, response = %s WHERE id = %s AND request_id = %s"
_RELEASE = "DELETE FROM accounts_idempotencyrecord WHERE id = %s AND request_id = %s"


def check_key(key: str) -> str:
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise invalid(HEADER, f"`{HEADER}` takes 1 to 255 printable characters.")
    return key


def answer_once(
    *, api_key_id: UUID, path: str, key: str, body: bytes, request_id: str, run: Callable[[], Reply]
) -> Reply:
    """Runs and remembers, or replays what was remembered.

    Raises 422 ``idempotency_key_reused`` for another body and 409 ``idempotency_in_progress`` while the first request
    runs. ``run`` must turn its errors into replies; 5xx replies and exceptions are forgotten, so trying again can help.
    """
    digest = hashlib.sha256(body).digest()
    claim = _claim(api_key_id, path, check_key(key), digest, request_id)
    if claim is None:
        return _replay(api_key_id, path, key, digest)
    is_kept = False
    try:
        reply = run()
        is_kept = reply.status < 500
        if is_kept:
            _execute(_FINISH, [reply.status, reply.body.decode(), claim, request_id])
        return reply
    finally:
        if not is_kept:
            _execute(_RELEASE, [claim, request_id])


def _claim(api_key_id: UUID, path: str, key: str, digest: bytes, request_id: str) -> int | None:
    moment = now()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [api_key_id, path, key, digest, request_id, moment, moment - KEPT, moment - ABANDONED])
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def _replay(api_key_id: UUID, path: str, key: str, digest: bytes) -> Reply:
    with connection.cursor() as cursor:
        cursor.execute(_READ, [api_key_id, path, key])
        row = cursor.fetchone()
    if row is not None and bytes(row[0]) != digest:
        raise InvalidRequestError(
            "idempotency_key_reused", "This idempotency key was used with another body.", status=422
        )
    if row is None or row[1] is None:
        raise InvalidRequestError(
            "idempotency_in_progress", "The first request with this key is running.", status=409, retry_after_seconds=1
        )
    return Reply(int(row[1]), row[2].encode(), row[3], {"Idempotency-Replayed": "true"})


def _execute(statement: str, parameters: list[int | str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def purge_answers(*, limit: int = 5000) -> int:
    """Deletes answers older than 24 hours, at most ``limit``; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM accounts_idempotencyrecord WHERE id IN (SELECT id FROM accounts_idempotencyrecord"
            " WHERE created_at < %s ORDER BY created_at LIMIT %s)",
            [now() - KEPT, limit],
        )
        return int(cursor.rowcount)
