"""What a browser fetches for a page: the files it links and what its scripts import, compressed as they are served."""

import gzip
import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from django.contrib.staticfiles import finders

FIRST_LOAD_BYTES = 250 * 1024
LATER_PAGE_BYTES = 40 * 1024
OWN_SCRIPT_BYTES = 12 * 1024
_LINK = re.compile(r'(?:src|href)="(/static/[^"]+)"')
_IMPORT = re.compile(r"""(?:import|from)\s*\(?["'](\.[^"']+\.js)["']""")
_PACKED = (".woff2", ".png", ".jpg", ".webp")


def measure_html(content: bytes) -> int:
    return len(gzip.compress(content))


def measure_files(html: str) -> dict[Path, int]:
    """Bytes of each file of a page. Fonts count where the page preloads them."""
    waiting = [_find(link) for link in _LINK.findall(html)]
    files: dict[Path, int] = {}
    while waiting:
        path = waiting.pop()
        if path not in files:
            files[path], imported = _read(path)
            waiting += imported
    return files


def pick_own_scripts(files: dict[Path, int]) -> dict[str, int]:
    return {path.name: size for path, size in files.items() if path.suffix == ".js" and "static/js" in str(path)}


def _find(link: str) -> Path:
    name = urlsplit(link).path.removeprefix("/static/")
    found = finders.find(name) or finders.find(re.sub(r"\.[0-9a-f]{12}(\.\w+)$", r"\1", name))
    if found is None:
        raise FileNotFoundError(f"{link} does not exist")
    return Path(found)


@cache
def _read(path: Path) -> tuple[int, tuple[Path, ...]]:
    content = path.read_bytes()
    size = len(content) if path.suffix in _PACKED else len(gzip.compress(content))
    if path.suffix != ".js":
        return size, ()
    return size, tuple((path.parent / name).resolve() for name in _IMPORT.findall(content.decode()))
