"""Prepared statements for the few SQL texts that run on every request.

Django's cursors paste values into the statement in Python, and PostgreSQL then parses and plans it anew each time. A
cursor of this module sends values apart from the text, which is prepared on first use per connection. So the text must
say the type of what could be anything (``%(x)s::bigint``), and must not be built from values.
"""

from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg.abc import Params, QueryNoTemplate

PREPARE_AFTER = 5  # uses; psycopg's own default. What asks to be prepared is prepared at once


class _PreparedCursor(psycopg.Cursor[Any]):
    def execute(  # type: ignore[override,unused-ignore]
        self,
        query: QueryNoTemplate,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> "_PreparedCursor":
        prepare = settings.PREPARED_STATEMENTS
        if prepare and self.connection.prepare_threshold is None:
            # Django switches preparing off for a whole connection, whatever a call asks for. Its own cursors do not
            # prepare: they send no values apart from the text.
            self.connection.prepare_threshold = PREPARE_AFTER
        return super().execute(query, params, prepare=prepare, binary=binary)  # type: ignore[arg-type,unused-ignore]


def prepared_cursor() -> CursorWrapper:
    """As ``connection.cursor()``, to be used in a ``with``."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor = _PreparedCursor(connection.connection)
    return connection._prepare_cursor(cursor)  # type: ignore[attr-defined,no-any-return]
