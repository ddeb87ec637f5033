"""The headers of an attempt as text: in the order in which they were sent, and without being taken apart."""

from django.db import migrations

FORWARD = """
ALTER TABLE webhooks_app_attempt
    ALTER request_headers DROP DEFAULT, ALTER response_headers DROP DEFAULT,
    ALTER request_headers TYPE text, ALTER response_headers TYPE text,
    ALTER request_headers SET DEFAULT '{}', ALTER response_headers SET DEFAULT '{}';
"""
BACKWARD = """
ALTER TABLE webhooks_app_attempt
    ALTER request_headers DROP DEFAULT, ALTER response_headers DROP DEFAULT,
    ALTER request_headers TYPE jsonb USING request_headers::jsonb,
    ALTER response_headers TYPE jsonb USING response_headers::jsonb,
    ALTER request_headers SET DEFAULT '{}', ALTER response_headers SET DEFAULT '{}';
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks_app", "0008_organization_hours")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
