"""Files: upload as raw bytes, streamed to storage; download by redirect to a signed link (spec api §9.9)."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
from django.conf import settings
from django.core.files.storage import default_storage

from api import idempotency
from api.call import Call, Redirect
from api.envelope import Reply, success
from api.parsing import content_length, is_chunked
from api.routes import endpoint
from api.schemas import FileOut
from messaging.file_links import sign_file_url
from messaging.models import File
from messaging.payloads import file_data
from messaging.services.files import CHUNK, file_too_large, get_file, store_file


class GetFile(msgspec.Struct, frozen=True):
    """The file to download."""

    id: Annotated[str, msgspec.Meta(description="`file_…`")]


@endpoint(
    "POST", "/v1/files", scope="files:write", response=FileOut, status=201, errors=("empty_file", "file_too_large"),
    summary="Upload a file", tag="Files", is_upload=True,
)  # fmt: skip
def upload_file(call: Call[None, None]) -> Reply:
    """The body is the file itself, `Content-Type` its type, `X-Filename` its name."""
    meta = call.request.META
    file = store_file(
        organization_id=call.organization_id,
        chunks=_chunks(call),
        filename=_header_text(meta.get("HTTP_X_FILENAME")),
        mime_type=meta.get("CONTENT_TYPE") or None,
    )
    call.created_id = file.public_id
    once = meta.get("HTTP_IDEMPOTENCY_KEY")
    if once is None:
        return success(201, file_data(file), call.request_id)
    reply = idempotency.answer_once(
        api_key_id=call.key.id,
        path=call.request.path_info,
        key=once,
        body=bytes(file.sha256) + file.filename.encode(),
        request_id=call.request_id,
        run=lambda: success(201, file_data(file), call.request_id),
    )
    if reply.request_id != call.request_id:
        _discard(file)
    return reply


@endpoint(
    "GET", "/v1/files", scope="files:read", query=GetFile, response=None, status=302, errors=("file_not_found",),
    summary="Download a file", tag="Files",
)  # fmt: skip
def download_file(call: Call[None, GetFile]) -> Redirect:
    file = get_file(organization_id=call.organization_id, file_id=call.query.id)
    return Redirect(sign_file_url(file.id))


def _chunks(call: Call[None, None]) -> Iterator[bytes]:
    """The body as it comes. What announces to be too large is refused before a byte of it is stored."""
    request = call.request
    if content_length(request) > settings.FILE_MAX_BYTES:
        raise file_too_large(settings.FILE_MAX_BYTES)
    source = request.META["wsgi.input"] if is_chunked(request) else request
    while chunk := source.read(CHUNK):
        call.body_bytes += len(chunk)
        yield chunk


def _header_text(value: str | None) -> str | None:
    """Header bytes arrive as Latin-1; names are sent as UTF-8."""
    if value is None:
        return None
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _discard(file: File) -> None:
    """A repeated upload has been answered by its first; this copy is not wanted."""
    default_storage.delete(file.storage_key)
    file.delete()
