from accounts.models.api_key import ApiKey, ApiKeyHour
from accounts.models.audit import AuditEntry
from accounts.models.idempotency import IdempotencyRecord
from accounts.models.mail import DevMail
from accounts.models.organization import Invitation, Membership, Organization, Role
from accounts.models.request_log import ApiRequest
from accounts.models.user import User

__all__ = [
    "ApiKey",
    "ApiKeyHour",
    "ApiRequest",
    "AuditEntry",
    "DevMail",
    "IdempotencyRecord",
    "Invitation",
    "Membership",
    "Organization",
    "Role",
    "User",
]
