"""Which tables operators can look at, and what they can do there."""

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import ApiKey, AuditEntry, Invitation, Membership, Organization, User
from accounts.services.keys import revoke_key
from accounts.services.operators import suspend_organization, unsuspend_organization
from dashboard.admin_site import OperatorAdmin, actor_of
from events.models import ConsumerCursor
from lines.models import AlertRule, Line, LineRequest, Node, SandboxPairing
from lines.services.provisioning import pause_line, resume_line
from lines.services.sandbox import reset_sandbox
from webhooks_app.models import Endpoint, Replay
from webhooks_app.services.endpoints import switch_endpoint


@admin.register(Organization)
class OrganizationAdmin(OperatorAdmin):
    list_display = ("name", "slug", "public_id", "suspended_at", "created_at", "page")
    search_fields = ("name", "slug", "memberships__user__email")
    list_filter = (("suspended_at", admin.EmptyFieldListFilter),)
    ordering = ("-id",)
    actions = ("suspend", "unsuspend")

    @admin.display(description="Operator page")
    def page(self, row: Organization) -> SafeString:
        return format_html('<a href="/operator/organizations/{}">Limits, members</a>', row.public_id)

    @admin.action(description="Suspend: keys are refused, people can only read")
    def suspend(self, request: HttpRequest, rows: QuerySet[Organization]) -> None:
        for row in rows:
            suspend_organization(organization=row, reason="Suspended by an operator", actor=actor_of(request))
        self.note(request, rows, "Suspended")

    @admin.action(description="End the suspension")
    def unsuspend(self, request: HttpRequest, rows: QuerySet[Organization]) -> None:
        for row in rows:
            unsuspend_organization(organization=row, actor=actor_of(request))
        self.note(request, rows, "Suspension ended")


@admin.register(User)
class UserAdmin(OperatorAdmin):
    secret_fields = ("password",)
    list_display = ("email", "name", "is_staff", "is_active", "last_login", "date_joined")
    search_fields = ("email", "name")
    list_filter = ("is_staff", "is_active")
    ordering = ("-id",)
    actions = ("switch_off", "switch_on")

    @admin.action(description="Switch off: cannot sign in, sessions end")
    def switch_off(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        found = list(rows.filter(is_active=True, is_staff=False))
        User.objects.filter(pk__in=[row.pk for row in found]).update(is_active=False)
        self.note(request, found, "Switched off")

    @admin.action(description="Switch on")
    def switch_on(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        found = list(rows.filter(is_active=False))
        User.objects.filter(pk__in=[row.pk for row in found]).update(is_active=True)
        self.note(request, found, "Switched on")


@admin.register(Membership)
class MembershipAdmin(OperatorAdmin):
    list_display = ("user", "organization", "role", "can_read_messages", "created_at")
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "organization__name")
    list_filter = ("role",)
    ordering = ("-id",)


@admin.register(Invitation)
class InvitationAdmin(OperatorAdmin):
    secret_fields = ("token_hash",)
    list_display = ("email", "organization", "role", "expires_at", "accepted_at", "revoked_at")
    list_select_related = ("organization",)
    search_fields = ("email", "organization__name")
    ordering = ("-id",)


@admin.register(ApiKey)
class ApiKeyAdmin(OperatorAdmin):
    secret_fields = ("token_hash",)
    list_display = ("name", "prefix", "organization", "last_used_at", "expires_at", "revoked_at", "revoked_reason")
    list_select_related = ("organization",)
    search_fields = ("name", "prefix", "organization__name")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "source")
    ordering = ("-id",)
    actions = ("revoke",)

    @admin.action(description="Revoke: refused from the next request on")
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        found = list(rows.filter(revoked_at=None))
        for row in found:
            revoke_key(key=row, actor=actor_of(request), reason="operator")
        self.note(request, found, "Revoked")


@admin.register(AuditEntry)
class AuditEntryAdmin(OperatorAdmin):
    list_display = ("created_at", "action", "organization", "actor_label", "impersonator", "target_label", "address")
    list_select_related = ("organization", "impersonator")
    search_fields = ("action", "actor_label", "target_id", "organization__name")
    ordering = ("-id",)


@admin.register(Line)
class LineAdmin(OperatorAdmin):
    list_display = ("handle", "label", "organization", "health", "paused_at", "transport", "node", "deleted_at")
    list_select_related = ("organization", "node")
    search_fields = ("handle", "label", "organization__name")
    list_filter = ("health", "transport", "is_sandbox", ("deleted_at", admin.EmptyFieldListFilter))
    ordering = ("-id",)
    actions = ("pause", "resume")

    @admin.action(description="Pause: what is queued waits")
    def pause(self, request: HttpRequest, rows: QuerySet[Line]) -> None:
        self._switch(request, rows, is_paused=True)

    @admin.action(description="Resume")
    def resume(self, request: HttpRequest, rows: QuerySet[Line]) -> None:
        self._switch(request, rows, is_paused=False)

    def _switch(self, request: HttpRequest, rows: QuerySet[Line], *, is_paused: bool) -> None:
        """The shared sandbox line has no organization to record it for, and is left alone."""
        found = list(rows.filter(organization__isnull=False, deleted_at=None, paused_at__isnull=is_paused))
        for row in found:
            (pause_line if is_paused else resume_line)(line=row, actor=actor_of(request))
        self.note(request, found, "Paused" if is_paused else "Resumed")


@admin.register(Node)
class NodeAdmin(OperatorAdmin):
    list_display = ("name", "transport", "organization", "last_seen_at", "created_at")
    list_select_related = ("organization",)
    search_fields = ("name", "organization__name")
    ordering = ("-id",)


@admin.register(SandboxPairing)
class SandboxPairingAdmin(OperatorAdmin):
    secret_fields = ("code",)
    list_display = ("organization", "status", "contact_identifier", "activated_at", "created_at")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "contact_identifier")
    list_filter = ("status",)
    ordering = ("-id",)
    actions = ("reset",)

    @admin.action(description="Let the paired phone go, with a new code")
    def reset(self, request: HttpRequest, rows: QuerySet[SandboxPairing]) -> None:
        found = list(rows.filter(status=SandboxPairing.Status.ACTIVE).select_related("organization"))
        for row in found:
            reset_sandbox(organization=row.organization, actor=actor_of(request))
        self.note(request, found, "Pairing reset")


@admin.register(LineRequest)
class LineRequestAdmin(OperatorAdmin):
    list_display = ("handle", "organization", "status", "asked_by", "created_at", "closed_at", "answer")
    list_select_related = ("organization", "asked_by")
    search_fields = ("handle", "organization__name")
    list_filter = ("status",)
    ordering = ("-id",)


@admin.register(AlertRule)
class AlertRuleAdmin(OperatorAdmin):
    list_display = ("organization", "line", "limit", "percent", "url", "is_active", "created_at")
    list_select_related = ("organization", "line")
    search_fields = ("organization__name", "url")
    ordering = ("-id",)


@admin.register(Endpoint)
class EndpointAdmin(OperatorAdmin):
    secret_fields = ("secret", "next_secret", "previous_secret", "headers")
    list_display = ("url", "organization", "is_active", "disabled_reason", "consecutive_failures", "last_status")
    list_select_related = ("organization",)
    search_fields = ("url", "organization__name")
    list_filter = ("is_active", ("deleted_at", admin.EmptyFieldListFilter))
    ordering = ("-id",)
    actions = ("switch_off", "switch_on")

    @admin.action(description="Switch off: what happens is held")
    def switch_off(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        self._switch(request, rows, is_active=False)

    @admin.action(description="Switch on")
    def switch_on(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        self._switch(request, rows, is_active=True)

    def _switch(self, request: HttpRequest, rows: QuerySet[Endpoint], *, is_active: bool) -> None:
        found = list(rows.filter(deleted_at=None, is_active=not is_active))
        for row in found:
            switch_endpoint(endpoint=row, is_active=is_active, actor=actor_of(request))
        self.note(request, found, "Switched on" if is_active else "Switched off")


@admin.register(Replay)
class ReplayAdmin(OperatorAdmin):
    list_display = ("public_id", "organization", "state", "started_by_label")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "started_by_label")
    list_filter = ("state",)
    ordering = ("-id",)


@admin.register(ConsumerCursor)
class ConsumerCursorAdmin(OperatorAdmin):
    """How far those that run in the background have come."""

    list_display = ("name", "xid", "event_id", "updated_at")
    ordering = ("name",)


@admin.register(LogEntry)
class LogEntryAdmin(OperatorAdmin):
    """What operators did on these pages."""

    list_display = ("action_time", "user", "content_type", "object_repr", "change_message")
    list_select_related = ("user", "content_type")
    ordering = ("-id",)
