"""The kernel class layer: the dual form with powers of inner products, ((1 + u)/2)^4.

Names: N rows of m features f, k classes, u inner products.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from uff_host.errors import DataError
from uff_host.formats.model import MOST_SQUARES, Array
from uff_host.formats.networks import FEATURE_KINDS
from uff_host.reference.arithmetic import (
    UNIT_BITS,
    Float64,
    Form,
    Int16,
    Int32,
    Int64,
    inner,
    pack_lower,
)
from uff_host.reference.class_layer import (
    ClassLayer,
    ClassProblem,
    Integers,
    goodness_of,
    label_exponent,
    own_blocks,
    scaled,
    weight_exponent,
)
from uff_host.reference.feature_layer import Arrays

LAMBDA: dict[str | None, float] = dict.fromkeys((None, *FEATURE_KINDS), 0.03)
PHI_BITS = 30
LARGEST_PHI = 1719926784  # the power of 1.25
LARGEST_SUM = 699_999_990  # of an output and its label weight, and a little for rounding
BATCH = 512  # images that are compared with all rows at once


def powers(u: Int64) -> Int64:
    """((1 + u)/2)^4 of inner products in units of 2^-18, in units of 2^-30; integers all through.

    Raises:
        DataError: An inner product is below -1 or above 1.25.
    """
    if u.size and not (u.min() >= -(2**18) and u.max() <= MOST_SQUARES):
        raise DataError(f"Inner products of {u.min()} to {u.max()}: features are not of length 1.")
    plus_one = u + 2**18
    squared = plus_one * plus_one >> 8
    return np.asarray(squared * squared >> 30)


class KernelProblem(ClassProblem):
    """The problem of a kernel class layer: B = phi + s^2 11' + lambda I (N, N), so that neither
    labels nor classes change B. Of (row, label) data that is phi + s^2 k [l = l'] + k lambda I.
    """

    grid = (0.003, 0.01, 0.03, 0.1)

    def __init__(
        self,
        f: Int16,
        labels: npt.NDArray[Any],
        k: int,
        strength: float,
        *,
        group: int = 1,
        balanced: bool = True,
    ) -> None:
        """f: int16 (N, m) features at 512 times their value; the rest: see ClassProblem."""
        super().__init__(labels, k, strength, group=group, balanced=balanced)
        self.phi: Float64 = powers(inner(f, f)) / 2.0**PHI_BITS

    def system(self, ridge: float) -> Float64:
        """B (N, N)."""
        return self.phi + self.strength**2 + ridge * np.eye(self.rows)

    def solve(self, ridge: float) -> ClassLayer:
        """The weights for one value of lambda: alpha (k, N), and v."""
        k = self.k
        alpha = np.linalg.solve(self.system(ridge), self.right / k)
        weighted = self.label_share(ridge) * self.targets * self.counts
        v = np.diag(weighted) - weighted[:, None] / k
        v += self.strength**2 * alpha.sum(axis=0)[:, None]
        return ClassLayer(np.ascontiguousarray(alpha.T), v)

    def label_share(self, ridge: float) -> float:
        """g = s^2 / (s^2 N + lambda)."""
        s2 = self.strength**2
        return s2 / (s2 * self.rows + ridge)

    def left_blocks(self, ridge: float) -> tuple[Float64, Float64]:
        """lambda times B^-1, and times alpha."""
        inverse: npt.NDArray[Any] = np.linalg.inv(self.system(ridge))
        residuals = ridge * (inverse @ self.right / self.k)
        return (
            ridge * own_blocks(inverse, self.group),
            residuals.reshape(-1, self.group, self.k),
        )


problem = KernelProblem


def uses_dual(form: Form, rows: int, features: int) -> bool:
    """Always: there is no other form."""
    return True


def square_of(f: Int16, dual: bool) -> Int32:
    """phi of all pairs of rows, int32 (N, N)."""
    return powers(inner(f, f)).astype(np.int32)


def kept(f: Int16) -> Arrays:
    """All features: a prediction compares with each row."""
    return {b"ROWS": Array(f, UNIT_BITS)}


def statistics(f: Int16, labels: npt.NDArray[Any], k: int, square: Int32) -> Arrays:
    """phi and counts."""
    return {
        b"GRAM": Array(pack_lower(square)[None], PHI_BITS),
        b"CNT ": Array(np.bincount(labels, minlength=k).astype(np.int32)[None]),
    }


def integers(layer: ClassLayer) -> Integers:
    """Its real weights as a model keeps them.

    An output is a sum over all rows, so v, in whose units outputs are, leaves it the room that
    the integers of alpha could need.
    """
    e = weight_exponent(layer.w)
    alpha = scaled(layer.w, e).astype(np.int16)
    most = int(np.abs(alpha.astype(np.int64)).sum(axis=1).max())
    largest = float(np.abs(layer.v).max())
    v_exponent = min(label_exponent(layer.v), e + UNIT_BITS)
    while (most * LARGEST_PHI >> PHI_BITS + e - v_exponent) + math.ldexp(
        largest, v_exponent
    ) >= LARGEST_SUM:
        v_exponent -= 1
    return Integers(alpha, e, scaled(layer.v, v_exponent).astype(np.int32), v_exponent)


def goodness(arrays: Arrays, f: Int16) -> Int64:
    """Goodness of each label, int64 (n, k); integers all through.

    Raises:
        DataError: A sum is too large to be exact.
    """
    rows, w2, v2 = arrays[b"ROWS"].data, arrays[b"W2  "], arrays[b"V2  "]
    alpha, shift = w2.data.astype(np.int64), PHI_BITS + w2.exponent - v2.exponent
    z = np.empty((len(f), len(alpha)), np.int64)
    for i in range(0, len(f), BATCH):
        phi = powers(inner(f[i : i + BATCH], rows))
        z[i : i + BATCH] = phi @ alpha.T >> shift
    return goodness_of(z, v2.data)
