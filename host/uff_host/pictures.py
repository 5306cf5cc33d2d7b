"""Pictures of samples and results, written as PNG files."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from uff_host import files
from uff_host.formats.samples import Samples

mpl.use("Agg")

LONGEST_NAME = 20  # letters of a class name beside a matrix
_LINE = 14  # pixels for a line of text


def contact_sheet(samples: Samples, path: Path, per_class: int = 20, zoom: int = 2) -> None:
    """A PNG with a row of images for each class, its name and count above.

    Raises:
        OSError: The file cannot be written.
    """
    height, width = samples.height * zoom, samples.width * zoom
    counts = samples.counts()
    rows = len(samples.class_names)
    columns = max(1, min(per_class, max(counts, default=1)))
    sheet = Image.new("L", (max(columns * width, 200), rows * (height + _LINE)), 40)
    draw = ImageDraw.Draw(sheet)
    for c, name in enumerate(samples.class_names):
        top = c * (height + _LINE)
        text = f"{c} {name}: {counts[c]}".encode("latin-1", "replace").decode("latin-1")
        draw.text((2, top + 1), text, fill=220)
        for i, number in enumerate(np.flatnonzero(samples.labels == c)[:columns]):
            image = Image.fromarray(samples.images[number])
            place = (i * width, top + _LINE)
            sheet.paste(image.resize((width, height), Image.Resampling.NEAREST), place)
    with files.replacing(path) as new:
        sheet.save(new, "PNG")


def confusion(
    path: Path, title: str, names: Sequence[str], counts: Sequence[Sequence[int]]
) -> None:
    """A PNG with a confusion matrix; counts[c][p] is how many images of class c were taken for p.

    Raises:
        OSError: The file cannot be written.
    """
    side = 2.4 + 0.62 * len(names)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    _matrix(figure.subplots(), names, counts)
    figure.suptitle(title)
    _save(figure, path)


def _matrix(axes: Axes, names: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
    """Counts on shades of their part of the row."""
    table = np.asarray(counts)
    parts = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(parts, cmap="Blues", vmin=0, vmax=1)
    for (c, p), count in np.ndenumerate(table):
        shade = "white" if parts[c, p] > 0.5 else "black" if count else "darkgrey"
        axes.text(p, c, str(count), ha="center", va="center", color=shade)
    shown, style = _lettering(names)
    axes.set_xticks(range(len(names)), shown, rotation=30, ha="right", **style)
    axes.set_yticks(range(len(names)), shown, **style)
    axes.set_xlabel("predicted")
    axes.set_ylabel("is")


def _lettering(names: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Names as they can be drawn, and how: short, by fonts that have their letters, if any has."""
    wanted = {ord(letter) for name in names for letter in name if letter.isprintable()}
    families = list(mpl.rcParams["font.family"])
    wanted -= _letters(font_manager.findfont(font_manager.FontProperties()))
    for entry in font_manager.fontManager.ttflist if wanted else ():
        with contextlib.suppress(OSError, RuntimeError):
            found = wanted & _letters(entry.fname)
            if found:
                families.append(entry.name)
                wanted -= found
    shown = []
    for number, name in enumerate(names):
        if not name.isprintable() or not wanted.isdisjoint(map(ord, name)):
            shown.append(f"class {number}")
        else:
            longest = LONGEST_NAME
            shown.append(name if len(name) <= longest else name[: longest - 1] + "…")
    return shown, {"parse_math": False, "fontfamily": families}


def _letters(font: str) -> set[int]:
    return set(font_manager.get_font(font).get_charmap())


def _save(figure: Figure, path: Path) -> None:
    with files.replacing(path) as new, new.open("wb") as stream:
        figure.savefig(stream, format="png", dpi=110)


def summary(
    path: Path,
    title: str,
    names: Sequence[str],
    counts: Sequence[Sequence[int]],
    test: Samples,
    predicted: npt.NDArray[np.uint8],
    examples: int = 24,
) -> None:
    """A PNG with the confusion matrix and the first misclassified test images.

    counts: as of confusion(). predicted: uint8 (n,).

    Raises:
        OSError: The file cannot be written.
    """
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    halves: npt.NDArray[Any] = np.asarray(figure.subfigures(1, 2, width_ratios=(1, 1.1)))
    left, right = halves
    _matrix(left.subplots(), names, counts)
    figure.suptitle(title)
    shown, style = _lettering(names)
    wrong = np.flatnonzero(predicted != test.labels)[:examples]
    right.suptitle(f"{len(wrong)} of the images it got wrong" if len(wrong) else "None wrong")
    grid = right.subplots(4, max(1, examples // 4)).ravel()
    for place in grid:
        place.set_axis_off()
    for place, number in zip(grid, wrong, strict=False):
        place.imshow(test.images[number], cmap="gray", vmin=0, vmax=255)
        is_, taken = shown[test.labels[number]], shown[predicted[number]]
        place.set_title(f"{is_}\nas {taken}", fontsize=7, **style)
    _save(figure, path)
