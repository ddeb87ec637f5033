"""Accessibility checks of a page in the browser, with axe-core (tests/vendor)."""

from pathlib import Path
from typing import Any

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()


def assert_accessible(page: Any) -> None:
    """Fails with every violation of WCAG 2.2 AA on the page as it is now. ``page``: Playwright's.

    axe is evaluated through the debugger, so the page's own Content-Security-Policy stays as it is.
    """
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)")
    problems = [
        f"{one['id']}: {one['help']}\n    " + "\n    ".join(str(node["html"])[:200] for node in one["nodes"][:4])
        for one in found
    ]
    assert not problems, f"{page.url}\n" + "\n".join(problems)
