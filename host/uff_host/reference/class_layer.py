"""What both class layers share: targets, leave-one-out, integer weights, goodness.

A class layer is one ridge regression of k neurons over all (row, label) data: the neuron of the
right class has a target on positive data, all else is 0. Rows are images, each with its copies
behind it. Goodness of a label is the sum of the squares of the outputs above 0.

Names: N rows, n images, r rows of each image (1 + copies), k classes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from uff_host.errors import DataError
from uff_host.formats.model import Array
from uff_host.reference.arithmetic import (
    Float64,
    Form,
    Int16,
    Int32,
    Int64,
    UInt8,
    round_half_away,
    snap,
)
from uff_host.reference.feature_layer import Arrays

V_BITS = 28
MOST_BITS = 40
LARGEST_OUTPUT = 700_000_000  # 16 squares of outputs below it fit int64


@dataclass
class ClassLayer:
    """Real weights of a class layer: w (k, f), and v (k, k) for class c and label l.

    f is the features of a linear layer, the rows of a kernel layer.
    """

    w: Float64
    v: Float64


@dataclass
class LeaveOneOut:
    """What each image gets from the network trained without it and its copies.

    goodness: float64 (n, k) of each label; residual: the sum of all squared residuals; slack:
    (n,), the divisor, near 0 for an image that only its own data determines.
    """

    goodness: Float64
    residual: float
    slack: Float64

    @property
    def labels(self) -> UInt8:
        return predict(self.goodness)


class ClassProblem(ABC):
    """The ridge problem of a class layer, built once for all values of lambda."""

    grid: Sequence[float]  # the values that leave-one-out chooses from

    def __init__(
        self, labels: npt.NDArray[Any], k: int, strength: float, *, group: int, balanced: bool
    ) -> None:
        """labels: (N,) below k; group: rows of each image.

        balanced: every class counts the same, however many rows it has, as on the device; else
        every target is 1, for comparison.
        """
        self.rows, self.k, self.strength = len(labels), k, strength
        self.labels, self.group = labels.astype(np.intp), group
        self.balanced = balanced
        self.counts = np.bincount(self.labels, minlength=k).astype(np.float64)
        self.targets = self.rows / (k * np.maximum(self.counts, 1)) if balanced else np.ones(k)
        self.right: Float64 = np.zeros((self.rows, k))  # the target of each neuron, right label
        self.right[np.arange(self.rows), self.labels] = self.targets[self.labels]

    @abstractmethod
    def solve(self, ridge: float) -> ClassLayer:
        """The weights for one value of lambda."""

    @abstractmethod
    def label_share(self, ridge: float) -> float:
        """g: the part of an output that one datum's own label accounts for."""

    @abstractmethod
    def left_blocks(self, ridge: float) -> tuple[Float64, Float64]:
        """Of each image the block of I - H (n, r, r) and the residuals (n, r, k) of its rows, H
        the hat matrix, both for the mean over the labels."""

    def leave_one_out(self, ridge: float, *, corrected: bool = True) -> LeaveOneOut:
        """What each image gets with all data of all its rows left out; exact for a frozen
        feature layer.

        All data of the rows I of an image are left out together. The hat matrix of (row, label)
        data has the same eigenvectors for every row: the mean of the labels, where the rows' own
        block of I - H is left_blocks(), and what differs from it, where the block is I - g 11',
        whatever the features are. So the residuals with the image left out are
        ((I - H)_II)^-1 times those of the fit, in each of the two.

        corrected: balanced targets are those of the rows that are left, as on the device; else
        those of all rows, for comparison.
        """
        k, r, g = self.k, self.group, self.label_share(ridge)
        y = self.labels[::r]
        own = np.eye(k)[y]  # (n, k): 1 for the neuron of the right class
        blocks, residuals = self.left_blocks(ridge)
        mean = self.targets / k * own - np.linalg.solve(blocks, residuals)[:, 0]
        differs = self.targets * g * (self.counts - r * own) / (1 - g * r)
        outputs = mean[:, :, None] + differs[:, :, None] * (np.eye(k) - 1 / k)
        if self.balanced and corrected:
            # Without these rows, the targets of their class are larger on each of the others.
            others = np.maximum(self.counts - r, 1)
            outputs *= np.where(own > 0, self.counts / others, 1)[:, :, None]
        wanted = self.targets[:, None] * own[:, :, None] * own[:, None, :]
        good = (np.maximum(outputs, 0) ** 2).sum(axis=1)
        slack: npt.NDArray[Any] = np.linalg.eigvalsh(blocks)[:, 0]
        return LeaveOneOut(good, float(((wanted - outputs) ** 2).sum()), slack)

    def best_lambda(self) -> float:
        """The lambda of best leave-one-out accuracy; then of smaller residual, then the larger."""

        def rank(value: float) -> tuple[int, float, float]:
            left_out = self.leave_one_out(value)
            right = left_out.labels == self.labels[:: self.group]
            return int(right.sum()), -left_out.residual, value

        return max(map(snap, self.grid), key=rank)


def own_blocks(square: Float64, group: int) -> Float64:
    """The blocks (n, r, r) of r rows and columns on the diagonal of a matrix (N, N)."""
    n = len(square) // group
    apart = square.reshape(n, group, n, group)
    each = np.arange(n)
    return np.asarray(apart[each, :, each, :])


@dataclass
class Integers:
    """Weights of a class layer as a model keeps them: w2 (k, f) at 2^e times their value, v2
    (k, k) at 2^v_exponent times."""

    w2: Int16
    e: int
    v2: Int32
    v_exponent: int

    @property
    def arrays(self) -> Arrays:
        return {b"W2  ": Array(self.w2, self.e), b"V2  ": Array(self.v2, self.v_exponent)}


def weight_exponent(w: Float64) -> int:
    """The largest e up to 40 with round(max|w| * 2^e) <= 32767."""
    largest = float(np.abs(w).max())
    if largest == 0:
        return MOST_BITS
    e = min(MOST_BITS, math.floor(math.log2(32767.5 / largest)) + 1)
    while math.floor(math.ldexp(largest, e) + 0.5) > 32767:
        e -= 1
    return e


def label_exponent(v: Float64) -> int:
    """The largest e with max|v| * 2^e < 2^28."""
    return V_BITS - math.frexp(float(np.abs(v).max()))[1]


def scaled(values: Float64, e: int) -> Float64:
    """values * 2^e, rounded."""
    return round_half_away(np.ldexp(values, e))


def goodness_of(z: Int64, v2: Int32) -> Int64:
    """Goodness of each label, int64 (n, k), of outputs int64 (n, k) without the label's part.

    Raises:
        DataError: An output is too large for its square to be added up in int64.
    """
    outputs = z[:, :, None] + v2.astype(np.int64)
    if outputs.size and int(outputs.max()) >= LARGEST_OUTPUT:
        raise DataError(
            f"An output of {int(outputs.max())}: goodness is exact below {LARGEST_OUTPUT}."
        )
    positive = np.maximum(outputs, 0)
    return np.asarray((positive * positive).sum(axis=1))


def predict(good: npt.NDArray[Any]) -> UInt8:
    """The first label of most goodness, uint8 (n,)."""
    labels: UInt8 = good.argmax(axis=1).astype(np.uint8)
    return labels


class ClassLayerModule(Protocol):
    """A module of this package that holds a class layer."""

    @property
    def LAMBDA(self) -> dict[str | None, float]:
        """Its ridge, if no other is asked for, behind each kind of feature layer or None."""

    def problem(
        self, f: Int16, labels: npt.NDArray[Any], k: int, strength: float, *, group: int = 1
    ) -> ClassProblem:
        """The problem over rows of features."""

    def uses_dual(self, form: Form, rows: int, features: int) -> bool:
        """Whether the layer is solved from inner products of rows."""

    def square_of(self, f: Int16, dual: bool) -> Int32:
        """The exact matrix that it is solved from."""

    def kept(self, f: Int16) -> Arrays:
        """What of the features the model keeps."""

    def statistics(self, f: Int16, labels: npt.NDArray[Any], k: int, square: Int32) -> Arrays:
        """The exact sums that it is solved from, as a model keeps them."""

    def integers(self, layer: ClassLayer) -> Integers:
        """Its real weights as a model keeps them."""

    def goodness(self, arrays: Arrays, f: Int16) -> Int64:
        """Goodness of each label, int64 (n, k), by the integer weights of a model."""
