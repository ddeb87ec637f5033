"""``manage.py demo --json``: data to look at and to try the API with."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.hints import flush_hints
from dashboard.demo_data import make_demo


class Command(BaseCommand):
    help = "Creates a demo person, organization, key, sandbox and line, once; prints how to use them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SIMULATOR_ENABLED:
            raise CommandError("The demo needs the simulator: set SIMULATOR_ENABLED=true.")
        if settings.PRODUCTION:
            raise CommandError("The demo has a known password and is not made in production.")
        demo = make_demo().as_json()
        flush_hints()
        if options["json"]:
            self.stdout.write(json.dumps(demo))
            return
        self.stdout.write(f"Sign in at {demo['base_url']} as {demo['email']} with {demo['password']}")
        self.stdout.write(f"API key: {demo['api_key']}")
