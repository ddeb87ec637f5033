"""Counting what a line does. Each call is one statement, in the transaction of the message it counts.

The counters are roll-ups per UTC hour of the message's own time, changed by upserts: two transactions that count on
the same hour wait for each other's row and lose nothing.
"""

from datetime import datetime
from uuid import UUID

from django.db import connection

from lines.limit_math import floor_hour

_INBOUND = """
WITH first AS (
    INSERT INTO lines_linedaycontact (line_id, day, contact)
    SELECT %(line)s, %(day)s, %(contact)s WHERE %(counts)s
    ON CONFLICT DO NOTHING RETURNING 1
)
INSERT INTO lines_linehour AS h (line_id, hour, inbound, outbound, reach_outs, new_contacts, contacts, minutes,
    peak_minute, failed, held)
SELECT %(line)s, %(hour)s, 1, 0, 0, %(new)s, (SELECT count(*) FROM first), '{}', 0, 0, 0
ON CONFLICT (line_id, hour) DO UPDATE SET inbound = h.inbound + 1, new_contacts = h.new_contacts + %(new)s,
    contacts = h.contacts + excluded.contacts
"""
_OUTBOUND = """
INSERT INTO lines_linehour AS h (line_id, hour, inbound, outbound, reach_outs, new_contacts, contacts, minutes,
    peak_minute, failed, held)
SELECT %(line)s, %(hour)s, 0, 1, %(reach)s, 0, 0,
    array_fill(0, ARRAY[%(minute)s - 1]) || 1 || array_fill(0, ARRAY[60 - %(minute)s]), 1, 0, 0
ON CONFLICT (line_id, hour) DO UPDATE SET outbound = h.outbound + 1, reach_outs = h.reach_outs + %(reach)s,
    minutes = CASE WHEN h.minutes = '{}' THEN excluded.minutes ELSE h.minutes[:%(minute)s - 1]
        || (h.minutes[%(minute)s] + 1) || h.minutes[%(minute)s + 1:] END,
    peak_minute = greatest(h.peak_minute, coalesce(h.minutes[%(minute)s], 0) + 1)
"""
_ONE = """
INSERT INTO lines_linehour AS h (line_id, hour, inbound, outbound, reach_outs, new_contacts, contacts, minutes,
    peak_minute, failed, held)
VALUES (%(line)s, %(hour)s, 0, 0, 0, 0, 0, '{{}}', 0, {failed}, {held})
ON CONFLICT (line_id, hour) DO UPDATE SET failed = h.failed + {failed}, held = h.held + {held}
"""


def count_inbound(
    *, line_id: UUID, contact: str, at: datetime, is_new_contact: bool, starts_conversation: bool
) -> None:
    """One message from ``contact``. ``is_new_contact``: the first ever in its chat. ``starts_conversation``: the
    contact, not we, wrote first in this chat, so it counts among the day's unique contacts.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _INBOUND,
            {
                "line": line_id,
                "day": at.date(),
                "hour": floor_hour(at),
                "contact": contact,
                "new": int(is_new_contact),
                "counts": starts_conversation,
            },
        )


def count_outbound(*, line_id: UUID, at: datetime, is_reach_out: bool) -> None:
    """One message of ours. ``is_reach_out``: its contact had been silent for more than 24 h (``limit_math``)."""
    with connection.cursor() as cursor:
        cursor.execute(
            _OUTBOUND,
            {"line": line_id, "hour": floor_hour(at), "minute": at.minute + 1, "reach": int(is_reach_out)},
        )


def count_failed(*, line_id: UUID, at: datetime) -> None:
    """A send that will not arrive."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE.format(failed=1, held=0), {"line": line_id, "hour": floor_hour(at)})


def count_held(*, line_id: UUID, at: datetime) -> None:
    """A send that a strict line kept back."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE.format(failed=0, held=1), {"line": line_id, "hour": floor_hour(at)})
