"""Who may see a page and who may act on it: one mechanism for every view.

    @page(role="member")                      everybody in the organization
    @page(role="member", act="admin")         members read, admins post
    @page(role="admin", methods=("POST",))    an action

Roles: ``public`` anybody; ``signed_in`` any account, with or without organization; ``member``, ``admin``, ``owner`` in
the current organization; ``staff`` operators. A view must look its objects up through ``request.membership``'s
organization, so that another organization's object is simply not there (404).
tests/dashboard/test_access.py walks every route and fails for a view without a declaration.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Literal, ParamSpec, cast
from urllib.parse import quote

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect, reswap, trigger_client_event
from django_htmx.middleware import HtmxDetails

from accounts.models import Membership, Organization, User
from accounts.second_factor import is_kept_out

P = ParamSpec("P")
PageRole = Literal["public", "signed_in", "member", "admin", "owner", "staff"]
SAFE_METHODS = ("GET", "HEAD")
DEFAULT_METHODS = ("GET", "HEAD", "POST")
NEEDED = {
    "admin": "This needs an admin or owner of the organization.",
    "owner": "This needs an owner of the organization.",
}


class PageRequest(HttpRequest):
    """What a view of role ``member`` and above is given."""

    user: User
    htmx: HtmxDetails
    membership: Membership
    organization: Organization


class Refused(Exception):
    """The page is not for this person; carries the answer."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__("refused")
        self.response = response


def page(
    *,
    role: PageRole,
    act: PageRole | None = None,
    methods: tuple[str, ...] = DEFAULT_METHODS,
) -> Callable[[Callable[Concatenate[PageRequest, P], HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Declares who may open a view (``role``) and, where it differs, who may post to it (``act``)."""

    def decorate(view: Callable[Concatenate[PageRequest, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            needed = role if request.method in SAFE_METHODS else act or role
            try:
                _require(request, needed)
            except Refused as refused:
                return refused.response
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            return view(cast(PageRequest, request), *args, **kwargs)

        guarded.page_role, guarded.page_act, guarded.page_methods = role, act or role, methods  # type: ignore[attr-defined]
        return guarded

    return decorate


def has_role(membership: Membership | None, role: PageRole) -> bool:
    """Whether a member has at least this role. For templates and views that show more to some."""
    if membership is None:
        return False
    return {"member": True, "admin": membership.is_admin, "owner": membership.is_owner}.get(role, False)


def _require(request: HttpRequest, role: PageRole) -> None:
    if role == "public":
        return
    if not request.user.is_authenticated:
        raise Refused(_to_sign_in(request))
    if role == "signed_in":
        return
    if role == "staff":
        if not request.user.is_staff:
            raise Http404  # the operator area does not show that it exists
        return
    membership: Membership | None = getattr(request, "membership", None)
    if membership is None:
        raise Refused(_go(request, reverse("organization_new")))
    request.organization = membership.organization  # type: ignore[attr-defined]
    if is_kept_out(membership) and not getattr(request, "impersonator", None):
        raise Refused(_ask_for_second_factor(request, membership))
    if not has_role(membership, role):
        raise Refused(refuse(request, NEEDED[role]))
    if membership.organization.suspended_at is not None and request.method not in SAFE_METHODS:
        raise Refused(refuse(request, _suspended(membership.organization)))


def refuse(request: HttpRequest, message: str, *, status: int = 403) -> HttpResponse:
    """ "Not for you", said where the person looks: a page, or for htmx a toast that leaves the page as it is."""
    if getattr(request, "htmx", False):
        response = HttpResponse(message, status=status, content_type="text/plain; charset=utf-8")
        return trigger_client_event(reswap(response, "none"), "toast", {"text": message, "kind": "bad"})
    return render(request, "dashboard/forbidden.html", {"message": message}, status=status)


def _ask_for_second_factor(request: HttpRequest, membership: Membership) -> HttpResponse:
    if getattr(request, "htmx", False):
        return refuse(request, f"{membership.organization.name} asks for two-factor. Set it up under your profile.")
    others = [one for one in request.memberships if not is_kept_out(one)]  # type: ignore[attr-defined]
    context = {"organization": membership.organization, "others": others}
    return render(request, "dashboard/second_factor.html", context, status=403)


def _suspended(organization: Organization) -> str:
    reason = f": {organization.suspended_reason}" if organization.suspended_reason else ""
    return f"{organization.name} is suspended{reason}. You can read, not change anything."


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    back = request.get_full_path() if request.method in SAFE_METHODS and not getattr(request, "htmx", False) else ""
    if getattr(request, "htmx", False):
        back = request.htmx.current_url_abs_path or ""  # type: ignore[attr-defined]
    url = settings.LOGIN_URL + (f"?next={quote(back)}" if back and back != "/" else "")
    return _go(request, url)


def _go(request: HttpRequest, url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url) if getattr(request, "htmx", False) else redirect(url)


def keep_query(request: HttpRequest) -> str:
    """The filters of a list as a query string, without the place in it: for the links Older and Newer."""
    query = request.GET.copy()
    for name in ("before", "after"):
        query.pop(name, None)
    return query.urlencode()
