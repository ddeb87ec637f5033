"""The API reference as the page shows it, made from the API's own description (OpenAPI 3.1)."""

import json
import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils.html import escape
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString, mark_safe

Json = dict[str, Any]
TAGS = ("Messages", "Chats", "Reactions", "Typing", "Receipts", "Outbox", "Files", "Lines", "Events", "Webhooks",
        "Deliveries", "Sandbox", "Account", "About")  # fmt: skip
_METHODS = ("get", "post", "patch", "put", "delete")


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One row of a table of parameters or members."""

    name: str
    place: str
    type: str
    is_required: bool
    limits: str
    text: SafeString
    example: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorLine:
    code: str
    status: int
    when: SafeString


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One endpoint. ``body`` is the example body as JSON text; empty when the endpoint takes none."""

    anchor: str
    method: str
    path: str
    path_parts: tuple[str, ...]
    summary: str
    text: SafeString
    scope: str
    is_extension: bool
    is_open: bool
    is_upload: bool
    parameters: list[Field]
    members: list[Field]
    answer_members: list[Field]
    body: str
    curl: str
    status: int
    answer: str
    errors: list[ErrorLine]


@dataclass(frozen=True, slots=True)
class Group:
    """The endpoints of one tag."""

    name: str
    operations: list[Operation]

    @property
    def anchor(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    name: str
    anchor: str
    text: str
    members: list[Field]
    example: str


def describe() -> Json:
    found: Json = import_string(settings.API_DESCRIPTION)()
    return found


@cache
def list_groups() -> list[Group]:
    """Every endpoint, by tag."""
    document = describe()
    by_tag: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                operation = methods[method]
                by_tag.setdefault(operation["tags"][0], []).append(_operation(document, method, path, operation))
    order = [*TAGS, *sorted(set(by_tag) - set(TAGS))]
    return [Group(tag, sorted(by_tag[tag], key=_is_first, reverse=True)) for tag in order if tag in by_tag]


def _is_first(operation: Operation) -> bool:
    """What most people come for stands first; the rest keeps the order of the paths."""
    return operation.anchor == "send_message"


@cache
def list_events() -> list[Event]:
    """The webhook events."""
    found = []
    for name, methods in describe()["webhooks"].items():
        content = methods["post"]["requestBody"]["content"]["application/json"]
        fields = _members(describe(), content["schema"]["properties"]["data"])
        example = json.dumps(content["example"], indent=2, ensure_ascii=False)
        text = methods["post"]["summary"]
        found.append(Event(name=name, anchor=f"event-{name}", text=text, members=fields, example=example))
    return found


def list_error_codes() -> list[Json]:
    """Every code with its status, type, cause and remedy, by status."""
    rows = [
        {"code": code, **error, "when": mark_code(error["when"]), "remedy": mark_code(error["remedy"])}
        for code, error in describe()["x-errors"].items()
    ]
    return sorted(rows, key=lambda row: row["status"])


def mark_code(text: str) -> SafeString:
    """Escaped text with `…` as code."""
    return mark_safe(re.sub(r"`+([^`]+)`+", r'<code class="mono">\1</code>', escape(text)))


def _operation(document: Json, method: str, path: str, raw: Json) -> Operation:
    parameters = [_parameter(item) for item in raw["parameters"]]
    content = raw.get("requestBody", {}).get("content", {})
    is_upload = "application/octet-stream" in content
    body = content.get("application/json", {})
    status, answer = next((int(code), one) for code, one in raw["responses"].items() if code[0] in "23")
    answer_json = answer.get("content", {}).get("application/json", {})
    return Operation(
        anchor=raw["operationId"],
        method=method.upper(),
        path=path,
        path_parts=tuple(re.split(r"(?<=/)", path)),
        summary=raw["summary"],
        text=mark_code(_text_of(raw)),
        scope=raw["x-scope"] or "",
        is_extension=raw["x-extension"],
        is_open=raw.get("security") == [],
        is_upload=is_upload,
        parameters=parameters,
        members=_members(document, body["schema"]) if body else [],
        answer_members=_members(document, answer_json["schema"]) if answer_json else [],
        body=json.dumps(body["example"], indent=2, ensure_ascii=False) if body else "",
        curl=_curl(method.upper(), path, raw, body.get("example"), is_upload),
        status=status,
        answer=json.dumps(answer_json["example"], indent=2, ensure_ascii=False) if answer_json.get("example") else "",
        errors=[_error(document, code) for code in raw["x-errors"]],
    )


def _text_of(raw: Json) -> str:
    text = raw["description"].replace("An extension of this server.", "")
    return re.sub(r"Needs the scope `[^`]+`\.", "", text).strip()


def _error(document: Json, code: str) -> ErrorLine:
    error = document["x-errors"][code]
    return ErrorLine(code=code, status=error["status"], when=mark_code(error["when"]))


def _parameter(raw: Json) -> Field:
    text = raw.get("description") or raw["schema"].get("description") or _KNOWN_TEXT.get(raw["name"], "")
    example = raw.get("example")
    if isinstance(example, list):
        example = example[0] if example else ""
    return Field(
        name=raw["name"],
        place=raw["in"],
        type=_type(raw["schema"]),
        is_required=raw["required"],
        limits=_limits(raw["schema"]),
        text=mark_code(text),
        example="" if example is None else str(example),
    )


_KNOWN_TEXT = {
    "Idempotency-Key": "The same key with the same body within 24 hours gives the first answer again.",
    "X-Filename": "The file's name.",
    "cursor": "`next_cursor` of the page before.",
    "limit": "Items on a page: 50 unless told, 100 at most.",
}


def _members(document: Json, schema: Json, depth: int = 0) -> list[Field]:
    """The members of an object and, indented by a dotted name, of the objects in it."""
    schema = _resolve(document, schema)
    if "anyOf" in schema and "properties" not in schema:
        return _members(document, schema["anyOf"][0], depth)
    found: list[Field] = []
    for part in schema.get("allOf", [schema]):
        part = _resolve(document, part)
        for name, rule in part.get("properties", {}).items():
            found.append(_member(name, rule, name in part.get("required", ())))
            inner = _inner(document, rule)
            if inner and depth < 2:
                prefix = f"{name}[]." if rule.get("type") == "array" else f"{name}."
                nested = _members(document, inner, depth + 1)
                found += [replace(field, name=prefix + field.name) for field in nested]
    return found


def _inner(document: Json, rule: Json) -> Json | None:
    target = _resolve(document, rule["items"] if rule.get("type") == "array" and "items" in rule else rule)
    return target if target.get("properties") else None


def _member(name: str, rule: Json, is_required: bool) -> Field:
    text = rule.get("description") or next(
        (part["description"] for part in rule.get("anyOf", ()) if "description" in part), ""
    )
    return Field(
        name=name, place="body", type=_type(rule), is_required=is_required, limits=_limits(rule),
        text=mark_code(text), example="",
    )  # fmt: skip


def _resolve(document: Json, schema: Json) -> Json:
    if "$ref" in schema:
        found: Json = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _type(rule: Json) -> str:
    if "anyOf" in rule:
        return " or ".join(dict.fromkeys(_type(part) for part in rule["anyOf"]))
    if "const" in rule:
        return json.dumps(rule["const"])
    if "$ref" in rule:
        return "object"
    kind = rule.get("type")
    if kind == "array":
        return f"list of {_type(rule.get('items', {}))}s"
    if isinstance(kind, list):
        return " or ".join(kind)
    return str(kind or ("string" if "enum" in rule else "any"))


def _limits(rule: Json) -> str:
    rules = [rule, *rule.get("anyOf", ()), *([rule["items"]] if "items" in rule else [])]
    words = []
    for one in rules:
        if "enum" in one and one["enum"] != [True]:
            words.append(", ".join(map(str, one["enum"])))
        low, high = one.get("minimum"), one.get("maximum")
        if low is not None and high is not None:
            words.append(f"{low:,} to {high:,}")
        elif low is not None or high is not None:
            words.append(f"at least {low:,}" if low is not None else f"at most {high:,}")
        if one.get("maxLength"):
            words.append(f"at most {one['maxLength']:,} characters")
        if one.get("maxItems"):
            words.append(f"at most {one['maxItems']:,} items")
    if rule.get("default") not in (None, [], {}):
        words.append(f"{json.dumps(rule['default'])} unless told")
    return "; ".join(words)


def _curl(method: str, path: str, raw: Json, body: Any, is_upload: bool) -> str:
    query = []
    for item in raw["parameters"]:
        value = item.get("example")
        if item["in"] == "path":
            path = path.replace(f"{{{item['name']}}}", str(value))
        elif item["in"] == "query" and (item["required"] or item["name"] in ("id", "after", "limit")) and not body:
            query.append((item["name"], value))
    url = f"{settings.BASE_URL}{path}" + (f"?{urlencode(query)}" if query else "")
    lines = [f'curl {"" if method == "GET" else f"-X {method} "}"{url}"']
    if raw.get("security") != []:
        lines.append('-H "Authorization: Bearer $MESSAGES_API_KEY"')
    if is_upload:
        lines += ['-H "Content-Type: application/pdf"', '-H "X-Filename: menu.pdf"', '--data-binary "@menu.pdf"']
    elif body is not None:
        text = json.dumps(body, indent=2, ensure_ascii=False).replace("'", "'\\''").replace("\n", "\n  ")
        lines += ['-H "Content-Type: application/json"', f"-d '{text}'"]
    elif raw["responses"].get("302"):
        lines.append("-L -o menu.pdf")
    return " \\\n  ".join(lines)
