"""The event log's second consumer: tells open pages that there is news."""

from celery import shared_task

from dashboard.live_hints import publish_news


@shared_task(name="dashboard.tasks.publish_live_hints")
def publish_live_hints() -> None:
    publish_news()
