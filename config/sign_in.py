"""Sign-in with an account elsewhere, for providers that the operator has set up."""

from config.env import Env


def list_sign_in_providers(env: Env) -> dict[str, dict[str, object]]:
    """What ``SOCIALACCOUNT_PROVIDERS`` takes, from ``GITHUB_CLIENT_ID``, ``GITHUB_CLIENT_SECRET`` and Google's.

    Which addresses are confirmed stays the provider's to say: there, anybody can add an address that is not theirs.
    """
    found: dict[str, dict[str, object]] = {}
    for name in ("github", "google"):
        client = env.text(f"{name.upper()}_CLIENT_ID", "")
        if client:
            app = {"client_id": client, "secret": env.text(f"{name.upper()}_CLIENT_SECRET"), "key": ""}
            found[name] = {"APPS": [app]}
    return found
