"""Deliveries and attempts, partitioned by day through their keys."""

from django.db import migrations

CREATE = """
CREATE TABLE webhooks_app_delivery (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event_type varchar(40) NOT NULL,
    line_id uuid NOT NULL,
    chat_id uuid,
    object_id uuid,
    state varchar(10) NOT NULL DEFAULT 'pending',
    attempts smallint NOT NULL DEFAULT 0,
    tries smallint NOT NULL DEFAULT 0,
    trigger varchar(8) NOT NULL DEFAULT 'first',
    next_attempt_at timestamptz,
    claim_token uuid,
    lease_until timestamptz,
    replay_id uuid,
    last_status smallint,
    last_error varchar(40) NOT NULL DEFAULT '',
    last_duration_ms double precision,
    last_attempt_at timestamptz,
    completed_at timestamptz
) PARTITION BY RANGE (id);
CREATE TABLE webhooks_app_delivery_default PARTITION OF webhooks_app_delivery DEFAULT;
CREATE INDEX webhooks_app_delivery_due ON webhooks_app_delivery (next_attempt_at)
    WHERE state IN ('pending', 'retrying');
CREATE INDEX webhooks_app_delivery_org ON webhooks_app_delivery (organization_id, id DESC);
CREATE INDEX webhooks_app_delivery_org_state ON webhooks_app_delivery (organization_id, state, id DESC);
CREATE INDEX webhooks_app_delivery_endpoint ON webhooks_app_delivery (endpoint_id, state, id DESC);
CREATE INDEX webhooks_app_delivery_event ON webhooks_app_delivery (event_id);
CREATE INDEX webhooks_app_delivery_object ON webhooks_app_delivery (object_id);

CREATE TABLE webhooks_app_attempt (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    number smallint NOT NULL,
    trigger varchar(8) NOT NULL,
    started_at timestamptz NOT NULL,
    address varchar(64) NOT NULL DEFAULT '',
    status smallint,
    error varchar(40) NOT NULL DEFAULT '',
    error_text varchar(300) NOT NULL DEFAULT '',
    request_headers jsonb NOT NULL DEFAULT '{}',
    response_headers jsonb NOT NULL DEFAULT '{}',
    response_body text NOT NULL DEFAULT '',
    body_truncated boolean NOT NULL DEFAULT false,
    dns_ms real,
    connect_ms real,
    tls_ms real,
    wait_ms real,
    total_ms real NOT NULL
) PARTITION BY RANGE (id);
CREATE TABLE webhooks_app_attempt_default PARTITION OF webhooks_app_attempt DEFAULT;
CREATE INDEX webhooks_app_attempt_delivery ON webhooks_app_attempt (delivery_id, id);
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks_app", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, "DROP TABLE webhooks_app_attempt; DROP TABLE webhooks_app_delivery")]
