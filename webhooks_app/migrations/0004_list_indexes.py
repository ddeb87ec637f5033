"""Indexes for the lists, and roll-ups by hour for the charts of weeks."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks_app", "0003_due_by_endpoint"),
    ]

    operations = [
        migrations.RunSQL(
            """
            CREATE INDEX webhooks_app_delivery_chat ON webhooks_app_delivery (chat_id, id DESC);
            CREATE INDEX webhooks_app_delivery_line ON webhooks_app_delivery (line_id, id DESC);
            CREATE INDEX webhooks_app_delivery_replay ON webhooks_app_delivery (replay_id, id DESC)
                WHERE replay_id IS NOT NULL;
            """,
            """
            DROP INDEX webhooks_app_delivery_chat, webhooks_app_delivery_line, webhooks_app_delivery_replay;
            """,
        ),
        migrations.CreateModel(
            name="EndpointHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("endpoint_id", models.UUIDField()),
                ("organization_id", models.UUIDField()),
                ("hour", models.DateTimeField()),
                ("delivered", models.PositiveIntegerField(default=0)),
                ("retried", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                (
                    "histogram",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveIntegerField(), default=list, size=None
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["organization_id", "hour"], name="endpoint_hour_org")],
                "constraints": [
                    models.UniqueConstraint(fields=("endpoint_id", "hour"), name="one_row_per_endpoint_hour")
                ],
            },
        ),
    ]
