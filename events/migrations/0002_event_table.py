"""The event log, partitioned by day through its key."""

from django.db import migrations

CREATE = """
CREATE TABLE events_event (
    id uuid PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    organization_id uuid NOT NULL,
    line_id uuid NOT NULL,
    chat_id uuid,
    type varchar(40) NOT NULL,
    object_id uuid,
    data text NOT NULL,
    occurred_at timestamptz NOT NULL
) PARTITION BY RANGE (id);
CREATE TABLE events_event_default PARTITION OF events_event DEFAULT;
CREATE INDEX events_event_order ON events_event (xid, id);
CREATE INDEX events_event_org ON events_event (organization_id, xid, id);
CREATE INDEX events_event_object ON events_event (object_id);
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, "DROP TABLE events_event")]
