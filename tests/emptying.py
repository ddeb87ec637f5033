"""Empties the test database after a test that commits.

Django would truncate every table and then make content types and permissions anew, half a second a test. Nearly all
tables are empty, though, and the others hold a few rows.
"""

from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase

KEPT = {"django_content_type", "django_migrations", "auth_permission", "django_site"}
# Few rows are deleted; many are truncated, and first, as a table with a change of its own cannot be.
EMPTY = """
DO $$
DECLARE
    name text; rows int; big text[] := '{}'; small text[] := '{}';
BEGIN
    FOREACH name IN ARRAY '{%s}'::text[] LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %%I LIMIT 501) found', name) INTO rows;
        IF rows > 500 THEN big := big || quote_ident(name);
        ELSIF rows > 0 THEN small := small || quote_ident(name);
        END IF;
    END LOOP;
    IF big <> '{}' THEN EXECUTE 'TRUNCATE ' || array_to_string(big, ', ') || ' CASCADE'; END IF;
    FOREACH name IN ARRAY small LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
END $$
"""


def empty_tables(_case: TransactionTestCase) -> None:
    """In place of Django's flush; empties the partitioned tables too, which Django does not manage."""
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    wanted = sorted({*tables, *settings.PARTITIONED_TABLES} - KEPT)
    with connection.cursor() as cursor:
        cursor.execute(EMPTY % ",".join(wanted))
