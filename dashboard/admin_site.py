"""The database pages of the operator area: for staff only, read-mostly, in the product's own frame.

Only models with an ``OperatorAdmin`` are shown: what other packages register by themselves shows secrets.
"""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.text import capfirst

from accounts.services.audit import Actor


class OperatorSite(admin.AdminSite):
    """Django's admin for whoever may enter the operator area; nobody else learns that it is there."""

    index_title = "Database"
    site_url = None
    enable_nav_sidebar = False

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        if admin_class is not None and issubclass(admin_class, OperatorAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The product's sign-in, second factor included; somebody signed in who is no operator finds nothing."""
        if request.user.is_authenticated:
            raise Http404
        return redirect(f"{settings.LOGIN_URL}?{urlencode({'next': request.GET.get('next', '/operator/admin/')})}")

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:  # type: ignore[override]
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]
        return redirect("account_change_password")


class OperatorAdmin(ModelAdmin):  # type: ignore[type-arg]
    """Every field can be read but those in ``secret_fields``; nothing is added, edited or deleted by hand.

    What may be done are ``actions`` that call the product's services, so that its rules and its audit log hold.
    """

    secret_fields: tuple[str, ...] = ()
    list_per_page = 50
    show_full_result_count = False

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> Iterable[str]:  # type: ignore[override]
        return self.secret_fields

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {**(extra_context or {}), "title": title})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = capfirst(self.opts.verbose_name)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "title": title})

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def note(self, request: HttpRequest, rows: Iterable[Model], text: str) -> None:
        """Keeps in the objects' history what an operator did, and says how many it was."""
        count = 0
        for row in rows:
            self.log_change(request, row, text)
            count += 1
        self.message_user(request, f"{text}: {count}")


def actor_of(request: HttpRequest) -> Actor:
    return Actor.from_request(request)
