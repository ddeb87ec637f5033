"""One index each for the lists of an endpoint and of what went wrong: one scan instead of one per state."""

from django.db import migrations

FORWARD = """
CREATE INDEX webhooks_app_delivery_endpoint_newest ON webhooks_app_delivery (endpoint_id, id DESC);
CREATE INDEX webhooks_app_delivery_wrong ON webhooks_app_delivery (organization_id, id DESC) WHERE last_error <> '';
"""
BACKWARD = "DROP INDEX webhooks_app_delivery_endpoint_newest, webhooks_app_delivery_wrong;"


class Migration(migrations.Migration):
    dependencies = [("webhooks_app", "0004_list_indexes")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
