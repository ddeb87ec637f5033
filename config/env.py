"""Reads environment variables once, typed, with one sentence for every wrong or missing value."""

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Env:
    """Typed access to a mapping of environment variables.

    Every reader takes the variable's name and a default. ``None`` as default makes the variable required.
    Raises ``ImproperlyConfigured`` with one sentence that names the variable.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = os.environ if values is None else values

    def _raw(self, name: str, default: str | None) -> str:
        value = self._values.get(name)
        if value is not None and value.strip() != "":
            return value.strip()
        if default is None:
            raise ImproperlyConfigured(f"{name} is required and not set.")
        return default

    def text(self, name: str, default: str | None = None) -> str:
        return self._raw(name, default)

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self._raw(name, default)
        if value not in choices:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
        return value

    def integer(self, name: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
        value = self._raw(name, str(default))
        try:
            number = int(value)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
        if not least <= number <= most:
            raise ImproperlyConfigured(f"{name} must be between {least} and {most}, not {number}.")
        return number

    def number(self, name: str, default: float, *, least: float = 0.0) -> float:
        value = self._raw(name, str(default))
        try:
            number = float(value)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a number, not {value!r}.") from None
        if number < least:
            raise ImproperlyConfigured(f"{name} must be at least {least}, not {value}.")
        return number

    def boolean(self, name: str, default: bool) -> bool:
        value = self._raw(name, "true" if default else "false").lower()
        if value in ("1", "true", "yes", "on"):
            return True
        if value in ("0", "false", "no", "off"):
            return False
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")

    def words(self, name: str, default: str) -> list[str]:
        return [word for word in (part.strip() for part in self._raw(name, default).split(",")) if word]

    def networks(self, name: str, default: str) -> tuple[Network, ...]:
        found: list[Network] = []
        for word in self.words(name, default):
            try:
                found.append(ipaddress.ip_network(word, strict=False))
            except ValueError:
                raise ImproperlyConfigured(
                    f"{name} must be a comma-separated list of networks such as 10.0.0.0/8, and {word!r} is none."
                ) from None
        return tuple(found)

    def url(self, name: str, default: str | None, schemes: tuple[str, ...]) -> str:
        value = self._raw(name, default)
        if urlsplit(value).scheme not in schemes:
            raise ImproperlyConfigured(
                f"{name} must be a URL that starts with {' or '.join(f'{s}://' for s in schemes)}."
            )
        return value

    def database(self, name: str, default: str) -> dict[str, object]:
        """A Django ``DATABASES`` entry from a ``postgresql://`` URL; ``?host=/dir`` selects a Unix socket."""
        url = urlsplit(self.url(name, default, ("postgresql", "postgres")))
        query = dict(parse_qsl(url.query))
        try:
            port = url.port
        except ValueError:
            raise ImproperlyConfigured(f"{name} has a port that is no number.") from None
        database = unquote(url.path.lstrip("/"))
        if not database:
            raise ImproperlyConfigured(f"{name} must name a database, as in postgresql://user:password@host/name.")
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": database,
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "HOST": query.pop("host", None) or url.hostname or "",
            "PORT": query.pop("port", None) or port or "",
            "OPTIONS": query,
        }
