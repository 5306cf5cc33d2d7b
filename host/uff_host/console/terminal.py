"""What goes to a terminal: texts as they are, whatever names from files hold."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text


def plain(text: str) -> str:
    """The text with everything that is neither a letter nor a line made visible."""
    return "".join(
        letter
        if letter.isprintable() or letter in "\n\t"
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


class Terminal(Console):
    """A console that takes no word in a text for a style, a picture or a command."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(plain(text), **options)
