"""Letting a command line in: the consent page, the token and device end points, the page that takes a device's code."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.models import get_application_model, get_device_grant_model
from oauth2_provider.views import AuthorizationView, DeviceAuthorizationView, TokenView
from oauth2_provider.views.device import DeviceGrantForm

from accounts.oauth import REDIRECT_URI, ensure_cli_client
from dashboard.access import PageRequest, page
from dashboard.middleware import POLICY

# Chromium applies form-action to where a form's answer redirects, and consent redirects to the CLI's own listener.
_LISTENER = REDIRECT_URI.rpartition("/")[0]
CONSENT_POLICY = POLICY.replace("form-action 'self'", f"form-action 'self' {_LISTENER}")


class _Consent(AuthorizationView):  # type: ignore[misc]
    template_name = "oauth/authorize.html"


class _DeviceAuthorization(DeviceAuthorizationView):  # type: ignore[misc]
    def create_device_authorization_response(self, request: HttpRequest) -> tuple[Any, Any, int]:
        """oauthlib also returns the scope, which the toolkit's own record of a grant does not take."""
        headers, body, status = super().create_device_authorization_response(request)
        if isinstance(body, dict):
            body.pop("scope", None)
        return headers, body, status


_consent = _Consent.as_view()
_token = TokenView.as_view()
_device_authorization = _DeviceAuthorization.as_view()


@page(role="signed_in")
def authorize(request: PageRequest) -> HttpResponse:
    """RFC 6749 §4.1.1 with PKCE: asks the person, then redirects to the CLI with a code."""
    ensure_cli_client()
    if request.method == "GET" and request.GET.get("code_challenge_method") != "S256":
        return render(
            request, "oauth/authorize.html", {"error": {"description": "PKCE with S256 is needed."}}, status=400
        )
    response: HttpResponse = _consent(request)
    if hasattr(response, "render"):
        response.render()
    response.headers["Content-Security-Policy"] = CONSENT_POLICY
    return response


@csrf_exempt
@page(role="public", methods=("POST",))
def token(request: HttpRequest) -> HttpResponse:
    """A code or a device code for an access token."""
    ensure_cli_client()
    is_device = request.POST.get("grant_type", "").endswith("device_code")
    if (is_device and "device_code" not in request.POST) or any("\0" in value for value in request.POST.values()):
        return JsonResponse({"error": "invalid_request"}, status=400)
    response: HttpResponse = _token(request)
    return response


@csrf_exempt
@page(role="public", methods=("POST",))
def device_authorization(request: HttpRequest) -> HttpResponse:
    """RFC 8628 §3.1: a device code for the CLI and a code for the person."""
    ensure_cli_client()
    response: HttpResponse = _device_authorization(request)
    return response


@page(role="signed_in")
def device(request: PageRequest) -> HttpResponse:
    """Takes the code that a device shows, then asks whether to let it in."""
    if request.method != "POST":
        return render(request, "oauth/device.html", {"code": request.GET.get("user_code", "")})
    form = DeviceGrantForm({"user_code": request.POST.get("user_code", "").strip().upper()})
    if not form.is_valid():
        problem = next(iter(form.errors["user_code"]))
        context: dict[str, Any] = {"code": request.POST.get("user_code", ""), "problem": problem}
        return render(request, "oauth/device.html", context, status=400)
    grant = form.cleaned_data["device_grant"]
    decision = request.POST.get("decision")
    if decision not in ("allow", "deny"):
        application = get_application_model().objects.filter(client_id=grant.client_id).first()
        return render(request, "oauth/device.html", {"code": grant.user_code, "application": application})
    model = get_device_grant_model()
    grant.user = request.user
    grant.status = model.AUTHORIZED if decision == "allow" else model.DENIED
    grant.save(update_fields=["user", "status"])
    return render(request, "oauth/device.html", {"is_done": True, "is_allowed": decision == "allow"})


urlpatterns = [
    path("oauth/authorize", authorize, name="oauth_authorize"),
    path("oauth/token", token, name="oauth_token"),
    path("oauth/device-authorization", device_authorization, name="oauth_device_authorization"),
    path("oauth/device", device, name="oauth_device"),
]
