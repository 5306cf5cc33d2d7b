"""Encoding: square roots of the pixels, scaled to length 1; the label pixels left out or not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uff_host.reference.arithmetic import Int16, UInt8, scaled_to_unit


def label_pixels(height: int, width: int) -> list[int]:
    """Flat numbers of the 16 label pixels; that of label l is the l-th.

    The four outermost corners come first, then the rest of the four 2x2 blocks row by row.
    """
    corners = [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)]
    block = [
        (row, column)
        for row in (0, 1, height - 2, height - 1)
        for column in (0, 1, width - 2, width - 1)
    ]
    order = corners + [place for place in block if place not in corners]
    return [row * width + column for row, column in order]


def kept_pixels(height: int, width: int) -> npt.NDArray[np.intp]:
    """Flat numbers of the pixels of the image part, in order: all but the label pixels. (m,)"""
    kept = np.ones(height * width, bool)
    kept[label_pixels(height, width)] = False
    return np.flatnonzero(kept)


def encode(images: UInt8) -> Int16:
    """The image part of uint8 (n, height, width) -> int16 (n, m), of length about 512."""
    n, height, width = images.shape
    return _encode(images.reshape(n, height * width)[:, kept_pixels(height, width)])


def encode_whole(images: UInt8) -> Int16:
    """The same with all pixels, for a patch layer: int16 (n, height * width)."""
    return _encode(images.reshape(len(images), -1))


def _encode(pixels: UInt8) -> Int16:
    roots = np.sqrt(np.arange(256, dtype=np.float32))
    total = pixels.sum(axis=1, dtype=np.int64).astype(np.float32)
    return scaled_to_unit(roots[pixels], total)
