"""The browser fixtures see what a person sees."""

import pytest

from tests.live import Product


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("size", "width"), [("desktop", 1440), ("phone", 390)])
def test_a_page_has_the_width_and_theme_asked_for(product: Product, open_page, size, width, theme) -> None:
    page = open_page(size=size, theme=theme)
    page.goto(f"{product.base_url}/healthz")
    assert page.evaluate("innerWidth") == width
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is (theme == "dark")
