"""``scripts/bench pages``: every page of the dashboard with a large organization behind it.

1,000 keys, members and lines, 10,000 chats, a million messages, deliveries and API requests. Opens each page as its
owner through Django's test client and prints queries, the server's time and what a browser fetches; lists also
filtered, and their next page. Each opening is the first for its process: what pages keep for seconds is emptied.
"""

import argparse
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

from bench.database import use_database
from bench.webhooks import set_up

DATABASE = "messages_bench_pages"
MOST_QUERIES = 8
MOST_MS = 60.0
_NEXT = re.compile(r'href="([^"]*[?&;]before=[^"]+)"')


@dataclass(frozen=True, kw_only=True)
class Row:
    """Times in ms, ``cpu`` is Python's. ``first``: KB of a first visit with its files, ``later``: of the page alone."""

    name: str
    queries: int
    p50: float
    p95: float
    cpu: float
    later: float
    first: float
    status: int

    @property
    def mark(self) -> str:
        from bench.page_weight import FIRST_LOAD_BYTES, LATER_PAGE_BYTES

        marks = {
            "queries": self.queries > MOST_QUERIES,
            "slow": self.p95 > MOST_MS,
            "heavy": self.later > LATER_PAGE_BYTES / 1024 or self.first > FIRST_LOAD_BYTES / 1024,
            f"status {self.status}": self.status >= 400,
        }
        return " ".join(word for word, is_over in marks.items() if is_over)


def main() -> None:
    options = _read_options()
    messages = options.messages
    is_kept = use_database(DATABASE, keep=options.keep)
    set_up()
    world = _prepare(messages, is_kept)
    from bench.product import describe_machine
    from core.collector import calm_collector

    facts = describe_machine() | {"messages and deliveries": f"{messages:,}", "opened": f"{options.times} times each"}
    calm_collector()  # as a web server does
    began, rows = time.perf_counter(), []
    print(f"{'page':<58}{'queries':>8}{'p50 ms':>8}{'p95 ms':>8}{'cpu ms':>8}{'KB':>7}{'first KB':>9}")
    for row in measure_pages(world, options):
        rows.append(row)
        print(
            f"{row.name[:57]:<58}{row.queries:>8}{row.p50:>8.1f}{row.p95:>8.1f}{row.cpu:>8.1f}{row.later:>7.1f}{row.first:>9.1f}"
            f"  {row.mark}",
            flush=True,
        )
    over = [row for row in rows if row.mark]
    verdict = f"{len(rows)} pages, {len(over)} over a bar, measured in {time.perf_counter() - began:.0f} s"
    print(verdict)
    if options.save:
        _save(rows, facts | {"result": verdict})


def _read_options() -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="messages, and as many deliveries")
    parser.add_argument("--times", type=int, default=20, help="how often each page is opened")
    parser.add_argument("--only", default="", help="pages whose name holds this text")
    parser.add_argument("--keep", action="store_true", help="use what the last run has loaded, if it did")
    parser.add_argument("--save", action="store_true", help="write bench/results/<date>-pages.md")
    return parser.parse_args()


def _prepare(messages: int, is_kept: bool) -> Any:
    from django.conf import settings
    from django.core.management import call_command

    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    call_command("ensure_partitions", verbosity=0)
    from bench.crowd import load_crowd, make_crowd

    if is_kept:
        return load_crowd()
    began = time.perf_counter()
    world = make_crowd(messages)
    print(f"loaded in {time.perf_counter() - began:.0f} s", flush=True)
    return world


def measure_pages(world: Any, options: Any) -> Iterator[Row]:
    from bench.page_list import list_pages

    for name, path in list_pages(world):
        if options.only not in name:
            continue
        row, html = _open(world, name, path, options.times)
        yield row
        following = _NEXT.search(html)
        if following and "?" not in name and row.status == 200:
            link = unescape(following[1])
            link = link if link.startswith("/") else path.partition("?")[0] + link
            yield _open(world, f"{name}, next page", link, options.times)[0]


def _open(world: Any, name: str, path: str, times: int) -> tuple[Row, str]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from bench.page_weight import measure_files, measure_html

    client = Client(raise_request_exception=False)
    client.force_login(world.owner, backend="django.contrib.auth.backends.ModelBackend")
    client.get(path)
    _forget()
    with CaptureQueriesContext(connection) as captured:
        response = client.get(path)
    queries = len(captured)  # now: the next request empties what was captured
    took, used = [], []
    for _ in range(times):
        _forget()
        began, cpu = time.perf_counter(), time.process_time()
        response = client.get(path)
        used.append((time.process_time() - cpu) * 1000)
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    used.sort()
    body = b"" if response.streaming else response.content
    html = body.decode() if response.headers.get("Content-Type", "").startswith("text/html") else ""
    later = measure_html(body) / 1024
    row = Row(
        name=name, queries=queries, p50=took[len(took) // 2], p95=took[round((len(took) - 1) * 0.95)],
        cpu=used[len(used) // 2], later=later,
        first=later + sum(measure_files(html).values()) / 1024, status=response.status_code,
    )  # fmt: skip
    return row, html


def _forget() -> None:
    """Empties what a process keeps for a few seconds, so that every opening pays for it."""
    from dashboard import shell_news

    shell_news._kept.clear()


def _save(rows: list[Row], facts: dict[str, str]) -> None:
    from bench.api import save_table

    table = [
        "| page | queries | p50 ms | p95 ms | CPU ms | KB | first visit KB | over |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        times = f"{r.p50:.1f} | {r.p95:.1f} | {r.cpu:.1f}"
        table.append(f"| {r.name} | {r.queries} | {times} | {r.later:.1f} | {r.first:.1f} | {r.mark} |")
    print(f"written: {save_table('pages', facts, table)}")


if __name__ == "__main__":
    main()
