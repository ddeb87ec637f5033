"""The registry of endpoints. Routing, scope checks, OpenAPI and the tests that walk every route are made from it."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

Handler = Callable[[Any], Any]  # what is sent, or the steps to it
Access = Literal["key", "oauth", "open"]


class Nothing(msgspec.Struct, frozen=True):
    """The body or query of an endpoint that takes none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One method of one path. ``errors`` are the codes beyond those every endpoint of its kind can answer."""

    method: str
    path: str
    handler: Handler
    access: Access
    scope: str | None
    body: type[msgspec.Struct] | None
    query: type[msgspec.Struct] | None
    response: Any
    status: int
    errors: tuple[str, ...]
    summary: str
    tag: str
    is_upload: bool
    is_extension: bool
    is_steps: bool

    @property
    def name(self) -> str:
        return self.handler.__name__


_exact: dict[str, dict[str, Endpoint]] = {}
_patterns: list[tuple[re.Pattern[str], dict[str, Endpoint]]] = []
_by_template: dict[str, dict[str, Endpoint]] = {}
_is_loaded = False


def endpoint(
    method: str,
    path: str,
    *,
    scope: str | None = None,
    access: Access = "key",
    body: type[msgspec.Struct] | None = None,
    query: type[msgspec.Struct] | None = None,
    response: Any,
    status: int = 200,
    errors: tuple[str, ...] = (),
    summary: str,
    tag: str,
    is_upload: bool = False,
    is_extension: bool = False,
) -> Callable[[Handler], Handler]:
    """Registers a function as the answer to ``method path``.

    ``path`` may hold ``{name}`` parameters, one segment each. The function takes a ``Call`` and returns a struct
    or dict to be sent with ``status``, or a ``Redirect``; a generator function returns it after the steps it yields
    (``core.steps``), and runs in the event loop. ``is_upload`` leaves the body unread, to be streamed.
    """

    def register(handler: Handler) -> Handler:
        entry = Endpoint(
            method=method, path=path, handler=handler, access=access, scope=scope, body=body, query=query,
            response=response, status=status, errors=errors, summary=summary, tag=tag, is_upload=is_upload,
            is_extension=is_extension, is_steps=inspect.isgeneratorfunction(handler),
        )  # fmt: skip
        methods = _by_template.get(path)
        if methods is None:
            methods = _by_template[path] = {}
            if "{" in path:
                pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
                _patterns.append((re.compile(pattern), methods))
            else:
                _exact[path] = methods
        if method in methods:
            raise ValueError(f"{method} {path} is registered twice")
        methods[method] = entry
        return handler

    return register


def load_endpoints() -> None:
    """Imports every module of the door's sub-packages, so that each registers its endpoints. Once per process."""
    global _is_loaded
    if _is_loaded:
        return
    import api

    for package in pkgutil.iter_modules(api.__path__, "api."):
        if package.ispkg:
            for module in pkgutil.iter_modules(importlib.import_module(package.name).__path__, package.name + "."):
                importlib.import_module(module.name)
    _is_loaded = True


def list_endpoints() -> list[Endpoint]:
    """Every endpoint, by path and method."""
    load_endpoints()
    return [entry for path in sorted(_by_template) for _, entry in sorted(_by_template[path].items())]


_NO_PARAMETERS: Mapping[str, str] = {}


def find_methods(path: str) -> tuple[Mapping[str, Endpoint], Mapping[str, str]] | None:
    """The endpoints at a path by method, with the path parameters; None if nothing is there."""
    methods = _exact.get(path)
    if methods is not None:
        return methods, _NO_PARAMETERS
    for pattern, candidates in _patterns:
        match = pattern.fullmatch(path)
        if match:
            return candidates, match.groupdict()
    return None
