"""Writing down what came of attempts, a few hundred at a time, in one transaction.

Attempts by ``COPY``. A delivery that has no row yet gets it by ``COPY`` too, with its first outcome in it; one that has
gets its state by ``UPDATE … FROM unnest``, fenced by the claim's token. Roll-ups and the endpoints' health beside them.
Arrays travel as one text each: cheaper to make and to read than thousands of parameters.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db import IntegrityError, connection, transaction

from core.copying import copy_lines
from core.ids import uuid7_run
from webhooks_app.services.claim import release_jobs
from webhooks_app.services.jobs import Job, Outcome
from webhooks_app.services.rollups import write_health, write_minutes, write_replays
from webhooks_app.services.rows import NULL, claimed_line, copy_deliveries, held_line, iso, owed_line, tried_line
from webhooks_app.services.switching import settle_pending

_encode = msgspec.json.Encoder().encode
_COPY = (
    "COPY webhooks_app_attempt (id, organization_id, endpoint_id, delivery_id, number, trigger, started_at, address,"
    " status, error, error_text, request_headers, response_headers, response_body, body_truncated, dns_ms, connect_ms,"
    " tls_ms, wait_ms, total_ms) FROM STDIN"
)
_UPDATE = """
UPDATE webhooks_app_delivery d SET state = r.state, attempts = r.attempts, tries = r.tries,
    trigger = CASE WHEN r.state = 'retrying' THEN 'retry' ELSE d.trigger END, next_attempt_at = r.next_at,
    claim_token = NULL, lease_until = NULL, last_status = r.status, last_error = r.error, last_duration_ms = r.ms,
    last_attempt_at = r.started, completed_at = CASE WHEN r.state <> 'retrying' THEN r.ended END
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::smallint[], %s::smallint[], %s::smallint[], %s::text[],
            %s::float8[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
    AS r (id, token, state, attempts, tries, status, error, ms, started, ended, next_at)
WHERE d.id = r.id AND d.claim_token = r.token AND d.id BETWEEN %s AND %s
"""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": "\ufffd"})


def record_outcomes(
    outcomes: Sequence[Outcome], *, kept: Sequence[Job] = (), returned: Sequence[Job] = (), closed: Sequence[UUID] = ()
) -> None:
    """One transaction, about ten statements whatever the number of outcomes.

    ``kept``: deliveries without a row that stay in the engine's hands beyond a moment, ``returned``: claimed ones that
    it will not send; ``closed``: batches of which nothing is left. May be called again after an error that leaves open
    whether the transaction was kept.
    """
    if not (outcomes or kept or returned or closed):
        return
    unnamed = [outcome for outcome in outcomes if not outcome.attempt_id]
    for outcome, key in zip(unnamed, uuid7_run(len(unnamed)), strict=True):
        outcome.attempt_id = key
    try:
        _record(outcomes, kept, returned, closed)
    except IntegrityError:
        # What was not known to be written is; the rest of it is not
        known = _read_known([*(o.job for o in outcomes), *kept, *returned])
        attempts = _read_known_attempts(outcomes)
        rest = [outcome for outcome in outcomes if outcome.attempt_id not in attempts]
        _record(rest, kept, returned, closed, known=known)


def _record(
    outcomes: Sequence[Outcome], kept: Sequence[Job], returned: Sequence[Job], closed: Sequence[UUID],
    known: frozenset[str] = frozenset(),
) -> None:  # fmt: skip
    with transaction.atomic():
        living = _lock_batches({job.batch.id for job in (*(o.job for o in outcomes), *kept, *returned) if job.batch})

        def is_new(job: Job) -> bool:
            return job.batch is not None and job.batch.id in living and job.id not in known

        _write_rows([o for o in outcomes if is_new(o.job)], filter(is_new, kept), filter(is_new, returned))
        written = [outcome for outcome in outcomes if not is_new(outcome.job)]
        if written:
            with connection.cursor() as cursor:
                cursor.execute(_UPDATE, _update_parameters(written))
        release_jobs([job for job in returned if not is_new(job)])
        if outcomes:
            copy_lines(_COPY, _attempt_lines(outcomes))
            write_minutes(outcomes)
            write_health(outcomes)
            write_replays(outcomes)
        for endpoint_id in {o.job.endpoint_id for o in outcomes if o.error == "http_410"}:
            settle_pending(endpoint_id, "held")
        if closed:
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM webhooks_app_enginebatch WHERE id = ANY(%s)", [list(closed)])


def _lock_batches(keys: set[UUID]) -> set[UUID]:
    """Those that are still this engine's. Of one whose lease was over, somebody else has written the rows."""
    if not keys:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM webhooks_app_enginebatch WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [sorted(keys)]
        )
        return {row[0] for row in cursor.fetchall()}


def _write_rows(tried: Sequence[Outcome], kept: Iterable[Job], returned: Iterable[Job]) -> None:
    moment = time.time()
    due = iso(moment)
    lines = [tried_line(outcome, iso(outcome.started_at)) for outcome in tried]
    lines += [claimed_line(job, due, iso(moment + job.lease_ends - time.monotonic())) for job in kept]
    lines += [
        held_line(job.id, job.owner, job.columns) if job.is_held else owed_line(job.id, job.owner, job.columns, due)
        for job in returned
    ]
    if lines:
        copy_deliveries(lines)


def _read_known(jobs: Sequence[Job]) -> frozenset[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM webhooks_app_delivery WHERE id = ANY(%s::uuid[])", [[job.id for job in jobs]])
        return frozenset(row[0].hex for row in cursor.fetchall())


def _read_known_attempts(outcomes: Sequence[Outcome]) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM webhooks_app_attempt WHERE id = ANY(%s::uuid[])", [[o.attempt_id for o in outcomes]]
        )
        return {row[0].hex for row in cursor.fetchall()}


def _update_parameters(outcomes: Sequence[Outcome]) -> list[Any]:
    ids = [o.job.id for o in outcomes]
    return [
        _array(ids),
        _array(o.job.token.hex for o in outcomes),
        _array(o.state for o in outcomes),
        _array(str(o.job.attempts + 1) for o in outcomes),
        _array(str(o.job.tries + 1) for o in outcomes),
        _array("NULL" if o.result.status is None else str(o.result.status) for o in outcomes),
        _array(o.error or '""' for o in outcomes),
        _array(f"{o.result.total_ms:.3f}" for o in outcomes),
        _array(iso(o.started_at) for o in outcomes),
        _array(iso(o.ended_at) for o in outcomes),
        _array("NULL" if o.next_attempt_at is None else iso(o.next_attempt_at) for o in outcomes),
        min(ids),
        max(ids),
    ]


def _array(parts: Iterable[str]) -> str:
    """A PostgreSQL array literal of words that need no quotes."""
    return "{" + ",".join(parts) + "}"


def _attempt_lines(outcomes: Sequence[Outcome]) -> list[str]:
    headers: dict[int, str] = {}  # answers that were read once share theirs
    lines = []
    for outcome in outcomes:
        given = outcome.result.headers
        shown = headers.get(id(given))
        if shown is None:
            shown = headers[id(given)] = _escape_json(_encode(given).decode())
        lines.append(_attempt_line(outcome, shown))
    return lines


def _attempt_line(outcome: Outcome, answer_headers: str) -> str:
    job, result = outcome.job, outcome.result
    body = result.body.decode("utf-8", "replace").translate(_ESCAPES) if result.body else ""
    text = result.error_text.translate(_ESCAPES)[:300] if result.error_text else ""
    if result.connect_ms is None and result.dns_ms is None and result.tls_ms is None:
        steps = f"{NULL}\t{NULL}\t{NULL}"  # a connection that was kept
    else:
        steps = f"{_number(result.dns_ms)}\t{_number(result.connect_ms)}\t{_number(result.tls_ms)}"
    return (
        f"{outcome.attempt_id}\t{job.owner}\t{job.id}\t{job.attempts + 1}"
        f"\t{job.trigger}\t{iso(outcome.started_at)}\t{result.address}"
        f"\t{NULL if result.status is None else result.status}\t{outcome.error}\t{text}"
        f"\t{_escape_json(outcome.request_headers)}\t{answer_headers}\t{body}"
        f"\t{'t' if result.is_truncated else 'f'}\t{steps}\t{_number(result.wait_ms)}\t{result.total_ms:.3f}\n"
    )


def _escape_json(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\u0000", "").replace("\\", "\\\\")
    return text


def _number(value: float | None) -> str:
    return NULL if value is None else f"{value:.3f}"
