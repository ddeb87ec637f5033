"""Addresses made from a remembered form are the ones the routes themselves give."""

from collections.abc import Callable

import pytest
from django.template import Context, Template
from django.test.utils import override_script_prefix
from django.urls import NoReverseMatch, reverse

from dashboard.addresses import make_address


@pytest.mark.parametrize("value", ["line_0123abcd", "two words", "a/b", "a&b", "100%s", "it's"])
def test_an_address_is_the_one_of_its_route(value: str) -> None:
    def ask(make: Callable[..., str], **how: object) -> str:
        try:
            return make("line", **how)
        except NoReverseMatch:
            return "none"

    assert ask(make_address, line_id=value) == ask(reverse, kwargs={"line_id": value})


def test_an_address_takes_named_values() -> None:
    assert make_address("line", line_id="line_77") == reverse("line", kwargs={"line_id": "line_77"})


def test_an_unknown_route_has_no_address() -> None:
    with pytest.raises(NoReverseMatch):
        make_address("nowhere", "line_77")


def test_a_prefix_of_the_server_is_not_remembered_for_another() -> None:
    assert make_address("lines") == "/lines"
    with override_script_prefix("/below/"):
        assert make_address("lines") == "/below/lines"


def test_a_page_escapes_an_address() -> None:
    assert Template("{% url 'line' value %}").render(Context({"value": "a&b"})) == "/lines/a&amp;b"
