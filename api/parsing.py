"""From bytes to the structs an endpoint declares; everything wrong becomes a 4xx that names the parameter."""

import re
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from api.call import JsonObject, Request
from core.errors import InvalidRequestError, invalid, missing

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_QUERY_PAIRS = 100

S = TypeVar("S", bound=msgspec.Struct)
_decode_json = msgspec.json.Decoder().decode
_INTEGER = re.compile(r"-?[0-9]{1,4000}")
_PLACE = re.compile(r"`\$\.?([^\[.`]+)")


def invalid_json(message: str) -> InvalidRequestError:
    return InvalidRequestError("invalid_json", message)


def body_too_large(limit: int) -> InvalidRequestError:
    return InvalidRequestError("body_too_large", f"The body is larger than {limit:,} bytes.", status=413)


def read_body(request: Request, *, limit: int = MAX_BODY_BYTES) -> bytes:
    """The whole body, refused with 413 before it is read when it announces to be too large."""
    length = content_length(request)
    if length > limit:
        raise body_too_large(limit)
    if length <= 0 and not is_chunked(request):
        return b""
    # Django hides the body of a request without a length; the server below has already undone the chunks.
    source = request if length > 0 else request.META["wsgi.input"]
    body: bytes = source.read(limit + 1)
    if len(body) > limit:
        raise body_too_large(limit)
    return body


def is_chunked(request: Request) -> bool:
    """Whether the body comes without its length announced."""
    meta = request.META
    return not meta.get("CONTENT_LENGTH") and "chunked" in meta.get("HTTP_TRANSFER_ENCODING", "").lower()


def content_length(request: Request) -> int:
    """What the client announces; 0 where it announces nothing that makes sense."""
    text = request.META.get("CONTENT_LENGTH") or ""
    return int(text) if text.isascii() and text.isdigit() else 0


def check_content_type(request: Request) -> None:
    """A body must be JSON or not say what it is."""
    kind = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise InvalidRequestError(
            "unsupported_media_type", "Send the body as JSON with `Content-Type: application/json`.", status=415
        )


def parse_json(body: bytes) -> JsonObject:
    """The body as an object. Raises ``invalid_json``: syntax, encoding, nesting beyond 32 levels, not an object."""
    try:
        value = _decode_json(body)
        body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid_json(f"The body is not valid JSON: {error}.") from None
    except RecursionError:
        raise invalid_json("The body is nested too deeply.") from None
    if not isinstance(value, dict):
        raise invalid_json("The body must be a JSON object.")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise invalid_json(f"The body is nested more than {MAX_DEPTH} levels deep.")
    if b"\\u0000" in body:
        for name, member in value.items():
            if _has_nul(name) or _has_nul(member):
                raise invalid(name.replace("\0", ""), "A NUL character cannot be stored.")
    return value


def _depth(value: object) -> int:
    """Levels of nesting, counted without recursion."""
    depth, level = 0, [value]
    while level:
        depth += 1
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        level = [item for item in inner if isinstance(item, dict | list)]
    return depth


def _has_nul(value: object) -> bool:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if "\0" in item:
                return True
        elif isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return False


def parse_query(text: str) -> list[tuple[str, str]]:
    """Name and value pairs in order. Raises ``invalid_parameter_value`` for broken UTF-8 and NUL."""
    if not text:
        return []
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_PAIRS)
    except UnicodeDecodeError:
        raise InvalidRequestError("invalid_parameter_value", "The query is not valid UTF-8.") from None
    except ValueError:
        raise InvalidRequestError("invalid_parameter_value", "The query has too many parameters.") from None
    if "%00" in text or "\0" in text:
        for name, value in pairs:
            if "\0" in value or "\0" in name:
                raise invalid(name.replace("\0", ""), "A NUL character cannot be part of a value.")
    return pairs


class _Shape:
    """What parsing needs to know of a struct, worked out once."""

    __slots__ = ("integers", "lists", "may_be_empty", "names", "required")

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        fields = msgspec.structs.fields(kind)
        self.names = frozenset(f.encode_name for f in fields)
        self.required = tuple(f.encode_name for f in fields if f.required)
        self.lists = frozenset(f.encode_name for f in fields if _holds(f.type, msgspec.inspect.ListType))
        self.integers = frozenset(f.encode_name for f in fields if _holds(f.type, msgspec.inspect.IntType))
        self.may_be_empty = frozenset(f.encode_name for f in fields if _may_be_empty(f.type))


def _holds(kind: Any, wanted: type[msgspec.inspect.Type]) -> bool:
    """Whether a field is of this kind, alone or as an alternative to null."""
    info = msgspec.inspect.type_info(kind)
    parts = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    return any(isinstance(part.type if isinstance(part, msgspec.inspect.Metadata) else part, wanted) for part in parts)


def _may_be_empty(kind: Any) -> bool:
    info = msgspec.inspect.type_info(kind)
    return isinstance(info, msgspec.inspect.Metadata) and bool((info.extra or {}).get("may_be_empty"))


_shapes: dict[type[msgspec.Struct], _Shape] = {}


def shape_of(kind: type[msgspec.Struct]) -> _Shape:
    shape = _shapes.get(kind)
    if shape is None:
        shape = _shapes[kind] = _Shape(kind)
    return shape


def to_struct(kind: type[S], members: JsonObject, *, is_query: bool = False) -> S:
    """Converts members to a struct: first whatever is missing is named, then the first wrong value.

    Unknown members are ignored; null and, for a required text, the empty string count as absent.
    """
    shape = shape_of(kind)
    known = {k: v for k, v in members.items() if v is not None and k in shape.names}
    for name in shape.required:
        value = known.get(name)
        if value is None or (value == "" and name not in shape.may_be_empty):
            raise missing(name)
    if is_query:
        for name in shape.integers & known.keys():
            if not _INTEGER.fullmatch(known[name]):
                raise invalid(name, f"`{name}` must be a whole number.")
    try:
        return msgspec.convert(known, kind, strict=not is_query)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        reason = str(error).partition(" - at")[0]
        if place is None:
            raise InvalidRequestError("invalid_parameter_value", reason) from None
        raise invalid(place[1], f"`{place[1]}` is not valid: {reason}.") from None


def query_members(kind: type[msgspec.Struct], pairs: list[tuple[str, str]]) -> JsonObject:
    """Pairs as members: a repeated name is a list where the struct has a list, else the last value counts."""
    lists = shape_of(kind).lists
    members: JsonObject = {}
    for name, value in pairs:
        if name in lists:
            members.setdefault(name, []).append(value)
        else:
            members[name] = value
    return members
