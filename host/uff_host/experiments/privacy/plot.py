"""The picture of `uff experiment privacy`: what was found, beside what was there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from uff_host import png
from uff_host.experiments.privacy.reconstruction import Attempt
from uff_host.reference import Float64, kept_pixels

SHOWN = 4  # images of each attempt


def plot(attempts: Sequence[Attempt], side: int, path: Path) -> None:
    """Draw a PNG: for each number of images two lines, true images and what was found.

    Raises:
        OSError: The file cannot be written.
    """
    figure = Figure(
        figsize=(1.25 * len(attempts) * 1.5, 0.95 * SHOWN), dpi=80, layout="constrained"
    )
    panels = figure.subplots(SHOWN, 2 * len(attempts), squeeze=False)
    for panel in panels.ravel():
        panel.set_axis_off()
    for column, tried in enumerate(attempts):
        head = f"{tried.images} image{'s' * (tried.images > 1)}"
        panels[0, 2 * column].set_title(f"{head}:\ntrue", fontsize=8)
        panels[0, 2 * column + 1].set_title(f"{tried.recovered:.0%}\nfound", fontsize=8)
        for line in range(min(SHOWN, tried.images)):
            for at, rows in enumerate((tried.true, tried.found)):
                shown = _picture(rows[line], side)
                panels[line, 2 * column + at].imshow(shown, cmap="gray", vmin=0, vmax=1)
    png.write_figure(figure, path)


def _picture(row: Float64, side: int) -> Float64:
    """Encoded pixels, which are roots, as pixels again."""
    pixels = np.zeros(side * side)
    pixels[kept_pixels(side, side)] = np.maximum(row, 0) ** 2
    return np.asarray((pixels / max(pixels.max(), 1e-9)).reshape(side, side))
