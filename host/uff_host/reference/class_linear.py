"""The linear class layer: ridge regression on the features.

Names: N rows of m features f, k classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from uff_host.formats.model import Array
from uff_host.reference.arithmetic import (
    UNIT,
    UNIT_BITS,
    Float64,
    Int16,
    Int32,
    Int64,
    gram,
    inner,
    kernel,
    pack_lower,
)
from uff_host.reference.arithmetic import uses_dual as uses_dual
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

LAMBDA: dict[str | None, float] = {
    None: 0.1,
    "contrast": 0.05,
    "patch": 0.03,
    "mirror": 0.03,
}


class LinearProblem(ClassProblem):
    """The problem of a linear class layer. The label is an input of its own strength, 1 of k,
    and its part of the Gram matrix over all data is eliminated by hand."""

    grid = (0.01, 0.03, 0.1, 0.3)

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
        self.m = f.shape[1]
        self.features = f.astype(np.float64) / UNIT
        self.dual = self.rows < self.m  # the same solution from the smaller system
        left = self.features if self.dual else self.features.T
        self.square: Float64 = left @ left.T
        self.target_sums = self.targets * self.counts
        self.class_sums: Float64 = self.right.T @ self.features  # times the targets
        self.total: Float64 = self.features.sum(axis=0)

    def _constants(self, ridge: float) -> tuple[float, float]:
        """Lambda in mean diagonal elements of the whole Gram matrix, and mu."""
        k, rows, s = self.k, self.rows, self.strength
        lambda_abs = ridge * k * rows * (1 + s * s) / (self.m + k)
        return lambda_abs, s * s * rows + lambda_abs

    def dual_system(self, ridge: float) -> Float64:
        """B (N, N)."""
        lambda_abs, _ = self._constants(ridge)
        kernel = self.square if self.dual else self.features @ self.features.T
        return kernel + self.strength**2 / self.k + lambda_abs / self.k * np.eye(self.rows)

    def _system(self, ridge: float) -> Float64:
        """B of the dual form, or the inverse of P (m, m)."""
        if self.dual:
            return self.dual_system(ridge)
        lambda_abs, mu = self._constants(ridge)
        k, s = self.k, self.strength
        total = np.outer(self.total, self.total)
        return k * self.square + lambda_abs * np.eye(self.m) - s * s * k / mu * total

    def solve(self, ridge: float) -> ClassLayer:
        """The weights for one value of lambda."""
        g = self.label_share(ridge)
        if self.dual:
            alpha = np.linalg.solve(self._system(ridge), self.right)
            w: npt.NDArray[Any] = (self.features.T @ alpha / self.k).T
        else:
            wanted = self.class_sums - g * np.outer(self.target_sums, self.total)
            w = np.linalg.solve(self._system(ridge), wanted.T).T
        v = g * (np.diag(self.target_sums) - (w @ self.total)[:, None])
        return ClassLayer(np.ascontiguousarray(w), v)

    def label_share(self, ridge: float) -> float:
        """g = s^2 / mu."""
        _, mu = self._constants(ridge)
        return self.strength**2 / mu

    def left_blocks(self, ridge: float) -> tuple[Float64, Float64]:
        """(a/k) of B^-1 and of alpha in the dual form; in the primal one
        I - g 11' - k u'Pu with u = f - g S, and the residuals themselves."""
        lambda_abs, _ = self._constants(ridge)
        g, k, r = self.label_share(ridge), self.k, self.group
        inverse: npt.NDArray[Any] = np.linalg.inv(self._system(ridge))
        if self.dual:
            share = lambda_abs / k
            residuals = share * (inverse @ self.right / k)
            return share * own_blocks(inverse, r), residuals.reshape(-1, r, k)
        layer = self.solve(ridge)
        u = self.features - g * self.total
        seen = (u @ inverse).reshape(-1, r, self.m) @ u.reshape(-1, r, self.m).transpose(0, 2, 1)
        mean = self.features @ layer.w.T + layer.v.mean(axis=1)
        return np.eye(r) - g - k * seen, (self.right / k - mean).reshape(-1, r, k)


problem = LinearProblem


def solve_sums(
    square: Float64, sums: Float64, counts: Float64, ridge: float, strength: float
) -> tuple[ClassLayer, float, Float64]:
    """The primal solution from sums over images, whoever has seen them: Gram matrix (m, m), class
    sums (k, m), both of features as they are, counts (k,). Returns the layer, s^2 / mu, and the
    sum of all features (m,)."""
    k, m = sums.shape
    n, s = float(counts.sum()), strength
    lambda_abs = ridge * k * n * (1 + s * s) / (m + k)
    g, targets, total = s * s / (s * s * n + lambda_abs), n / (k * counts), sums.sum(axis=0)
    system = k * square + lambda_abs * np.eye(m) - g * k * np.outer(total, total)
    wanted = targets[:, None] * (sums - g * counts[:, None] * total)
    w: npt.NDArray[Any] = np.linalg.solve(system, wanted.T).T
    v = g * (np.diag(targets * counts) - (w @ total)[:, None])
    return ClassLayer(np.ascontiguousarray(w), v), g, total


def square_of(f: Int16, dual: bool) -> Int32:
    """The matrix that the layer is solved from: of the rows, or of their features."""
    return kernel(f) if dual else gram(f)


def kept(f: Int16) -> Arrays:
    """Nothing of the features is kept."""
    return {}


def statistics(f: Int16, labels: npt.NDArray[Any], k: int, square: Int32) -> Arrays:
    """Matrix, class sums and counts."""
    return {
        b"GRAM": Array(pack_lower(square)[None], 2 * UNIT_BITS),
        b"SUMS": Array(class_sums(f, labels, k).astype(np.int32), UNIT_BITS),
        b"CNT ": Array(np.bincount(labels, minlength=k).astype(np.int32)[None]),
    }


def class_sums(f: Int16, labels: npt.NDArray[Any], k: int) -> Int64:
    """Sums of the features of each class, int64 (k, m)."""
    return np.stack([f[labels == c].sum(axis=0, dtype=np.int64) for c in range(k)])


def integers(layer: ClassLayer) -> Integers:
    """Its real weights as a model keeps them: v has 9 bits more than w, as outputs have."""
    e = min(weight_exponent(layer.w), label_exponent(layer.v) - UNIT_BITS)
    w2, v2 = scaled(layer.w, e), scaled(layer.v, e + UNIT_BITS)
    return Integers(w2.astype(np.int16), e, v2.astype(np.int32), e + UNIT_BITS)


def goodness(arrays: Arrays, f: Int16) -> Int64:
    """Goodness of each label, int64 (n, k); integers all through."""
    return goodness_of(inner(f, arrays[b"W2  "].data), arrays[b"V2  "].data)
