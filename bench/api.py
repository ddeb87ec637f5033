"""``scripts/bench api``: the v1 API as production serves it, driven by wrk, beside PostgreSQL's own ceiling.

The web server runs with two workers; nothing sends what is queued, so the figures are those of accepting. Uses
a database of its own, ``messages_bench``, beside the configured one.
"""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.webhooks import set_up, use_bench_database

ROOT = Path(__file__).resolve().parent.parent
TARGETS = {
    "POST /v1/messages": "≥ 1,500/s, p99 < 60 ms",
    "GET /v1/messages, first page": "≥ 600/s",
    "GET /v1/messages, deep page": "as the first page",
    "GET /v1/chats, first page": "≥ 600/s",
    "GET /v1/chats, deep page": "as the first page",
    "Event to listener": "p99 < 100 ms, < 200 MB",
}


class Report:
    """Prints as it goes; keeps what is written to ``bench/results``."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []

    def note(self, name: str, figure: str) -> None:
        self.rows.append((name, figure, TARGETS.get(name, "")))
        print(f"{name:<42}{figure}", flush=True)

    def save(self, name: str, facts: dict[str, str]) -> str:
        table = ["| measured | figure | target on two idle cores |", "|---|---|---|"]
        return save_table(
            name, facts, table + [f"| {name} | {figure} | {target} |" for name, figure, target in self.rows]
        )


def save_table(name: str, facts: dict[str, str], table: list[str]) -> str:
    """Writes ``bench/results/<date>-<name>.md``; returns its path within the project."""
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y-%m-%d}-{name}.md"
    lines = [f"# scripts/bench {name}", "", *(f"- {key}: {value}" for key, value in facts.items()), "", *table]
    path.write_text("\n".join(lines) + "\n")
    return str(path.relative_to(ROOT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measurement")
    parser.add_argument("--messages", type=int, default=200_000, help="messages in the long chat")
    parser.add_argument("--chats", type=int, default=20_000, help="chats on the line")
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--full", action="store_true", help="a million messages, a hundred thousand chats")
    parser.add_argument("--only", default="", help="send, read or events")
    parser.add_argument("--workers", type=int, default=2, help="processes of the web server")
    parser.add_argument("--save", action="store_true", help="write bench/results/<date>-api.md")
    options = parser.parse_args()
    if options.full:
        options.messages, options.chats = 1_000_000, 100_000
    os.environ["SIMULATOR_ENABLED"] = "1"
    use_bench_database()
    set_up()
    run(options)


def run(options: Any) -> None:
    from django.core.management import call_command

    from bench.listening import measure_events
    from bench.product import describe_machine, running_web
    from bench.reading import measure_chats, measure_messages
    from bench.sending import measure_sending
    from bench.world import add_chats, loading, make_world

    call_command("migrate", verbosity=0)
    call_command("ensure_partitions", verbosity=0)
    facts, report, world = describe_machine(), Report(), make_world()
    for key, value in facts.items():
        print(f"{key}: {value}", file=sys.stderr)
    facts |= {"web workers": str(options.workers), "messages": f"{options.messages:,}", "chats": f"{options.chats:,}"}
    with loading("messaging_chat"):
        add_chats(world, max(options.chats, 1000))
    with running_web(options.workers) as web:
        if options.only in ("", "send"):
            measure_sending(web, world, report, seconds=options.seconds)
        if options.only in ("", "read"):
            measure_messages(web, world, report, seconds=options.seconds, messages=options.messages)
            measure_chats(web, world, report, seconds=options.seconds, chats=options.chats)
        if options.only in ("", "events"):
            measure_events(web, world, report, seconds=options.seconds, listeners=options.listeners)
    if options.save:
        print(f"written: {report.save('api', facts)}")


if __name__ == "__main__":
    main()
