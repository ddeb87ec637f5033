"""GET /files/<signed token>: the bytes of a file, without an API key, with ranges (spec api §9.9)."""

import re
from collections.abc import Iterator
from email.utils import format_datetime
from typing import IO
from urllib.parse import quote

from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_safe

from core.errors import NotFoundError
from messaging.file_types import is_shown_inline
from messaging.services.files import CHUNK, open_signed_file

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
# What is served came from somebody: it may be looked at, but nothing in it may run or reach us
POLICY = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"


@require_safe
def serve_file(request: HttpRequest, token: str) -> HttpResponseBase:
    try:
        file, key, kind, size = open_signed_file(token)
        source = default_storage.open(key)
    except (NotFoundError, FileNotFoundError):
        return _dress(HttpResponse("No such file, or the link has expired.", status=404, content_type="text/plain"))
    etag = f'"{file.sha256.hex()[:32]}-{key[-3:]}"'
    if request.headers.get("If-None-Match") == etag:
        source.close()
        return _dress(HttpResponse(status=304, headers={"ETag": etag}))
    first, last, status = 0, size - 1, 200
    wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
    if wanted and (wanted[1] or wanted[2]) and request.headers.get("If-Range", etag) == etag:
        first, last = _bounds(wanted[1], wanted[2], size)
        status = 206
        if first > last or first >= size:
            source.close()
            return _dress(HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"}))
    count = 0 if request.method == "HEAD" else last - first + 1
    response = StreamingHttpResponse(_Slice(source, first, count), status=status, content_type=kind)
    response["Content-Length"] = str(last - first + 1)
    if status == 206:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["ETag"] = etag
    response["Last-Modified"] = format_datetime(file.created_at, usegmt=True)
    response["Content-Disposition"] = disposition(file.filename, kind)
    return _dress(response)


def disposition(filename: str, kind: str) -> str:
    """``attachment`` unless it is an image, sound or video; the name in ASCII and in full."""
    place = "inline" if is_shown_inline(kind) else "attachment"
    if not filename:
        return place
    plain = re.sub(r'[^ -~]|["\\%]', "_", filename)
    return f"{place}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:  # the last n bytes
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


class _Slice:
    """A part of a file as chunks; ``close``, which the server calls, gives the file back even if nothing was read."""

    def __init__(self, source: IO[bytes], first: int, count: int) -> None:
        self._source, self._left = source, count
        source.seek(first)

    def __iter__(self) -> Iterator[bytes]:
        while self._left > 0 and (chunk := self._source.read(min(CHUNK, self._left))):
            self._left -= len(chunk)
            yield chunk

    def close(self) -> None:
        self._source.close()


def _dress(response: HttpResponseBase) -> HttpResponseBase:
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = POLICY
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = "private, max-age=86400"
    return response
