"""The web server with its application imported before it is told to begin: ``python -m config.preloaded_web FD …``.

The import takes longer than all else of a start, so it runs while the database starts and is brought up to date.
Workers are forked from this process and share what it has loaded. ``FD`` is the reading end of a pipe: the server
begins when nobody holds the other end any more, which is also so when it is started again. The further arguments are
Granian's own.
"""

import gc
import os
import sys


def main() -> None:
    gate, arguments = int(sys.argv[1]), sys.argv[2:]
    gc.disable()  # nothing of an import is garbage
    from granian.cli import entrypoint

    import config.asgi  # noqa: F401

    gc.freeze()
    gc.enable()
    with open(gate, "rb") as pipe:
        pipe.read()
    sys.argv = ["granian", *arguments]
    entrypoint()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
