"""Files: streamed to storage while they are hashed, named safely, typed by what they are (spec api §9.9).

Memory does not grow with size: bytes go to a temporary file chunk by chunk, then to the storage in one move.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import IO
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import TemporaryUploadedFile

from core.errors import InvalidRequestError, NotFoundError, invalid, not_found
from core.ids import FILE, has_prefix, parse_id, uuid7
from messaging.file_links import Variant, open_file_token
from messaging.file_types import safe_name, sniff_type
from messaging.models import File

CHUNK = 256 * 1024


def store_file(
    *,
    organization_id: UUID,
    chunks: Iterable[bytes],
    filename: str | None = None,
    mime_type: str | None = None,
    max_bytes: int | None = None,
) -> File:
    """Stores bytes as a file of the organization. ``filename`` is reduced to a base name; ``mime_type`` is what the
    sender claims, and is believed where the bytes do not say otherwise.

    Raises ``empty_file`` (400) and ``file_too_large`` (413); then nothing is kept.
    """
    limit = settings.FILE_MAX_BYTES if max_bytes is None else max_bytes
    name = safe_name(filename)
    digest, size, head = hashlib.sha256(), 0, b""
    with TemporaryUploadedFile("upload", "application/octet-stream", 0, None) as spool:
        for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise file_too_large(limit)
            if len(head) < 4096:
                head += chunk[:4096]
            digest.update(chunk)
            spool.write(chunk)
        if not size:
            raise InvalidRequestError("empty_file", "The file is empty.")
        spool.flush()
        spool.seek(0)
        spool.size = size
        key = uuid7()
        stored = default_storage.save(_storage_key(organization_id, key), spool)
        _close(spool)
    kind = sniff_type(head, claimed=mime_type or "", filename=name)
    return File.objects.create(
        id=key,
        organization_id=organization_id,
        storage_key=stored,
        filename=name,
        mime_type=kind,
        size=size,
        sha256=digest.digest(),
    )


def discard_file(*, file: File) -> None:
    """Takes a file back that was stored for something that then was not done."""
    file.delete()
    default_storage.delete(file.storage_key)


def file_too_large(limit: int) -> InvalidRequestError:
    return InvalidRequestError("file_too_large", f"A file may have {limit:,} bytes at most.", status=413)


def read_chunks(source: IO[bytes], *, size: int = CHUNK) -> Iterator[bytes]:
    """A stream as chunks."""
    while chunk := source.read(size):
        yield chunk


def get_file(*, organization_id: UUID, file_id: str | None, param: str = "id") -> File:
    """By ``file_`` id. Raises ``missing_required_parameter``, ``invalid_parameter_value`` or ``file_not_found``."""
    if not file_id:
        raise InvalidRequestError("missing_required_parameter", f"`{param}` is required.", param=param)
    if not has_prefix(FILE, file_id):
        raise invalid(param, f"`{param}` must be an id that starts with `{FILE}_`.")
    key = parse_id(FILE, file_id)
    file = File.objects.filter(id=key, organization_id=organization_id).first() if key else None
    if file is None:
        raise not_found("file", param=param)
    return file


def open_signed_file(token: str) -> tuple[File, str, str, int]:
    """The file of a signed link with the storage key, type and size of its variant. Raises ``file_not_found``."""
    link = open_file_token(token)
    file = File.objects.filter(id=link.file_id).first() if link else None
    if link is None or file is None:
        raise NotFoundError("file_not_found", "This link has expired or never was.")
    if link.variant == Variant.ORIGINAL:
        return file, file.storage_key, file.mime_type, file.size
    key = file.audio_m4a_key if link.variant == Variant.M4A else file.audio_caf_key
    if not key:
        raise NotFoundError("file_not_found", "This sound has not been prepared.")
    kind = "audio/mp4" if link.variant == Variant.M4A else "audio/x-caf"
    return file, key, kind, default_storage.size(key)


def _storage_key(organization_id: UUID, key: UUID) -> str:
    return f"files/{organization_id.hex}/{key.hex[-2:]}/{key.hex}"


def _close(spool: TemporaryUploadedFile) -> None:
    """A storage on the same disk has moved the file away; closing must not mind."""
    try:
        spool.close()
    except FileNotFoundError:
        spool.file = None
