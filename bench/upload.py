"""``scripts/bench upload``: how much the web processes grow while a file of 100 MB is uploaded to the running product.

Starts the product as ``scripts/run`` does, uploads a small file to warm it up, then the large one several times, and
samples the resident memory of the web process and its workers all the while. Fails if the growth passes 30 MB.
"""

import argparse
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
MEBIBYTE = 1024 * 1024
MOST_GROWTH = 30 * MEBIBYTE
PAGE = os.sysconf("SC_PAGE_SIZE")


def read_memory(group: int) -> int:
    """Resident bytes of all processes of a process group."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                total += int((folder / "statm").read_text().split()[1]) * PAGE
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since
    return total


@contextmanager
def watch_memory(group: int) -> Iterator[list[int]]:
    """Samples about every 20 ms; the list grows while the block runs."""
    samples, done = [read_memory(group)], threading.Event()

    def sample() -> None:
        while not done.wait(0.02):
            samples.append(read_memory(group))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def upload(port: int, token: str, path: Path) -> None:
    """One streamed POST /v1/files."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/octet-stream",
        "Content-Length": str(path.stat().st_size),
        "X-Filename": path.name,
    }
    with path.open("rb") as content:
        connection.request("POST", "/v1/files", content, headers)
        answer = connection.getresponse()
        body = answer.read()
    connection.close()
    if answer.status != 201 or json.loads(body)["size"] != path.stat().st_size:
        raise SystemExit(f"the upload was answered with {answer.status}: {body[:300]!r}")


def make_file(folder: Path, size: int) -> Path:
    path = folder / f"upload-{size}.bin"
    with path.open("wb") as file:
        for _ in range(size // MEBIBYTE):
            file.write(os.urandom(MEBIBYTE))
    return path


def measure(product: Any, folder: Path, *, size: int, times: int) -> dict[str, Any]:
    """Uploads and measures; sizes in MiB, seconds per upload."""
    with product.orm():
        token = product.make_account(requests_per_hour=0).token
    small, large = make_file(folder, MEBIBYTE), make_file(folder, size)
    for _ in range(8):
        upload(product.port, token, small)
    group = product.pid_of("web")
    seconds = []
    with watch_memory(group) as samples:
        for _ in range(times):
            begun = time.monotonic()
            upload(product.port, token, large)
            seconds.append(round(time.monotonic() - begun, 2))
    return {
        "file_mib": size // MEBIBYTE,
        "uploads": times,
        "seconds": seconds,
        "before_mib": round(samples[0] / MEBIBYTE, 1),
        "peak_mib": round(max(samples) / MEBIBYTE, 1),
        "growth_mib": round((max(samples) - samples[0]) / MEBIBYTE, 1),
        "samples": len(samples),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench upload", description=__doc__)
    parser.add_argument("--mib", type=int, default=100, help="size of the file")
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from tests.live import Product, remove_product_data

    with tempfile.TemporaryDirectory(prefix="messages-bench-") as name:
        product = Product(Path(name) / "data")
        product.start()
        try:
            found = measure(product, Path(name), size=options.mib * MEBIBYTE, times=options.times)
        finally:
            product.stop()
            remove_product_data(product)
    print(json.dumps(found, indent=2))
    is_fine = found["growth_mib"] * MEBIBYTE <= MOST_GROWTH
    print(f"{'fine' if is_fine else 'TOO MUCH'}: {found['growth_mib']} MiB, at most {MOST_GROWTH // MEBIBYTE} allowed")
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
