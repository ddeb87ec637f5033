"""Addresses of routes, cheaply: a list asks for the same route in each of its rows."""

import re
from functools import lru_cache
from html import escape
from typing import Any

from django.template.base import Parser, Token
from django.template.context import Context
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as compile_url
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")  # what every converter of text takes and no address quotes


def make_address(name: str, *args: Any, **kwargs: Any) -> str:
    """As ``reverse``. Routes whose arguments are plain text are looked up once and filled in after that."""
    values = [str(value) for value in (*args, *kwargs.values())]
    if ":" in name or not all(map(_PLAIN.fullmatch, values)):
        return reverse(name, args=args, kwargs=kwargs)
    form = _find_form(name, len(args), tuple(kwargs), get_urlconf(), get_script_prefix())
    return form % tuple(values) if form is not None else reverse(name, args=args, kwargs=kwargs)


@lru_cache(maxsize=500)
def _find_form(name: str, count: int, names: tuple[str, ...], _urlconf: object, _prefix: str) -> str | None:
    """``/lines/%s``; None where the route takes more than text, or not in the order of the arguments."""
    marks = [f"place-{index}-" for index in range(count + len(names))]
    try:
        address = reverse(name, args=marks[:count], kwargs=dict(zip(names, marks[count:], strict=True)))
    except NoReverseMatch:
        return None
    pattern = ".*".join(map(re.escape, marks))
    if "%" in address or not re.search(pattern, address) or any(address.count(mark) != 1 for mark in marks):
        return None
    for mark in marks:
        address = address.replace(mark, "%s")
    return address


class AddressNode(URLNode):
    """``{% url %}`` by ``make_address``."""

    def render(self, context: Context) -> str:
        name = self.view_name.resolve(context)
        if self.asvar or not isinstance(name, str) or ":" in name or (self.args and self.kwargs):
            return super().render(context)
        args = [value.resolve(context) for value in self.args]
        address = make_address(name, *args, **{key: value.resolve(context) for key, value in self.kwargs.items()})
        return escape(address) if context.autoescape else address


def compile_address(parser: Parser, token: Token) -> AddressNode:
    """The tag ``url``."""
    node = compile_url(parser, token)
    return AddressNode(node.view_name, node.args, node.kwargs, node.asvar)
