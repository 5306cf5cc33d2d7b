"""Copies of images, the patch layer and the kernel function in Python's integers: what the core
must equal.
"""

from __future__ import annotations

import math
import zlib
from itertools import pairwise

import numpy as np
from core.cores import UNIT

from uff_host.reference.xorshift import Xorshift32

SIDE, LENGTH, GRID = 6, 36, 4
ONE = 2**18  # inner product of two vectors of length 1


def copy_by_hand(image: np.ndarray, number: int) -> list[list[int]]:
    """Copy `number` of an image in Python's integers: shifts round down."""
    h, w = image.shape
    random = Xorshift32((zlib.crc32(image.tobytes()) + number) % 2**32)
    a, s, k, down, right = ((random.next() >> 16) - 32768 for _ in range(5))
    angle, scale, shear = 19661 * a >> 15, 65536 + (13107 * s >> 15), 19661 * k >> 15
    down, right = h * 3511 * down >> 15, w * 3511 * right >> 15
    square = angle * angle >> 16
    sine = angle * (65536 - square // 6) >> 16
    cosine = 65536 - square // 2 + (square * square >> 16) // 24
    xx, xy = scale * cosine >> 16, scale * ((cosine * shear >> 16) - sine) >> 16
    yx, yy = scale * sine >> 16, scale * ((sine * shear >> 16) + cosine) >> 16

    def pixel(row: int, column: int) -> int:
        return int(image[row, column]) if 0 <= row < h and 0 <= column < w else 0

    def value(i: int, j: int) -> int:
        dx, dy = 2 * j - w + 1, 2 * i - h + 1
        x = (xx * dx + xy * dy >> 1) + (w - 1) * 32768 + right + 128 >> 8
        y = (yx * dx + yy * dy >> 1) + (h - 1) * 32768 + down + 128 >> 8
        row, low, column, part = y >> 8, y & 255, x >> 8, x & 255
        above = pixel(row, column) * (256 - part) + pixel(row, column + 1) * part
        below = pixel(row + 1, column) * (256 - part) + pixel(row + 1, column + 1) * part
        return above * (256 - low) + below * low + 32768 >> 16

    return [[value(i, j) for j in range(w)] for i in range(h)]


def all_patches(x: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(images, rows of places, columns of places, 36) as int64."""
    view = np.lib.stride_tricks.sliding_window_view(
        x.reshape(-1, *shape), (SIDE, SIDE), axis=(1, 2)
    )
    return view.reshape(*view.shape[:3], LENGTH).astype(np.int64)


def counted_patches(x: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    patches = all_patches(x, shape).reshape(len(x), (shape[0] - 5) * (shape[1] - 5), LENGTH)
    places = patches.shape[1]
    step = next(s for s in range(193, 10**6) if math.gcd(s, places) == 1)
    own = [
        patches[i, (zlib.crc32(row.tobytes()) + j * step) % places]
        for i, row in enumerate(x)
        for j in range(12)
    ]
    return np.array([p for p in own if np.any(p != p[0])], np.int64).reshape(-1, LENGTH)


def contrast_by_hand(
    x: np.ndarray, shape: tuple[int, int], a: np.ndarray, b: np.ndarray, seed: int
) -> np.ndarray:
    patches = all_patches(x, shape).reshape(len(x), (shape[0] - 5) * (shape[1] - 5), LENGTH)
    random = Xorshift32(seed)
    columns = []
    for i, j in zip(a, b, strict=True):
        for _ in range(16):
            place = random.next() % patches.shape[1]
            difference = patches[i, place] - patches[j, place]
            if difference.any():
                break
        columns.append(difference / UNIT)
    return np.array(columns).T.astype(np.float32)


def features_by_hand(
    x: np.ndarray, shape: tuple[int, int], w: np.ndarray, bias: np.ndarray, threshold: int
) -> np.ndarray:
    return unit_roots(pooled_by_hand(x, shape, w, bias, threshold, GRID, GRID))


def mirror_features_by_hand(
    x: np.ndarray, shape: tuple[int, int], w: np.ndarray, bias: np.ndarray, threshold: int
) -> np.ndarray:
    """Those of the image, and those of its mirror image, each by the filters and mirrored ones."""
    n, q = len(x), len(w)
    turned = x.reshape(n, *shape)[:, :, ::-1].reshape(n, -1)
    other = w.reshape(q, 6, 6)[:, :, ::-1].reshape(q, -1)
    both, biases = np.concatenate([w, other]), np.concatenate([bias, bias])
    own, mirrored = (
        pooled_by_hand(image, shape, both, biases, threshold, GRID, 6)[:, :, :3]
        for image in (x, turned)
    )
    return unit_roots(own + mirrored)


def pooled_by_hand(
    x: np.ndarray,
    shape: tuple[int, int],
    w: np.ndarray,
    bias: np.ndarray,
    threshold: int,
    down: int,
    across: int,
) -> np.ndarray:
    n, q = len(x), len(w)
    z = all_patches(x, shape) @ w.T.astype(np.int64) - bias.astype(np.int64)
    rows, columns = (
        [(2 * k * (side - 5) + cells) // (2 * cells) for k in range(cells + 1)]
        for side, cells in zip(shape, (down, across), strict=True)
    )
    means = np.zeros((n, down, across, 2 * q), np.int64)
    for r, (top, bottom) in enumerate(pairwise(rows)):
        for c, (left, right) in enumerate(pairwise(columns)):
            cell = z[:, top:bottom, left:right].reshape(n, -1, q)
            means[:, r, c, :q] = np.maximum(cell - threshold, 0).sum(1) // cell.shape[1]
            means[:, r, c, q:] = np.maximum(-cell - threshold, 0).sum(1) // cell.shape[1]
    return means


def unit_roots(means: np.ndarray) -> np.ndarray:
    flat = means.reshape(len(means), -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.float32(UNIT) / np.sqrt(flat.sum(1).astype(np.float32))
        f = np.floor((np.sqrt(flat.astype(np.float32)) * scale[:, None]).astype(float) + 0.5)
    return np.where(flat.sum(1, keepdims=True) == 0, 0, f).astype(np.int16)


def phi(u: np.ndarray) -> np.ndarray:
    square = (u.astype(np.int64) + ONE) ** 2 >> 8
    return square**2 >> 30
