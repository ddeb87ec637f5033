"""docs/settings.md names every environment variable that the settings read, and none that they do not."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
BUILT = {f"{provider}_CLIENT_{part}" for provider in ("GITHUB", "GOOGLE") for part in ("ID", "SECRET")}
OF_THE_COMMANDS = {"VENV", "PYTHON", "CHROMIUM", "NO_COLOR"}


def read_variables() -> set[str]:
    source = (PROJECT / "config/settings.py").read_text()
    return set(re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', source)) | BUILT


def documented_variables() -> set[str]:
    text = (PROJECT / "docs/settings.md").read_text()
    return set(re.findall(r"^\| `([A-Z0-9_]+)` \|", text, re.MULTILINE))


def test_every_variable_is_documented() -> None:
    assert read_variables() - documented_variables() == set()


def test_nothing_is_documented_that_is_not_read() -> None:
    assert documented_variables() - read_variables() - OF_THE_COMMANDS == set()
