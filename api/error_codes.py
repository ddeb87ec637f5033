"""Every code the JSON door can answer: status, type, when, and what to do. docs/errors.md has a section for each."""

from dataclasses import dataclass

AUTHENTICATION, AUTHORIZATION, REQUEST = "authentication_error", "authorization_error", "invalid_request_error"
NOT_FOUND, RATE, API = "not_found_error", "rate_limit_error", "api_error"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One row of spec api §3."""

    code: str
    status: int
    type: str
    when: str
    remedy: str


_ROWS = (
    ("missing_api_key", 401, AUTHENTICATION, "The request has no `Authorization` header.",
     "Send `Authorization: Bearer sk_live_…`."),
    ("invalid_api_key", 401, AUTHENTICATION, "The key is malformed, unknown, revoked or expired.",
     "Copy the whole key, or create a new one in the dashboard."),
    ("invalid_access_token", 401, AUTHENTICATION, "A CLI login came with an OAuth token that is unknown or expired.",
     "Log in again."),
    ("insufficient_scope", 403, AUTHORIZATION, "The key lacks the endpoint's scope.",
     "Add the scope to the key in the dashboard."),
    ("line_not_accessible", 403, AUTHORIZATION, "The key is restricted to other lines.",
     "Use one of the key's lines, or a key without the restriction."),
    ("recipient_not_allowed", 403, AUTHORIZATION, "The key may write to certain recipients only.",
     "Add the recipient to the key's list."),
    ("address_not_allowed", 403, AUTHORIZATION, "The key may be used from certain addresses only.",
     "Add the address to the key's list."),
    ("organization_suspended", 403, AUTHORIZATION, "The operator has suspended the organization.", "Write to support."),
    ("organization_not_accessible", 403, AUTHORIZATION, "The person is no member of the organization.",
     "Choose one of your organizations."),
    ("insufficient_role", 403, AUTHORIZATION, "The person's role in the organization does not allow this.",
     "Ask an admin or owner."),
    ("second_factor_required", 403, AUTHORIZATION, "The organization asks its members for two-factor sign-in.",
     "Set it up in the dashboard, under your profile."),
    ("no_active_organization", 403, AUTHORIZATION, "The account has no organization yet.",
     "Finish onboarding in the dashboard."),
    ("sandbox_not_activated", 403, AUTHORIZATION, "The sandbox line was used before a phone was paired.",
     "Text the activation code to the sandbox number."),
    ("sandbox_requires_owner", 403, AUTHORIZATION, "The sandbox was used with a key that no account owns.",
     "Use a key of an organization."),
    ("contact_has_not_messaged", 403, REQUEST, "The contact has never written to this line.",
     "Wait for the contact's first message: a line answers, it never writes first."),
    ("missing_required_parameter", 400, REQUEST, "A required member of the body or the query is absent.",
     "Send the member that `param` names."),
    ("invalid_parameter_value", 400, REQUEST, "A value has the wrong type, form, prefix or range.",
     "Correct the member that `param` names."),
    ("invalid_json", 400, REQUEST, "The body is no JSON object in UTF-8, or is nested too deeply.",
     "Send a JSON object, at most 32 levels deep."),
    ("empty_file", 400, REQUEST, "The upload has no bytes.", "Send the file as the request body."),
    ("advanced_features_required", 400, REQUEST, "The machine behind the line cannot do this, such as voice memos.",
     "Use another line."),
    ("sandbox_contact_mismatch", 400, REQUEST, "On the sandbox line, the recipient is not the paired number.",
     "Write to the number that activated the sandbox."),
    ("method_not_allowed", 405, REQUEST, "The path exists, the method does not.", "See the `Allow` header."),
    ("body_too_slow", 408, REQUEST, "The request body did not arrive in time.", "Send it again, faster."),
    ("idempotency_in_progress", 409, REQUEST, "The first request with this `Idempotency-Key` is still running.",
     "Try again after `Retry-After`."),
    ("handle_taken", 409, REQUEST, "The handle is in use.", "Choose another, or let the server choose."),
    ("not_retryable", 400, REQUEST, "Only a failed message can be sent again.", "See the item's `status`."),
    ("webhook_is_off", 409, REQUEST, "The webhook is switched off, so nothing can be sent again to it.",
     "Switch it on, then replay."),
    ("webhook_deleted", 409, REQUEST, "The webhook of this delivery has been deleted.", "Create a new webhook."),
    ("no_staged_secret", 409, REQUEST, "The webhook has no staged secret to activate.", "Stage one first."),
    ("body_too_large", 413, REQUEST, "The request body is larger than the endpoint takes.", "Send less."),
    ("file_too_large", 413, REQUEST, "The upload is larger than a file may be.", "Send a smaller file."),
    ("unsupported_media_type", 415, REQUEST, "The body says that it is something else than JSON.",
     "Send `Content-Type: application/json`."),
    ("idempotency_key_reused", 422, REQUEST, "This `Idempotency-Key` was used with another body.",
     "Use a new key for a new request."),
    ("route_not_found", 404, NOT_FOUND, "There is nothing at this path.", "Check the path."),
    ("line_not_found", 404, NOT_FOUND, "The organization has no line with this handle or id.",
     "List the lines with `GET /v1/lines`."),
    ("chat_not_found", 404, NOT_FOUND, "The line has no such chat.", "List the chats with `GET /v1/chats`."),
    ("message_not_found", 404, NOT_FOUND, "There is no such message, or the key may not see it.", "Check the id."),
    ("outbox_item_not_found", 404, NOT_FOUND, "There is no such outbox item, or the key may not see it.",
     "Check the id."),
    ("webhook_not_found", 404, NOT_FOUND, "There is no such webhook, or the key may not see it.", "Check the id."),
    ("file_not_found", 404, NOT_FOUND, "There is no such file, or its link has expired.", "Check the id."),
    ("phone_not_found", 404, NOT_FOUND, "There is no such virtual phone.", "See `GET /simulator/v1/phones`."),
    ("delivery_not_found", 404, NOT_FOUND, "There is no such delivery.", "Check the id."),
    ("replay_not_found", 404, NOT_FOUND, "There is no such replay.", "Check the id."),
    ("rate_limit_exceeded", 429, RATE, "The key has made its requests of this hour.",
     "Wait for `Retry-After` seconds, or raise the key's limit."),
    ("sandbox_quota_exceeded", 429, RATE, "The organization has sent its sandbox messages of today.",
     "Wait until midnight UTC."),
    ("send_budget_exceeded", 429, RATE, "The key has made its sends of today.",
     "Wait until midnight UTC, or raise the key's daily budget."),
    ("internal_error", 500, API, "Something went wrong on our side.", "Try again; quote the request id to support."),
    ("service_unavailable", 503, API, "The service is briefly unable to answer, such as while its database restarts.",
     "Try again after `Retry-After` seconds."),
)  # fmt: skip
ERROR_CODES: dict[str, ErrorCode] = {row[0]: ErrorCode(*row) for row in _ROWS}

ALWAYS = ("internal_error", "service_unavailable", "method_not_allowed", "invalid_parameter_value")
WITH_KEY = (
    "missing_api_key", "invalid_api_key", "organization_suspended", "address_not_allowed", "rate_limit_exceeded",
)  # fmt: skip
WITH_BODY = ("invalid_json", "unsupported_media_type", "body_too_large", "body_too_slow")
WITH_IDEMPOTENCY = ("idempotency_in_progress", "idempotency_key_reused")


def describe_errors() -> str:
    """docs/errors.md: one section for each code."""
    parts = [
        "# Errors\n\nEvery error has this shape; `param` is there when one parameter is at fault. Rely on the status, "
        "`type`, `code` and `param`; `message` is for people and may change.\n\n```json\n"
        '{"error": {"type": "invalid_request_error", "code": "missing_required_parameter", "message": "…", '
        '"param": "from"},\n "request_id": "req_0f3a9c1b22de"}\n```\n'
    ]
    for error in ERROR_CODES.values():
        parts.append(f"## {error.code}\n\nHTTP {error.status}, `{error.type}`. {error.when} {error.remedy}\n")
    return "\n".join(parts)
