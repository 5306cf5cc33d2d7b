"""The patch layer: filters of 6x6 pixels, solved like contrast neurons, over every place.

A filter tells a patch of one image from the patch at the same place of an image of another class.
Its responses at all places pass a threshold on both sides and are summed over a 4x4 grid.

Names: n images, v places in a row of an image, q filters. A place is numbered row by row; a patch
is int16 (36,), row by row; encoded images are int16 (n, height, width), label pixels and all.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from uff_host.errors import DataError
from uff_host.formats.model import POOLINGS, Array, Layer, Pooling
from uff_host.reference import contrast, encoding
from uff_host.reference.arithmetic import (
    UNIT,
    UNIT_BITS,
    Float64,
    Int16,
    Int32,
    Int64,
    UInt8,
    crc,
    inner,
    pack_lower,
    round_half_away,
    scaled_to_unit,
    snap,
)
from uff_host.reference.feature_layer import Arrays, Fitted, Task
from uff_host.reference.xorshift import Xorshift32

HIDDEN = 32
LAMBDA = 0.6
SIDE = 6  # of a patch
SIZE = SIDE * SIDE
DRAWN = 12  # patches of each image for the statistics
STEP = 193  # places between them, at least
THRESHOLD = snap(0.4)
TRIES = 16  # places where the two patches of a filter may be found different
PLACES_SEED = 0x5BD1E995
MOST_BITS = 14  # exponent of the weights, at most: none of variance 1 has more
LONGEST_SQUARED = 2**29  # of a row of integer weights: two elements add up to an int16
LONGEST = math.sqrt(LONGEST_SQUARED)
BIAS_BITS = 24
GRAM_UNIT = 2.0 ** (-2 * UNIT_BITS)
BATCH = 64  # images whose patches are in memory at once


def encode(images: UInt8) -> Int16:
    """uint8 (n, height, width) -> int16 of the same shape."""
    return encoding.encode_whole(images).reshape(images.shape)


def patches(x: Int16) -> Int16:
    """Every patch of encoded images, int16 (n, places, 36); a view where nothing is changed."""
    seen = np.lib.stride_tricks.sliding_window_view(x, (SIDE, SIDE), axis=(1, 2))
    return seen.reshape(len(x), -1, SIZE)


def places(x: Int16) -> int:
    """Places of a patch in an encoded image."""
    return int((x.shape[1] - SIDE + 1) * (x.shape[2] - SIDE + 1))


# --- Statistics ----------------------------------------------------------------------------------


@dataclass
class Statistics:
    """Exact sums over patches: of p p' (36, 36), of p (36,), and their number."""

    gram: Int32
    sums: Int64
    count: int

    @property
    def mean(self) -> Float64:
        """The mean patch, (36,)."""
        return self.sums / UNIT / self.count

    @property
    def covariance(self) -> Float64:
        """C (36, 36)."""
        mean = self.mean
        return np.asarray(self.gram * GRAM_UNIT / self.count - np.outer(mean, mean))


def statistics(x: Int16) -> Statistics:
    """Those of 12 patches of each image. Where they lie follows from the CRC-32 of the encoded
    image; patches of 36 equal elements are left out.

    Raises:
        DataError: An exact sum does not fit int32.
    """
    v = places(x)
    step = next(step for step in range(STEP, STEP + v + 1) if math.gcd(step, v) == 1)
    first = np.array([zlib.crc32(image.astype("<i2").tobytes()) for image in x], np.int64)
    chosen = (first[:, None] + step * np.arange(DRAWN)) % v
    rows, columns = np.divmod(chosen.ravel(), x.shape[2] - SIDE + 1)
    within = np.arange(SIDE)
    drawn = x[
        np.repeat(np.arange(len(x)), DRAWN)[:, None, None],
        rows[:, None, None] + within[:, None],
        columns[:, None, None] + within,
    ].reshape(-1, SIZE)
    counted = drawn[(drawn != drawn[:, :1]).any(axis=1)]
    square = inner(counted.T, counted.T)
    if square.size and int(square.max()) >= 2**31:
        raise DataError(f"The sums of {len(counted)} patches do not fit int32.")
    return Statistics(square.astype(np.int32), counted.sum(axis=0, dtype=np.int64), len(counted))


# --- Filters -------------------------------------------------------------------------------------


def differences(x: Int16, a: list[int], b: list[int], seed: int) -> Float64:
    """What each filter tells apart, float64 (q, 36): the patch of image a_j less that of b_j, at
    the first drawn place where they differ; zeros where none of 16 is one."""
    random = Xorshift32(seed)
    v, width = places(x), x.shape[2] - SIDE + 1
    found = np.zeros((len(a), SIZE))
    for j, (first, second) in enumerate(zip(a, b, strict=True)):
        for _ in range(TRIES):
            row, column = divmod(random.next() % v, width)
            at = np.s_[row : row + SIDE, column : column + SIDE]
            found[j] = (x[first][at].astype(np.int32) - x[second][at]).ravel() / UNIT
            if found[j].any():
                break
    return found


@dataclass
class Filters:
    """Real weights (q, 36) and biases (q,): each response w p - bias has mean 0, variance 1."""

    w: Float64
    bias: Float64


def system(seen: Statistics, ridge: float) -> Float64:
    """C + ridge t I (36, 36), t the mean of C's diagonal.

    Raises:
        DataError: There is no patch, or all are the same.
    """
    if not seen.count:
        raise DataError("All images are blank or of one grey: there is nothing to learn from.")
    covariance = seen.covariance
    mean_diagonal = float(np.trace(covariance)) / SIZE
    if mean_diagonal <= 0:
        raise DataError("All patches of the images are the same: there is nothing to learn from.")
    return np.asarray(covariance + ridge * mean_diagonal * np.eye(SIZE))


def solve(seen: Statistics, targets: Float64, ridge: float) -> Filters:
    """The filters that tell apart what `targets` holds, float64 (q, 36); zeros stay zeros.

    Raises:
        DataError: There is no patch, or all are the same.
    """
    w: npt.NDArray[Any] = np.linalg.solve(system(seen, ridge), targets.T).T
    variance = np.einsum("ji,ik,jk->j", w, seen.covariance, w)
    scale = np.where(variance > 0, 1 / np.sqrt(np.where(variance > 0, variance, 1)), 0)
    w = w * scale[:, None]
    return Filters(w, w @ seen.mean)


def room_of(filters: Filters) -> float:
    """The largest e up to 14, not whole, with rows no longer than LONGEST at 2^e times
    their value, and biases of 2^24 at 2^(e+9)."""
    length = math.sqrt(float((filters.w**2).sum(axis=1).max()))
    bias = float(np.abs(filters.bias).max())
    room = float(MOST_BITS)
    if length > 0:
        room = min(room, math.log2(LONGEST / length))
    if bias > 0:
        room = min(room, BIAS_BITS - UNIT_BITS - math.log2(bias))
    return room


def integers(filters: Filters) -> tuple[Array, Array]:
    """Weights (q, 36) and biases (1, q) at the largest exponent up to 14 at which the rounded
    rows are shorter than LONGEST and the biases fit."""
    e = math.floor(room_of(filters))
    w = round_half_away(np.ldexp(filters.w, e))
    while (w**2).sum(axis=1).max() >= LONGEST_SQUARED:  # rounding made a row longer
        e -= 1
        w = round_half_away(np.ldexp(filters.w, e))
    bias = round_half_away(np.ldexp(filters.bias, e + UNIT_BITS)).astype(np.int32)
    return Array(w.astype(np.int16), e), Array(bias[None], e + UNIT_BITS)


def threshold_of(layer: Layer, exponent: int) -> int:
    """The threshold of the responses as an integer, at 2^(e+9) times its value."""
    return math.floor(math.ldexp(layer.parameter, exponent + UNIT_BITS) + 0.5)


# --- Features ------------------------------------------------------------------------------------


def borders(count: int, cells: int) -> list[int]:
    """Where the cells of a direction begin and end among so many places."""
    return [(2 * k * count + cells) // (2 * cells) for k in range(cells + 1)]


def pooled(x: Int16, w: Int16, bias: Int32, threshold: int, by: Pooling) -> Int64:
    """Means over the cells of what passes the threshold, int64 (n, rows, columns, 2 q): positive
    responses of all filters, then negative ones."""
    height, width, q = x.shape[1] - SIDE + 1, x.shape[2] - SIDE + 1, len(w)
    responses = inner(patches(x).reshape(-1, SIZE), w) - bias
    responses = responses.reshape(len(x), height, width, q)
    passed = np.concatenate([responses - threshold, -responses - threshold], axis=3)
    passed = np.maximum(passed, 0)
    rows, columns = borders(height, by.rows), borders(width, by.columns)
    means = np.empty((len(x), by.rows, by.columns, 2 * q), np.int64)
    for r in range(by.rows):
        for c in range(by.columns):
            cell = passed[:, rows[r] : rows[r + 1], columns[c] : columns[c + 1]]
            means[:, r, c] = cell.sum(axis=(1, 2)) // (cell.shape[1] * cell.shape[2])
    return means


def features(layer: Layer, arrays: Arrays, x: Int16) -> Int16:
    """Roots of the pooled responses, scaled to unit length: int16 (n, 32 q), cell by cell."""
    return pooled_features(layer, arrays, x, pooled)


def pooled_features(
    layer: Layer,
    arrays: Arrays,
    x: Int16,
    pool: Callable[[Int16, Int16, Int32, int, Pooling], Int64],
) -> Int16:
    """Roots of what `pool` gives, as pooled() does, scaled to unit length."""
    w1, bias = arrays[b"W1  "], arrays[b"B1  "].data[0]
    threshold, by = threshold_of(layer, w1.exponent), POOLINGS[layer.kind]
    found = np.empty((len(x), layer.features), np.int16)
    for i in range(0, len(x), BATCH):
        means = pool(x[i : i + BATCH], w1.data, bias, threshold, by)
        means = means.reshape(-1, found.shape[1])
        roots = np.sqrt(means.astype(np.float32))
        total = means.sum(axis=1).astype(np.float32)
        found[i : i + BATCH] = scaled_to_unit(roots, total)
    return found


# --- All of it -----------------------------------------------------------------------------------


def targets(x: Int16, task: Task) -> Float64:
    """What the filters of a training tell apart, float64 (q, 36).

    Raises:
        DataError: A class has no image.
    """
    a, b = contrast.pairs(task.labels, task.classes, task.outputs, task.seed)
    return differences(x, a, b, task.seed ^ PLACES_SEED)


def fit(x: Int16, task: Task, kind: str = "patch") -> Fitted:
    """The layer and its weights, of encoded images.

    Raises:
        DataError: The images are blank, a class has none, or the number of filters cannot be.
    """
    most = POOLINGS[kind].most
    if task.outputs % 4 or not 4 <= task.outputs <= most:
        raise DataError(
            f"{task.outputs} filters: a {kind} layer has a multiple of 4, {most} at most."
        )
    seen = statistics(x)
    filters = solve(seen, targets(x, task), task.ridge)
    w1, b1 = integers(filters)
    return Fitted(
        Layer(
            kind,
            task.outputs,
            x.shape[1] * x.shape[2],
            task.ridge,
            THRESHOLD,
            crc(seen.gram),
        ),
        {b"W1  ": w1, b"B1  ": b1},
        {
            b"GRM1": Array(pack_lower(seen.gram)[None], 18),
            b"SUM1": Array(seen.sums.astype(np.int32)[None], UNIT_BITS),
            b"NUM1": Array(np.array([[seen.count]], np.int32)),
        },
    )
