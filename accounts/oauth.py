"""The OAuth side of the CLI's login: one public client, PKCE with S256, an exact redirect, and the device grant."""

from typing import Any

from django.conf import settings
from oauth2_provider.models import get_application_model, get_device_grant_model
from oauth2_provider.oauth2_validators import OAuth2Validator

REDIRECT_URI = "http://127.0.0.1:33333/callback"
GRANTS = ("authorization_code", "urn:ietf:params:oauth:grant-type:device_code")


class CliValidator(OAuth2Validator):  # type: ignore[misc]
    """Stricter than the library where the CLI's contract is: the redirect matches to the letter, port included."""

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        return redirect_uri in request.client.redirect_uris.split()

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        return grant_type in GRANTS

    def validate_device_code(self, client_id: str, device_code: str, request: Any) -> str | None:
        """What RFC 8628 §3.5 calls the state of a device's request; None = unknown. An allowed one is used up."""
        model = get_device_grant_model()
        grants = model.objects.filter(client_id=client_id, device_code=device_code)
        grant = grants.select_related("user").first()
        if grant is None:
            return None
        if grant.is_expired():
            return "expired_token"
        if grant.status == model.DENIED:
            return "access_denied"
        if grant.status != model.AUTHORIZED:
            return "authorization_pending"
        if not grants.filter(status=model.AUTHORIZED).update(status=model.EXPIRED):
            return None  # another poll was faster
        request.user = grant.user
        request.scopes = (grant.scope or "").split()
        return "authorized"


def ensure_cli_client() -> Any:
    """The public client of the CLI, made on its first use."""
    client, _ = get_application_model().objects.get_or_create(
        client_id=settings.OAUTH_CLI_CLIENT_ID,
        defaults={
            "name": "messages-dev CLI",
            "client_type": "public",
            "authorization_grant_type": "authorization-code",
            "redirect_uris": REDIRECT_URI,
            "skip_authorization": False,
        },
    )
    return client
