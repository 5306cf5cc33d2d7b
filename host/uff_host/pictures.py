"""Pictures of samples and results, written as PNG files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from uff_host import files
from uff_host.samples import Samples

mpl.use("Agg")

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


def summary(
    path: Path,
    title: str,
    names: Sequence[str],
    confusion: Sequence[Sequence[int]],
    test: Samples,
    predicted: npt.NDArray[np.uint8],
    examples: int = 24,
) -> None:
    """A PNG with the confusion matrix and the first misclassified test images.

    confusion[c][p] counts images of class c predicted as p; predicted is uint8 (n,).

    Raises:
        OSError: The file cannot be written.
    """
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    halves: npt.NDArray[Any] = np.asarray(figure.subfigures(1, 2, width_ratios=(1, 1.1)))
    left, right = halves
    axes = left.subplots()
    table = np.asarray(confusion)
    axes.imshow(
        table / np.maximum(table.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1
    )
    for c, row in enumerate(table):
        for p, count in enumerate(row):
            shade = "white" if count > row.sum() / 2 else "black"
            axes.text(p, c, str(count), ha="center", va="center", color=shade)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("is")
    figure.suptitle(title)
    wrong = np.flatnonzero(predicted != test.labels)[:examples]
    right.suptitle(f"{len(wrong)} of the images it got wrong" if len(wrong) else "None wrong")
    grid = right.subplots(4, max(1, examples // 4)).ravel()
    for place in grid:
        place.set_axis_off()
    for place, number in zip(grid, wrong, strict=False):
        place.imshow(test.images[number], cmap="gray", vmin=0, vmax=255)
        is_, taken = names[test.labels[number]], names[predicted[number]]
        place.set_title(f"{is_}\nas {taken}", fontsize=7)
    with files.replacing(path) as new, new.open("wb") as stream:
        figure.savefig(stream, format="png", dpi=110)
        stream.flush()
        os.fsync(stream.fileno())
