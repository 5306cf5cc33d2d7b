"""Small PNG files: a palette of 256 colours, exact where a picture has no more."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from uff_host import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = 256


def write(image: Image.Image, path: Path, exact: bool = False) -> None:
    """Write a picture as a PNG. One of more than 256 colours gets the nearest 256, which moves a
    channel by some hundredths, or keeps its own with `exact`.

    Raises:
        OSError: The file cannot be written.
    """
    image = image.convert("RGB")
    if image.getcolors(COLOURS):
        image = image.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    elif not exact:
        image = image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    with files.replacing(path) as new:
        image.save(new, "png", optimize=True)


def write_figure(figure: Figure, path: Path) -> None:
    """Draw a figure and write it as a PNG.

    Raises:
        OSError: The file cannot be written.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    write(Image.open(drawn), path)
