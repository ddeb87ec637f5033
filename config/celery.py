"""The Celery application. Messages are hints for rows that are already in PostgreSQL, so all of them may be lost."""

import os

from celery import Celery
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("messages")
app.config_from_object("django.conf:settings", namespace="CELERY")
# The anonymous exchange routes by queue name alone. A named one keeps its bindings in Redis, and after a FLUSHALL
# every publish would be dropped silently until each producer happened to declare them again.
app.conf.task_queues = [Queue(name, Exchange(""), routing_key=name) for name in ("messaging", "webhooks")]
app.autodiscover_tasks()
