"""Accessibility checks of a page in the browser, with axe-core (tests/vendor)."""

from pathlib import Path
from typing import Any

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()


RUN = """async (rules) => {
  const all = { rules: { "target-size": { enabled: true } } };  // off unless asked for
  const only = rules.length ? { runOnly: { type: "rule", values: rules } } : all;
  return (await axe.run(document, { resultTypes: ["violations"], preload: false, ...only })).violations;
}"""


def assert_accessible(page: Any, *rules: str) -> None:
    """Fails with every violation of WCAG 2.2 AA on the page as it is now, or only of ``rules``.

    axe is evaluated through the debugger of ``page`` (Playwright's), so the page's own policy stays as it is.
    """
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE)
    found = page.evaluate(RUN, list(rules))
    problems = [
        f"{one['id']}: {one['help']}\n    " + "\n    ".join(str(node["html"])[:200] for node in one["nodes"][:4])
        for one in found
    ]
    assert not problems, f"{page.url}\n" + "\n".join(problems)
