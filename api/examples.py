"""Realistic values for the description: one value for each name of a member, put together along the schemas."""

from typing import Any

from webhooks_app.catalogue import EXAMPLE_CONTACT, EXAMPLE_LINE_HANDLE, build_example

Json = dict[str, Any]
REQUEST_ID = "req_0f3a9c1b22de"
_HEX = "0197f3a25c4e7b1f9d3c6a8e2b4d5f7"
_AT = 1_760_000_000_123


def _id(prefix: str, digit: int) -> str:
    return f"{prefix}_{_HEX}{digit}"


# Ids agree between endpoints, so that the samples tell one story.
_BY_NAME: Json = {
    "from": EXAMPLE_LINE_HANDLE, "to": EXAMPLE_CONTACT, "text": "Your table for two at 19:30 is booked.",
    "id": _id("msg", 2), "line_id": _id("ln", 0), "chat_id": _id("cht", 1), "message_id": _id("msg", 2),
    "webhook_id": _id("wh", 5), "delivery_id": _id("dlv", 5), "event_id": _id("evt", 6), "request_id": REQUEST_ID,
    "outbox_id": None, "guid": "8C5F2A61-7D1B-4E43-9A0C-51B2E6D7F803", "reply_to": None, "reply_to_guid": None,
    "attachments": [], "audio_message": _id("file", 7), "sender": EXAMPLE_CONTACT,
    "identifier": EXAMPLE_CONTACT, "handle": EXAMPLE_CONTACT, "participants": [EXAMPLE_CONTACT], "name": None,
    "service": "iMessage", "is_from_me": False, "is_audio_message": False, "is_group": False, "type": "love",
    "has_received_inbound": True, "is_typing": True, "added": True, "deleted": True, "status": "sent", "state": "on",
    "label": "Concierge US", "is_active": True, "has_more": False, "next_cursor": None, "cursor": "1042",
    "timestamp": _AT,
    "payload": {"from": EXAMPLE_LINE_HANDLE, "to": EXAMPLE_CONTACT, "text": "Your table for two at 19:30 is booked."},
    "attempts": 1, "max_attempts": 5, "error": None, "error_text": None, "held_reason": None, "resumes_at": None,
    "url": "https://agent.example/hooks/imessage", "events": ["message.received", "reaction.added"],
    "lines": [EXAMPLE_LINE_HANDLE], "line_ids": [_id("ln", 0)], "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "filename": "menu.pdf", "mime_type": "application/pdf", "size": 48_213, "transcription": None,
    "event": "message.received", "since": _AT - 3_600_000, "until": None, "limit": 50, "wait": 0, "after": "1041",
    "number": 1, "trigger": "first", "address": "203.0.113.7", "last_status": 200, "next_attempt_at": None,
    "request_headers": {"Content-Type": "application/json", "X-Webhook-Delivery-Id": _id("dlv", 5)},
    "response_headers": {"Content-Type": "text/plain"}, "response_body": "ok", "is_body_truncated": False,
    "dns_ms": 3.1, "connect_ms": 11.8, "tls_ms": 24.6, "wait_ms": 41.0, "total_ms": 82.4, "is_accepted": True,
    "total": 56, "queued": 12, "delivered": 43, "failed": 1, "finished_at": None, "started_by": "prod-agent",
    "contact_identifier": EXAMPLE_CONTACT, "sandbox_line_handle": "+15550100001", "activation_code": None,
    "used": 3, "remaining": 97, "window": "day", "slug": "lumen", "prefix": "sk_live_8f2c", "expires_at": None,
    "scopes": ["messages:read", "messages:write"], "requests_per_hour": 1000, "daily_send_budget": None,
    "previous_until": _AT + 86_400_000, "only": "failed", "endpoint": _id("wh", 5), "line": EXAMPLE_LINE_HANDLE,
    "chat": _id("cht", 1), "q": "dlv_", "X-Filename": "menu.pdf",
}  # fmt: skip
_BY_SHAPE: dict[str, Json] = {
    "Queued": {"id": _id("obx", 3), "status": "pending"},
    "ChatOut": {"id": _id("cht", 1)},
    "DeliveryOut": {"id": _id("dlv", 5), "state": "delivered"},
    "DeliveryDetailOut": {"id": _id("dlv", 5), "state": "delivered", "data": build_example("message.received")},
    "AttemptOut": {"status": 200},
    "EventOut": {"id": _id("evt", 6), "data": build_example("message.received")},
    "FileOut": {"id": _id("file", 7), "url": "https://messages.example/files/eyJmIjoi…"},
    "LineOut": {"id": _id("ln", 0), "handle": EXAMPLE_LINE_HANDLE, "service": "imessage"},
    "MeterOut": {"name": "reach_outs", "used": 164, "limit": 200},
    "OrganizationOut": {"id": _id("org", 8), "name": "Lumen Travel"},
    "KeyOut": {"id": _id("key", 9), "name": "prod-agent", "line_ids": None},
    "MessageOut": {"text": "Is there a table for two at 19:30 tonight?"},
    "OutboxItemOut": {"id": _id("obx", 3)},
    "ReactionOut": {"id": _id("rxn", 4)},
    "ReceiptOut": {"id": _id("rcp", 4)},
    "TypingOut": {"id": _id("typ", 4)},
    "ReplayOut": {"id": _id("rpl", 4), "state": "running"},
    "SandboxOut": {"status": "active"},
    "UsageOut": {"limit": 100},
    **{name: {"id": _id("wh", 5)} for name in (
        "WebhookOut", "CreatedWebhook", "DeleteWebhook", "DeletedOut", "ActivatedSecret", "StagedSecret")},
}  # fmt: skip
# Members that a first request leaves out.
_OPTIONAL_SENT = {
    "SendMessage": {"text"},
    "SetTyping": {"state"},
    "DeleteWebhook": {"id"},
    "ChangeWebhook": {"events", "is_active"},
}
_PATH_IDS = {"webhooks": _id("wh", 5), "deliveries": _id("dlv", 5), "replays": _id("rpl", 4), "lines": _id("ln", 0)}


def example_of(schema: Json, components: Json, *, is_request: bool = False, name: str = "", shape: str = "") -> Any:
    """A value that the schema allows. ``components`` are the document's schemas."""
    if "$ref" in schema:
        target = schema["$ref"].rpartition("/")[2]
        return example_of(components[target], components, is_request=is_request, name=name, shape=target)
    if "allOf" in schema:
        parts = [example_of(part, components, is_request=is_request) for part in schema["allOf"]]
        return {key: value for part in parts for key, value in part.items()}
    if schema.get("properties"):
        sent = set(schema.get("required", ())) | _OPTIONAL_SENT.get(shape, set())
        return {
            member: _value(member, rule, components, shape, is_request)
            for member, rule in schema["properties"].items()
            if not is_request or member in sent
        }
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], components, is_request=is_request, name=name)
    if schema.get("type") == "array" and "$ref" in schema.get("items", {}):
        return [example_of(schema["items"], components, is_request=is_request)]
    return named_example(name, schema)


def _value(member: str, rule: Json, components: Json, shape: str, is_request: bool) -> Any:
    fixed = _BY_SHAPE.get(shape, {})
    if member in fixed:
        return fixed[member]
    if "$ref" in rule or "$ref" in rule.get("items", {}):
        return [] if member == "attachments" else example_of(rule, components, is_request=is_request, name=member)
    return named_example(member, rule)


def named_example(name: str, rule: Json) -> Any:
    """The value that a member or parameter of this name has in every sample."""
    if "const" in rule:
        return rule["const"]
    choices = rule.get("enum")
    if name in _BY_NAME and (not choices or _BY_NAME[name] in choices):
        value = _BY_NAME[name]
        return [value] if rule.get("type") == "array" and not isinstance(value, list) else value
    if choices:
        return choices[0]
    if name.endswith("_at"):
        return _AT
    kinds = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}
    return kinds.get(str(rule.get("type")))


def path_example(path: str) -> str:
    """The id in a path, of the kind that the path is about."""
    return _PATH_IDS.get(path.split("/")[2], _id("msg", 2))


def query_example(operation_id: str, name: str, rule: Json) -> Any:
    """A query parameter's value; ``id`` is of the kind that the endpoint is about."""
    ids = {"download_file": _id("file", 7), "read_outbox": _id("obx", 3), "delete_webhook": _id("wh", 5)}
    if name == "id":
        return ids.get(operation_id, _id("msg", 2))
    value = named_example(name, rule)
    return str(value) if rule.get("type") == "string" and value is not None else value
