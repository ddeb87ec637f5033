"""Every part of the design, in both themes and at both widths."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.template import Context, Template

from dashboard.charts import nice_top
from dashboard.code_colors import color_code
from dashboard.formatting import format_left
from tests.axe import assert_accessible


@pytest.mark.parametrize("language", ["json", "bash", "python", "typescript", "unknown"])
@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"<img src=x onerror=y>": "</span><b>"', "# <b>'\"`<i>", "// <u> `${<s>}`"]
)
def test_code_never_becomes_markup(language: str, text: str) -> None:
    rest = color_code(text, language)
    for ours in ('<span class="k">', '<span class="s">', '<span class="n">', '<span class="c">', '<span class="w">'):
        rest = rest.replace(ours, "")
    assert "<" not in rest.replace("</span>", "")


def test_an_id_with_markup_in_it_is_escaped() -> None:
    shown = Template("{% id x %}{% status 'delivery' x %}{% tag x %}").render(Context({"x": '"><script>'}))
    assert "<script>" not in shown


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (-5, "0:00"), (247, "4:07"), (10_689, "2:58:09")])
def test_time_left_is_a_clock_without_a_script_too(seconds: int, shown: str) -> None:
    at = datetime(2026, 11, 12, tzinfo=UTC)
    assert format_left(at + timedelta(seconds=seconds), at) == shown


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/dev/components", "/account/login/", "/account/signup/", "/account/password/reset/"])
def test_the_page_is_accessible(live_server: Any, open_page: Any, path: str, theme: str, size: str) -> None:
    page = open_page(theme=theme, size=size)
    page.goto(live_server.url + path)  # its stream goes on, so the network is never idle
    page.evaluate("document.fonts.ready")
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("value", [0, 1, 4, 7, 10, 29, 31, 99, 100, 160, 200, 1234, 99_999])
def test_the_grid_of_a_chart_has_whole_numbers(value: int) -> None:
    top = nice_top(value)
    assert value <= top <= max(3, 1.6 * value + 3)
    assert top / 3 == pytest.approx(round(top / 3))
