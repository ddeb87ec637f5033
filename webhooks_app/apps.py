from django.apps import AppConfig


class WebhooksAppConfig(AppConfig):
    name = "webhooks_app"

    def ready(self) -> None:
        from webhooks_app import worker_signals  # noqa: F401
