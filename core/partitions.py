"""Tables partitioned by time through their UUIDv7 key: ``PARTITION BY RANGE (id)``, one partition a day.

A look-up by id, a time range and a keyset page all prune by the key alone; retention drops whole partitions.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import connection
from psycopg import sql

from core.ids import uuid7_floor

DAYS_AHEAD = 7


def _name(table: str, day: date) -> str:
    return f"{table}_p{day:%Y%m%d}"


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def list_partitions(table: str) -> list[str]:
    """Names of the daily partitions of a table, oldest first; the default partition is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = %s::regclass AND c.relname ~ '_p[0-9]{8}$' ORDER BY 1",
            [table],
        )
        return [row[0] for row in cursor.fetchall()]


def create_partitions(table: str, days: Iterable[date]) -> None:
    """Creates the daily partitions that do not exist yet. Safe to run from several processes."""
    existing = set(list_partitions(table))
    with connection.cursor() as cursor:
        for day in days:
            name = _name(table, day)
            if name in existing:
                continue
            first, last = uuid7_floor(_midnight(day)), uuid7_floor(_midnight(day + timedelta(days=1)))
            statement = sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})")
            cursor.execute(
                statement.format(
                    sql.Identifier(name), sql.Identifier(table), sql.Literal(str(first)), sql.Literal(str(last))
                )
            )


def create_current_partitions(table: str, *, today: date, days_back: int = 1) -> None:
    """Partitions from yesterday to a week ahead. The default partition catches anything outside."""
    create_partitions(table, (today + timedelta(days=n) for n in range(-days_back, DAYS_AHEAD + 1)))


def drop_old_partitions(table: str, *, today: date, keep_days: int) -> list[str]:
    """Drops partitions whose every row is older than ``keep_days``; returns their names."""
    limit = _name(table, today - timedelta(days=keep_days))
    old = [name for name in list_partitions(table) if name < limit]
    with connection.cursor() as cursor:
        for name in old:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
    return old
