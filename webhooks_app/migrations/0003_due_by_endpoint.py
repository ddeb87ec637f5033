"""The queue is read endpoint by endpoint, so that one endpoint's backlog is never in another's way."""

from django.db import migrations

FORWARD = """
DROP INDEX webhooks_app_delivery_due;
CREATE INDEX webhooks_app_delivery_due ON webhooks_app_delivery (endpoint_id, next_attempt_at)
    WHERE state IN ('pending', 'retrying');
"""
BACKWARD = """
DROP INDEX webhooks_app_delivery_due;
CREATE INDEX webhooks_app_delivery_due ON webhooks_app_delivery (next_attempt_at)
    WHERE state IN ('pending', 'retrying');
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks_app", "0002_delivery_tables")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
