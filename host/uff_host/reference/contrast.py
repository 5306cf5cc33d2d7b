"""The contrast layer: each neuron tells one image from an image of another class.

Names: n images, m features of the image part, q neurons, k classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from uff_host.errors import DataError
from uff_host.formats.model import Array, Layer
from uff_host.reference.arithmetic import (
    Float64,
    Int16,
    crc,
    gram,
    inner,
    kernel,
    pack_lower,
    round_half_away,
    scaled_to_unit,
    uses_dual,
)
from uff_host.reference.encoding import encode as encode
from uff_host.reference.feature_layer import Arrays, Fitted, Task
from uff_host.reference.xorshift import Xorshift32

HIDDEN = 500
LAMBDA = 5.0
W1_BITS = 14
W1_UNIT = 2**W1_BITS


def pairs(labels: npt.NDArray[Any], k: int, q: int, seed: int) -> tuple[list[int], list[int]]:
    """The images (a_j, b_j) that neuron j tells apart, as two lists of q sample numbers.

    Raises:
        DataError: There are fewer than two classes, or a class has no image.
    """
    random = Xorshift32(seed)
    orders: list[list[int]] = []
    for c in range(k):
        order = [int(i) for i in np.flatnonzero(labels == c)]
        if not order:
            raise DataError(f"Class {c} has no image: layer 1 needs one of every class.")
        orders.append(order)
    class_pairs = [(c, (c + shift) % k) for shift in range(1, k) for c in range(k)]
    if not class_pairs:
        raise DataError("Layer 1 needs images of two classes or more.")
    dealt = [0] * k

    def draw(c: int) -> int:
        order, at = orders[c], dealt[c]
        drawn = at + random.next() % (len(order) - at)
        order[at], order[drawn] = order[drawn], order[at]
        dealt[c] = (at + 1) % len(order)
        return order[at]

    a: list[int] = []
    b: list[int] = []
    for j in range(q):
        first, second = class_pairs[j % len(class_pairs)]
        a.append(draw(first))
        b.append(draw(second))
    return a, b


def solve(x: Int16, a: list[int], b: list[int], ridge: float, dual: bool | None = None) -> Float64:
    """Weights as float64 (q, m), each row of length 1 (or 0 where the pair is equal).

    x is int16 (n, m). Both forms give the same weights; by default the smaller system is solved.
    """
    n, m = x.shape
    if n < m if dual is None else dual:
        k1 = kernel(x).astype(np.float64)
        targets = np.zeros((n, len(a)))
        targets[a, np.arange(len(a))] = 1
        targets[b, np.arange(len(b))] = -1
        system = k1 + ridge * np.trace(k1) / m * np.eye(n)
        w = (x.astype(np.float64).T @ np.linalg.solve(system, targets)).T
    else:
        g1 = gram(x).astype(np.float64)
        difference = x[a].astype(np.float64) - x[b]
        w = np.linalg.solve(g1 + ridge * np.trace(g1) / m * np.eye(m), difference.T).T
    length = np.sqrt((w * w).sum(axis=1, keepdims=True))
    return np.ascontiguousarray(w / np.where(length == 0, 1, length))


def hidden(x: Int16, w1: Int16) -> Int16:
    """Hidden values int16 (n, q) of encoded images int16 (n, m), with weights int16 (q, m)."""
    r = np.maximum(inner(x, w1), 0).astype(np.uint64)
    squares = (r * r).sum(axis=1).astype(np.float32)
    return scaled_to_unit(r.astype(np.float32), squares)


def square_of(x: Int16, dual: bool) -> npt.NDArray[np.int32]:
    """The matrix that the layer is solved from: of the images, or of their features."""
    return kernel(x) if dual else gram(x)


def fit(x: Int16, task: Task) -> Fitted:
    """The layer and its weights, of encoded images int16 (n, m).

    Raises:
        DataError: All images are blank, or a class has none.
    """
    if not x.any():
        raise DataError("All images are blank: there is nothing to learn from.")
    dual = uses_dual(task.form, *x.shape)
    square = square_of(x, dual)
    a, b = pairs(task.labels, task.classes, task.outputs, task.seed)
    w1 = round_half_away(W1_UNIT * solve(x, a, b, task.ridge))
    return Fitted(
        Layer("contrast", task.outputs, x.shape[1], task.ridge, 0.0, crc(square), dual),
        {b"W1  ": Array(w1.astype(np.int16), W1_BITS)},
        {b"GRM1": Array(pack_lower(square)[None], 18)},
    )


def features(layer: Layer, arrays: Arrays, x: Int16) -> Int16:
    """Hidden values, int16 (n, q), of encoded images int16 (n, m)."""
    return hidden(x, arrays[b"W1  "].data)
