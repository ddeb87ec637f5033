"""``scripts/bench pages``: every page of the dashboard with a large organization behind it.

Opens each page as the owner through Django's test client, as often as ``--times`` says, and prints its queries, the
server's time and what the browser would fetch. Marks what is over 8 queries or 60 ms. Uses a database of its own.
"""

import argparse
import gzip
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.product import describe_machine
from bench.webhooks import set_up, use_bench_database

MOST_QUERIES = 8
MOST_MS = 60.0
# Not pages of the organization: signing in, streams, answers to forms, exports
SKIPPED = (
    "oauth_",
    "organization_new",
    "invitation",
    "mail",
    "sandbox_phone",
    "phone_",
    "audit_export",
    "switch",
    "export",
)


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    queries: int
    p50: float
    p95: float
    kilobytes: float
    status: int

    @property
    def mark(self) -> str:
        marks = ["queries"] if self.queries > MOST_QUERIES else []
        return " ".join(marks + (["slow"] if self.p95 > MOST_MS else []))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="messages, and as many deliveries")
    parser.add_argument("--full", action="store_true", help="a million messages and deliveries")
    parser.add_argument("--times", type=int, default=10, help="how often each page is opened")
    parser.add_argument("--only", default="", help="pages whose name holds this text")
    parser.add_argument("--save", action="store_true", help="write bench/results/<date>-pages.md")
    options = parser.parse_args()
    use_bench_database()
    set_up()
    from django.conf import settings
    from django.core.management import call_command

    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    call_command("ensure_partitions", verbosity=0)
    from bench.crowd import make_crowd

    messages = 1_000_000 if options.full else options.messages
    world = make_crowd(messages)
    facts = describe_machine() | {"messages and deliveries": f"{messages:,}", "opened": f"{options.times} times each"}
    rows = []
    print(f"{'page':<40}{'queries':>8}{'p50 ms':>9}{'p95 ms':>9}{'gzip KB':>9}")
    for name, path in list_pages(world):
        if options.only in name:
            row = open_page(world, name, path, options.times)
            rows.append(row)
            print(
                f"{row.name:<40}{row.queries:>8}{row.p50:>9.1f}{row.p95:>9.1f}{row.kilobytes:>9.1f}  {row.mark}",
                flush=True,
            )
    if options.save:
        save(rows, facts)


def list_pages(world: Any) -> Iterator[tuple[str, str]]:
    """Every route that answers GET and whose arguments the world has."""
    from django.urls import NoReverseMatch, URLPattern, get_resolver, reverse

    for pattern in get_resolver("dashboard.urls").url_patterns:
        name = getattr(pattern, "name", None)
        if not isinstance(pattern, URLPattern) or not name or name.startswith(SKIPPED) or name.endswith(SKIPPED):
            continue
        if "GET" not in getattr(pattern.callback, "page_methods", ()):
            continue
        wanted = pattern.pattern.converters
        if all(argument in world.extra for argument in wanted):
            try:
                yield name, reverse(name, kwargs={argument: world.extra[argument] for argument in wanted})
            except NoReverseMatch:
                continue


def open_page(world: Any, name: str, path: str, times: int) -> Row:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(raise_request_exception=False)
    client.force_login(world.owner, backend="django.contrib.auth.backends.ModelBackend")
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        response = client.get(path)
    queries = len(captured)  # now: the next request empties what was captured
    took = []
    for _ in range(times):
        began = time.perf_counter()
        response = client.get(path)
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    body = b"" if response.streaming else response.content
    return Row(
        name=name, queries=queries, p50=took[len(took) // 2], p95=took[int((len(took) - 1) * 0.95)],
        kilobytes=len(gzip.compress(body)) / 1024, status=response.status_code,
    )  # fmt: skip


def save(rows: list[Row], facts: dict[str, str]) -> None:
    from bench.api import save_table

    table = ["| page | queries | p50 ms | p95 ms | gzip KB | over |", "|---|---|---|---|---|---|"]
    table += [f"| {r.name} | {r.queries} | {r.p50:.1f} | {r.p95:.1f} | {r.kilobytes:.1f} | {r.mark} |" for r in rows]
    print(f"written: {save_table('pages', facts, table)}")


if __name__ == "__main__":
    main()
