"""An update writes a new entry into every index of the row: the ones by state leave out what has been delivered, the
ones by chat and by object what has none."""

from django.db import migrations

FORWARD = """
DROP INDEX webhooks_app_delivery_org_state, webhooks_app_delivery_endpoint, webhooks_app_delivery_object,
    webhooks_app_delivery_chat;
CREATE INDEX webhooks_app_delivery_org_state ON webhooks_app_delivery (organization_id, state, id DESC)
    WHERE state <> 'delivered';
CREATE INDEX webhooks_app_delivery_endpoint ON webhooks_app_delivery (endpoint_id, state, id DESC)
    WHERE state <> 'delivered';
CREATE INDEX webhooks_app_delivery_object ON webhooks_app_delivery (object_id) WHERE object_id IS NOT NULL;
CREATE INDEX webhooks_app_delivery_chat ON webhooks_app_delivery (chat_id, id DESC) WHERE chat_id IS NOT NULL;
"""
BACKWARD = """
DROP INDEX webhooks_app_delivery_org_state, webhooks_app_delivery_endpoint, webhooks_app_delivery_object,
    webhooks_app_delivery_chat;
CREATE INDEX webhooks_app_delivery_org_state ON webhooks_app_delivery (organization_id, state, id DESC);
CREATE INDEX webhooks_app_delivery_endpoint ON webhooks_app_delivery (endpoint_id, state, id DESC);
CREATE INDEX webhooks_app_delivery_object ON webhooks_app_delivery (object_id);
CREATE INDEX webhooks_app_delivery_chat ON webhooks_app_delivery (chat_id, id DESC);
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks_app", "0005_list_drivers")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
