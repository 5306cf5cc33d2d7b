"""Drawn glyphs: a small data set that the project makes itself, for machines without a network.

Each glyph is a few strokes in a unit square, drawn with a pen of random width, moved, turned,
scaled and bent at random, and rastered with soft edges. A seed gives the same images again. It
shows that learning works; it says nothing about accuracy on real data.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uff_host.datasets.splits import Images, interleave
from uff_host.formats.samples import Samples

SIDE = 28
CLASS_NAMES = ("ring", "cross", "triangle", "zigzag", "arrow", "square")
_BATCH = 250  # images rastered at once, bounds the memory

Float64 = npt.NDArray[np.float64]

_TURN = np.linspace(0, 2 * np.pi, 13)
_STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "ring": [[(0.5 * float(np.cos(t)), 0.5 * float(np.sin(t))) for t in _TURN]],
    "cross": [[(-0.5, -0.5), (0.0, 0.0), (0.5, 0.5)], [(0.5, -0.5), (0.0, 0.0), (-0.5, 0.5)]],
    "triangle": [[(-0.55, 0.45), (0.0, -0.55), (0.55, 0.45), (-0.55, 0.45)]],
    "zigzag": [[(-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)]],
    "arrow": [[(-0.6, 0.0), (0.0, 0.0), (0.6, 0.0)], [(0.2, -0.4), (0.6, 0.0), (0.2, 0.4)]],
    "square": [[(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)]],
}


def samples(n: int, seed: int, classes: int = 5) -> Samples:
    """n images a class, interleaved by class; depends on n, seed and the class only.

    `classes` is 2 to 6. Seeds of one set for training and another for testing keep them apart.
    """
    names = CLASS_NAMES[:classes]
    drawn = [images(name, n, seed) for name in names]
    return interleave(drawn, names)


def images(name: str, n: int, seed: int) -> Images:
    """n images of one glyph, uint8 (n, 28, 28)."""
    random = np.random.default_rng([seed, CLASS_NAMES.index(name)])
    starts, ends = _segments(name, n, random)
    radius = random.uniform(0.7, 1.6, n)
    ink = random.uniform(150, 255, n)
    parts = [
        _raster(starts[i : i + _BATCH], ends[i : i + _BATCH], radius[i : i + _BATCH])
        * ink[i : i + _BATCH, None, None]
        for i in range(0, n, _BATCH)
    ]
    return np.concatenate(parts).astype(np.uint8)


def _segments(name: str, n: int, random: np.random.Generator) -> tuple[Float64, Float64]:
    """Start and end points in pixels, (n, segments, 2), of n variants of a glyph."""
    angle = random.normal(0, 0.22, n)
    scale = random.uniform(0.65, 1.05, (n, 2)) * SIDE * 0.75
    shear = random.normal(0, 0.15, n)
    shift = random.normal(0, 1.5, (n, 1, 2)) + (SIDE - 1) / 2
    turn = np.stack(
        [
            np.stack([np.cos(angle), -np.sin(angle)], 1),
            np.stack([np.sin(angle), np.cos(angle)], 1),
        ],
        1,
    )
    starts, ends = [], []
    for stroke in _STROKES[name]:
        points = np.array(stroke) + random.normal(0, 0.05, (n, len(stroke), 2))
        points[..., 0] += shear[:, None] * points[..., 1]
        points = np.einsum("nij,npj->npi", turn, points) * scale[:, None, :] + shift
        starts.append(points[:, :-1])
        ends.append(points[:, 1:])
    return np.concatenate(starts, axis=1), np.concatenate(ends, axis=1)


def _raster(starts: Float64, ends: Float64, radius: Float64) -> Float64:
    """Cover of each pixel, 0 to 1, (n, 28, 28): by its distance from the nearest segment."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    pixels = np.stack([x, y], axis=-1).reshape(1, 1, SIDE * SIDE, 2)
    along = (ends - starts)[:, :, None, :]
    from_start = pixels - starts[:, :, None, :]
    length = np.maximum((along * along).sum(axis=-1), 1e-9)
    part = np.clip((from_start * along).sum(axis=-1) / length, 0, 1)
    gap = from_start - part[..., None] * along
    distance = np.sqrt((gap * gap).sum(axis=-1)).min(axis=1)
    cover = np.clip(radius[:, None] + 0.5 - distance, 0, 1)
    return np.asarray(cover.reshape(-1, SIDE, SIDE))
