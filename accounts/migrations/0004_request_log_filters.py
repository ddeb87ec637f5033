"""Indexes for the filters of the request log: a route's requests, and errors of any code."""

from django.db import migrations

FORWARD = """
CREATE INDEX accounts_apirequest_route ON accounts_apirequest (organization_id, route, id DESC);
CREATE INDEX accounts_apirequest_failed ON accounts_apirequest (organization_id, id DESC) WHERE status >= 400;
"""
BACKWARD = "DROP INDEX accounts_apirequest_route, accounts_apirequest_failed;"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_idempotency")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
