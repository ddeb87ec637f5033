"""OpenAPI 3.1, generated from the registry, the structs and the catalogue of events."""

from functools import cache
from typing import Any

import msgspec
from django.conf import settings

from api.error_codes import ALWAYS, ERROR_CODES, WITH_BODY, WITH_IDEMPOTENCY, WITH_KEY
from api.examples import REQUEST_ID, example_of, path_example, query_example
from api.routes import Endpoint, list_endpoints
from webhooks_app.catalogue import CATALOGUE, EXAMPLE_DELIVERY_ID, build_example

Json = dict[str, Any]
REF = "#/components/schemas/{name}"
PUBLIC_PREFIX = "/v1/"
_REQUEST_ID: Json = {
    "type": "object",
    "properties": {"request_id": {"type": "string", "pattern": "^req_[0-9a-f]{12}$"}},
    "required": ["request_id"],
}
_ERROR: Json = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "type": {"enum": sorted({error.type for error in ERROR_CODES.values()})},
                "code": {"type": "string"},
                "message": {"type": "string", "description": "For people; not stable."},
                "param": {"type": "string", "description": "The one parameter at fault; absent when none is."},
            },
            "required": ["type", "code", "message"],
        },
        "request_id": {"type": "string"},
    },
    "required": ["error", "request_id"],
}


def error_codes_of(entry: Endpoint) -> list[str]:
    """All codes an endpoint can answer, its own ones last."""
    codes = [*ALWAYS]
    if entry.access == "key":
        codes += WITH_KEY
        codes += ["insufficient_scope"] if entry.scope else []
        codes += WITH_IDEMPOTENCY if entry.method == "POST" else []
    if entry.body is not None:
        codes += ["missing_required_parameter", *WITH_BODY]
    elif entry.query is not None:
        codes.append("missing_required_parameter")
    return list(dict.fromkeys([*codes, *entry.errors]))


def responses_of(entry: Endpoint) -> tuple[Any, ...]:
    """The shapes an endpoint answers with; several where the query decides."""
    if entry.response is None:
        return ()
    return entry.response if isinstance(entry.response, tuple) else (entry.response,)


@cache
def build_openapi() -> Json:
    """The document, as JSON-ready dicts."""
    entries = [entry for entry in list_endpoints() if entry.path.startswith(PUBLIC_PREFIX)]
    types = [kind for entry in entries for kind in (entry.body, *responses_of(entry)) if kind is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    by_type = dict(zip(map(repr, types), schemas, strict=True))
    components = {**components, "RequestId": _REQUEST_ID, "Error": _ERROR}
    paths: Json = {}
    for entry in entries:
        paths.setdefault(entry.path, {})[entry.method.lower()] = _operation(entry, by_type, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Messages.dev API",
            "version": "1",
            "description": "Send and receive iMessages. JSON over HTTPS; times are Unix milliseconds, UTC.",
        },
        "servers": [{"url": settings.BASE_URL}],
        "security": [{"apiKey": []}],
        "paths": paths,
        "webhooks": {name: {"post": _webhook(name)} for name in CATALOGUE},
        "components": {
            "schemas": components,
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "sk_live_…"}},
        },
        "x-errors": {
            error.code: {"status": error.status, "type": error.type, "when": error.when, "remedy": error.remedy}
            for error in ERROR_CODES.values()
        },
    }


def _operation(entry: Endpoint, by_type: Json, components: Json) -> Json:
    operation: Json = {
        "operationId": entry.name,
        "summary": entry.summary,
        "description": _description(entry),
        "tags": [entry.tag],
        "parameters": _parameters(entry),
        "responses": _responses(entry, by_type, components),
        "x-errors": error_codes_of(entry),
        "x-extension": entry.is_extension,
        "x-scope": entry.scope,
    }
    if entry.access == "open":
        operation["security"] = []
    if entry.body is not None:
        required = any(field.required for field in msgspec.structs.fields(entry.body))
        schema = by_type[repr(entry.body)]
        content = {"application/json": {"schema": schema, "example": example_of(schema, components, is_request=True)}}
        operation["requestBody"] = {"required": required, "content": content}
    elif entry.is_upload:
        binary = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": binary}}
    return operation


def _description(entry: Endpoint) -> str:
    parts = [(entry.handler.__doc__ or "").strip()]
    if entry.scope:
        parts.append(f"Needs the scope `{entry.scope}`.")
    if entry.is_extension:
        parts.append("An extension of this server.")
    return " ".join(part for part in parts if part)


def _parameters(entry: Endpoint) -> list[Json]:
    names = [part[1:-1] for part in entry.path.split("/") if part.startswith("{")]
    found: list[Json] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
            "example": path_example(entry.path),
        }
        for name in names
    ]
    for field in msgspec.structs.fields(entry.query) if entry.query else ():
        schema = _without_null(msgspec.json.schema(field.type))
        found.append(
            {
                "name": field.encode_name,
                "in": "query",
                "required": field.required,
                "description": schema.pop("description", ""),
                "schema": schema,
                "example": query_example(entry.name, field.encode_name, schema),
            }
        )
    if entry.method == "POST" and entry.access == "key":
        text = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
        found.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": text})
    if entry.is_upload:
        found.append({"name": "X-Filename", "in": "header", "required": False, "schema": {"type": "string"}})
    return found


def _without_null(schema: Json) -> Json:
    """A query cannot carry null: an optional parameter is just left out."""
    if "anyOf" in schema:
        parts = [part for part in schema["anyOf"] if part != {"type": "null"}]
        if len(parts) == 1:
            return {**parts[0]}
    return schema


def _responses(entry: Endpoint, by_type: Json, components: Json) -> Json:
    if entry.status == 302:
        responses: Json = {"302": {"description": "The signed link.", "headers": {"Location": _text_header()}}}
    else:
        kinds = [by_type[repr(kind)] for kind in responses_of(entry)] or [{"type": "object"}]
        schema = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        is_plain = entry.access == "open"
        whole = schema if is_plain else {"allOf": [schema, {"$ref": REF.format(name="RequestId")}]}
        example = example_of(kinds[0], components)
        content = {"schema": whole, "example": example if is_plain else {**example, "request_id": REQUEST_ID}}
        responses = {str(entry.status): {"description": "Done.", "content": {"application/json": content}}}
    by_status: dict[int, list[str]] = {}
    for code in error_codes_of(entry):
        by_status.setdefault(ERROR_CODES[code].status, []).append(code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "; ".join(f"`{code}`: {ERROR_CODES[code].when}" for code in codes),
            "content": {"application/json": {"schema": {"$ref": REF.format(name="Error")}}},
        }
    return responses


def _text_header() -> Json:
    return {"schema": {"type": "string"}}


def _webhook(name: str) -> Json:
    kind = CATALOGUE[name]
    schema = {key: value for key, value in kind.schema.items() if key != "$schema"}
    headers = ("X-Webhook-Signature", "X-Webhook-Timestamp", "X-Webhook-Delivery-Id", "webhook-id", "webhook-signature")
    data = build_example(name)
    example = {"event": name, "data": data, "timestamp": data["sent_at"] + 640, "delivery_id": EXAMPLE_DELIVERY_ID}
    return {
        "operationId": name.replace(".", "_"),
        "summary": kind.fires_when,
        "security": [],
        "parameters": [{"name": h, "in": "header", "required": True, "schema": {"type": "string"}} for h in headers],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}},
        "responses": {"2XX": {"description": "Taken. Anything else is tried again."}},
    }
