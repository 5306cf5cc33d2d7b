"""Images out of a Gram matrix, as somebody would try who has been given statistics alone.

G = X'X over n images has rank n, and every X with this G is a rotation of every other: X = R B,
with B from the eigenvectors of G and R orthogonal (n, n). The images are the rotation without
negative pixels, each of length 512. It is looked for by turns: negative pixels to 0 and rows to
their length, then the rotation that comes nearest (Procrustes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from uff_host import reference
from uff_host.reference import UNIT, Float64

RECOVERED = 0.99  # cosine with the true image from which on one sees no difference


@dataclass(frozen=True)
class Attempt:
    """What came out for n images of one class.

    found: float64 (n, m), each true image's nearest row; true: likewise, what it is of; cosines:
    (n,) between the two; mean: the cosine of an image with the mean of the class, on average,
    which the class sum tells anyway.
    """

    images: int
    found: Float64
    true: Float64
    cosines: Float64
    mean: float

    @property
    def recovered(self) -> float:
        """Part of the images that were found, 0 to 1."""
        return float((self.cosines > RECOVERED).mean())


def rows_of(gram: npt.NDArray[Any], n: int, rounds: int, seed: int) -> Float64:
    """n rows (n, m) without negative elements, nearly, whose Gram matrix (m, m) this is."""
    values, vectors = np.linalg.eigh(gram.astype(np.float64))
    b = (vectors[:, -n:] * np.sqrt(np.maximum(values[-n:], 0))).T
    random = np.random.default_rng(seed)
    turn: npt.NDArray[Any] = np.linalg.qr(random.normal(size=(n, n)))[0]
    for _ in range(rounds):
        rows = np.maximum(turn @ b, 0)
        rows *= UNIT / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        left, _, right = np.linalg.svd(rows @ b.T)
        turn = left @ right
    return np.asarray(turn @ b)


def attempt(images: npt.NDArray[np.uint8], rounds: int, seed: int = 0) -> Attempt:
    """Try it on images uint8 (n, height, width) of one class of a one-layer network."""
    x = reference.encode(images).astype(np.float64)
    n = len(x)
    rows = rows_of(x.T @ x, n, rounds, seed)
    cosines = _unit(x) @ _unit(rows).T
    best = cosines.argmax(axis=1)
    mean = _unit(x) @ _unit(x.mean(axis=0, keepdims=True)).T
    return Attempt(n, rows[best], x, cosines.max(axis=1), float(mean.mean()))


def _unit(rows: Float64) -> Float64:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))
