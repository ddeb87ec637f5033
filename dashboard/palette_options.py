"""One line of the palette."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Option:
    """``href`` is gone to; ``theme`` is set and ``switch``, an organization's id, switched to by the page's script."""

    text: str
    href: str
    icon: str
    note: str = ""
    keys: tuple[str, ...] = ()
    is_mono: bool = False
    typed: str = ""
    shape: str = ""
    word: str = ""
    theme: str = ""
    switch: str = ""

    @property
    def rest(self) -> str:
        """The text after what was typed of it."""
        return self.text.removeprefix(self.typed)
