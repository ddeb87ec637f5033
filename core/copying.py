"""Rows by ``COPY``, with Django's errors: psycopg's own would pass by whoever waits for the database."""

from collections.abc import Iterable

from django.db import connection


def copy_lines(statement: str, lines: Iterable[str]) -> None:
    """``statement`` is ``COPY … FROM STDIN``; lines are in its text format. Raises ``django.db.DatabaseError``."""
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write("".join(lines))
