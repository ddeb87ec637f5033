"""Runs one command beside fresh PostgreSQL and Redis servers that disappear with it.

Usage: python -m config.dev.scratch COMMAND [ARGUMENT …]. DATABASE_URL and REDIS_URL, where set, are used instead.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from config.dev.embedded import PostgresServer, RedisServer, Server
from config.dev.places import Places

KINDS: dict[str, type[Server]] = {"DATABASE_URL": PostgresServer, "REDIS_URL": RedisServer}


@contextmanager
def scratch_servers() -> Iterator[dict[str, str]]:
    """Yields the environment variables that point at the servers."""
    missing = {name: kind for name, kind in KINDS.items() if not os.environ.get(name, "").strip()}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="messages-")))
        variables = {"DATA_DIR": str(folder / "data")}
        (folder / "data" / "static").mkdir(parents=True)
        if missing:
            places = Places.of(folder)
            stack.callback(places.remove)
        for name, kind in missing.items():
            server = kind(places, scratch=True)
            stack.callback(server.stop)
            server.start()
            variables[name] = server.url
        yield variables


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with scratch_servers() as variables:
        process = subprocess.Popen(sys.argv[1:], env={**os.environ, **variables})
        try:
            return process.wait()
        except (KeyboardInterrupt, SystemExit):
            process.send_signal(signal.SIGINT)
            return process.wait(10) or 130


if __name__ == "__main__":
    sys.exit(main())
