"""A table of images as text: a line for each, with its pixels and its label."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from uff_host import files
from uff_host.errors import DataError

SUFFIXES = (".csv", ".tsv")
LABELS = ("label", "labels", "class", "target", "y")  # names of the column
LONGEST = 1 << 24  # characters of a line
FIRST, LAST = "first", "last"


@dataclass
class Rows:
    """pixels: float32 (n, pixels). labels: a text each. notes: what to say of the reading."""

    pixels: npt.NDArray[np.float32]
    labels: list[str]
    notes: Sequence[str]


def read_csv(path: Path, label_column: str | None) -> Rows:
    """Read a table whose columns are divided by commas, semicolons or tabs.

    label_column: the name of the column of labels, first or last; by default the one that is named
    so, or the one at an end of the first line that holds a text.

    Raises:
        DataError: It is no such table, or nothing says where the labels are.
        OSError: It cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _read(_rows(stream, path), path, label_column)
    except UnicodeDecodeError:
        raise DataError(f"{path} is no table: it is no text in UTF-8.") from None
    except csv.Error as error:
        raise DataError(f"{path} is no table ({error}).") from None


def _rows(stream: TextIO, path: Path) -> Iterator[list[str]]:
    first = stream.readline(LONGEST + 1)
    divider = max(",;\t", key=first.count)

    def lines() -> Iterator[str]:
        line = first
        while line:
            if len(line) > LONGEST:
                raise DataError(f"{path} is no table of images: a line has no end.")
            yield line
            line = stream.readline(LONGEST + 1)

    for row in csv.reader(lines(), delimiter=divider):
        if any(cell.strip() for cell in row):
            yield [cell.strip() for cell in row]


def _read(rows: Iterator[list[str]], path: Path, label_column: str | None) -> Rows:
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path} holds no image.")
    head = first if _is_head(first, label_column) else None
    notes = []
    dropped = set()
    if head is not None:
        at = _named_column(head, path, label_column)
        if head[0].lower() in ("", "unnamed: 0"):
            dropped.add(0)
            notes.append(f"{path}: the first column has no name and was left out.")
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path} holds no image.")
    else:
        at = _end_column(first, path, label_column)
    width = len(first)
    wanted = [i for i in range(width) if i != at and i not in dropped]
    labels: list[str] = []
    pixels: list[npt.NDArray[np.float32]] = []
    row: list[str] | None = first
    while row is not None:
        number = len(labels) + 1
        if len(row) != width:
            raise DataError(f"{path}: image {number} has {len(row)} values, the first {width}.")
        if number * len(wanted) > files.LARGEST // 4:
            raise DataError(f"{path} holds more pixels than fit into 2 GB.")
        try:
            pixels.append(np.array([row[i] for i in wanted], np.float32))
        except ValueError:
            wrong = next(i for i in wanted if not _is_number(row[i]))
            column = repr(head[wrong]) if head else str(wrong + 1)
            raise DataError(
                f"{path}: image {number}, column {column}: {row[wrong][:40]!r} is no number."
            ) from None
        labels.append(row[at])
        row = next(rows, None)
    return Rows(np.stack(pixels), labels, notes)


def _is_head(first: Sequence[str], label_column: str | None) -> bool:
    """Whether a first line names columns: by words, by the name of one, or by counting them."""
    numbers = [cell for cell in first if _is_number(cell)]
    names = {cell.lower() for cell in first}
    counted = len(numbers) > 1 and numbers in (
        [str(i + start) for i in range(len(numbers))] for start in (0, 1)
    )
    named = (label_column or "").lower() in names - {""} or not names.isdisjoint(LABELS)
    return len(numbers) * 2 < len(first) or named or counted


def _is_number(text: str) -> bool:
    with contextlib.suppress(ValueError):
        float(text)
        return True
    return False


def _named_column(head: Sequence[str], path: Path, wanted: str | None) -> int:
    names = [name.lower() for name in head]
    if wanted is not None:
        if names.count(wanted.lower()) == 1:
            return names.index(wanted.lower())
        if wanted in (FIRST, LAST):
            return 0 if wanted == FIRST else len(head) - 1
        raise DataError(f"{path} has no column {wanted!r}, but {_some(head)}.")
    found = [i for i, name in enumerate(names) if name in LABELS]
    if len(found) != 1:
        raise DataError(
            f"{path} has {'no column' if not found else 'several columns'} named "
            f"{', '.join(LABELS)}, but {_some(head)}: say by --label-column where the labels are."
        )
    return found[0]


def _end_column(first: Sequence[str], path: Path, wanted: str | None) -> int:
    last = len(first) - 1
    if wanted is not None:
        if wanted not in (FIRST, LAST):
            raise DataError(
                f"{path} has no names of columns in its first line, so {wanted!r} is none: "
                f"--label-column {FIRST} or {LAST}?"
            )
        return 0 if wanted == FIRST else last
    texts = [i for i in (0, last) if not _is_number(first[i])]
    if len(texts) != 1:
        raise DataError(
            f"{path} has no names of columns in its first line: say by --label-column {FIRST} or "
            f"{LAST} where the labels are."
        )
    return texts[0]


def _some(head: Sequence[str]) -> str:
    shown = [repr(name) for name in head]
    return ", ".join(shown if len(shown) < 9 else [*shown[:4], "...", *shown[-3:]])
