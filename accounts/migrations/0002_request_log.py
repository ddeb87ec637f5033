"""The API request log, partitioned by day through its key."""

from django.db import migrations

CREATE = """
CREATE TABLE accounts_apirequest (
    id uuid PRIMARY KEY,
    request_id varchar(20) NOT NULL,
    organization_id uuid,
    api_key_id uuid,
    method varchar(8) NOT NULL,
    path varchar(500) NOT NULL,
    route varchar(80) NOT NULL,
    status smallint NOT NULL,
    error_code varchar(60) NOT NULL DEFAULT '',
    duration_ms double precision NOT NULL,
    address inet,
    user_agent varchar(200) NOT NULL DEFAULT '',
    request_body text NOT NULL DEFAULT '',
    response_body text NOT NULL DEFAULT '',
    object_id varchar(40) NOT NULL DEFAULT ''
) PARTITION BY RANGE (id);
CREATE TABLE accounts_apirequest_default PARTITION OF accounts_apirequest DEFAULT;
CREATE INDEX accounts_apirequest_request ON accounts_apirequest (request_id);
CREATE INDEX accounts_apirequest_org ON accounts_apirequest (organization_id, id DESC);
CREATE INDEX accounts_apirequest_key ON accounts_apirequest (api_key_id, id DESC);
CREATE INDEX accounts_apirequest_errors ON accounts_apirequest (organization_id, error_code, id DESC)
    WHERE status >= 400;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, "DROP TABLE accounts_apirequest")]
