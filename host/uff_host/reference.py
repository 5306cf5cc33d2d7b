"""The whole algorithm in numpy: what a target must compute, written to be read.

Integer steps (encoding, Grams, hidden values, inference) give the same bits as the device; real
steps (the two ridge solutions) are done in float64, where the device has float32. Integer matrix
products run through float64 matrix products, which are exact while every sum stays below 2^53. It
is no twin of the device's code: no slices, no memory plan, no float32 solver.

Names: n images, m features of the image part, q hidden neurons, k classes, f the features of a
class layer.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from uff_host.errors import DataError
from uff_host.model import Array, Model
from uff_host.samples import MAX_CLASSES, Samples

UNIT = 512  # an encoded image or a hidden layer of length 1, as int16
UNIT_BITS = 9
W1_UNIT = 16384
V_BITS = 28
LAMBDA1 = 5.0
HIDDEN = 500
LAMBDA_GRID = (0.01, 0.03, 0.1, 0.3)
STRENGTH = {1: 0.5, 2: 0.2}
LAMBDA2 = {1: 0.1, 2: 0.05}
MAX_IMAGES = 8191  # 512^2 each on the diagonal of an int32 Gram

Int16 = npt.NDArray[np.int16]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Form = Literal["auto", "primal", "dual"]


# --- Encoding -----------------------------------------------------------------------------------


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


def encode(images: npt.NDArray[np.uint8]) -> Int16:
    """uint8 (n, height, width) -> int16 (n, m): square roots, scaled to a length of about 512."""
    n, height, width = images.shape
    pixels = images.reshape(n, height * width)[:, kept_pixels(height, width)]
    roots = np.sqrt(np.arange(256, dtype=np.float32))
    total = pixels.sum(axis=1, dtype=np.int64).astype(np.float32)
    return _scaled_to_unit(roots[pixels], total)


def _scaled_to_unit(values: npt.NDArray[np.float32], squares: npt.NDArray[np.float32]) -> Int16:
    """floor(v * (512 / sqrt(squares)) + 0.5) in float32 steps; zeros where squares is 0."""
    blank = squares == 0
    scale = np.float32(UNIT) / np.sqrt(np.where(blank, np.float32(1), squares))
    scaled = np.floor(values * scale[:, None] + np.float32(0.5))
    scaled[blank] = 0
    return scaled.astype(np.int16)


# --- Grams ---------------------------------------------------------------------------------------


def gram(x: npt.NDArray[Any]) -> Int32:
    """x^T x of integers (n, f) -> int32 (f, f), exact.

    Raises:
        DataError: More than 8,191 images: a sum could pass int32.
    """
    if len(x) > MAX_IMAGES:
        raise DataError(f"{len(x)} images: an int32 Gram holds the sums of {MAX_IMAGES} at most.")
    real = x.astype(np.float64)
    return (real.T @ real).astype(np.int32)


def kernel(x: npt.NDArray[Any]) -> Int32:
    """x x^T of integers (n, f) -> int32 (n, n), exact."""
    real = x.astype(np.float64)
    return (real @ real.T).astype(np.int32)


def pack_lower(square: npt.NDArray[Any]) -> Int32:
    """The lower triangle with its diagonal, row by row: int32 (f(f+1)/2,)."""
    return square[np.tril_indices(len(square))].astype(np.int32)


def crc(square: npt.NDArray[Any]) -> int:
    """CRC-32 of the packed lower triangle as little-endian int32."""
    return zlib.crc32(pack_lower(square).astype("<i4").tobytes())


def uses_dual(form: Form, n: int, features: int) -> bool:
    """Whether the kernel of the images is solved instead of the Gram of the features."""
    return form == "dual" or (form == "auto" and n < features)


# --- Layer 1, the contrast layer -----------------------------------------------------------------


def xorshift32(seed: int) -> list[int]:
    """The state of the generator that makes the pairs, its first 8 numbers thrown away."""
    state = [(seed * 2654435769 + 1) % 2**32 or 1]
    for _ in range(8):
        next_random(state)
    return state


def next_random(state: list[int]) -> int:
    """The next number below 2^32; `state` is a list of one number and changes."""
    s = state[0]
    s ^= s << 13 & 0xFFFFFFFF
    s ^= s >> 17
    s ^= s << 5 & 0xFFFFFFFF
    state[0] = s
    return s


def pairs(labels: npt.NDArray[Any], k: int, q: int, seed: int) -> tuple[list[int], list[int]]:
    """The images (a_j, b_j) that neuron j tells apart, as two lists of q sample numbers.

    Raises:
        DataError: There are fewer than two classes, or a class has no image.
    """
    state = xorshift32(seed)
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
        drawn = at + next_random(state) % (len(order) - at)
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


def contrast_layer(
    x: Int16, a: list[int], b: list[int], lambda1: float, dual: bool | None = None
) -> Float64:
    """Weights of layer 1 as float64 (q, m), each row of length 1 (or 0 where the pair is equal).

    x is int16 (n, m). Both forms give the same weights; by default the smaller system is solved.
    """
    n, m = x.shape
    if n < m if dual is None else dual:
        k1 = kernel(x).astype(np.float64)
        targets = np.zeros((n, len(a)))
        targets[a, np.arange(len(a))] = 1
        targets[b, np.arange(len(b))] = -1
        system = k1 + lambda1 * np.trace(k1) / m * np.eye(n)
        w = (x.astype(np.float64).T @ np.linalg.solve(system, targets)).T
    else:
        g1 = gram(x).astype(np.float64)
        difference = x[a].astype(np.float64) - x[b]
        w = np.linalg.solve(g1 + lambda1 * np.trace(g1) / m * np.eye(m), difference.T).T
    length = np.sqrt((w * w).sum(axis=1, keepdims=True))
    return np.ascontiguousarray(w / np.where(length == 0, 1, length))


def round_half_away(values: Float64) -> Float64:
    """To the nearest integer, halves away from zero."""
    return np.copysign(np.floor(np.abs(values) + 0.5), values)


def hidden(x: Int16, w1: Int16) -> Int16:
    """Hidden values int16 (n, q) of encoded images int16 (n, m), with weights int16 (q, m)."""
    z = x.astype(np.float64) @ w1.astype(np.float64).T  # exact: below 2^53
    r = np.maximum(z, 0).astype(np.uint64)
    squares = (r * r).sum(axis=1).astype(np.float32)
    return _scaled_to_unit(r.astype(np.float32), squares)


# --- Class layer ---------------------------------------------------------------------------------


@dataclass
class ClassLayer:
    """Real weights of a class layer: w (k, f), and v (k, k) for class c and label l."""

    w: Float64
    v: Float64


@dataclass
class LeaveOneOut:
    """What each image gets from the network trained without it.

    goodness: float64 (n, k) of each label; residual: the sum of all squared residuals; slack:
    (n,), the divisor, near 0 for an image that only its own data determines.
    """

    goodness: Float64
    residual: float
    slack: Float64

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        return predict(self.goodness)


class ClassProblem:
    """The ridge problem of the class layer, built once for all values of lambda."""

    def __init__(
        self,
        f: Int16,
        labels: npt.NDArray[Any],
        k: int,
        strength: float,
        *,
        balanced: bool = True,
    ) -> None:
        """f: int16 (n, f) features at 512 times their value; labels: (n,) below k.

        balanced: every class counts the same, however many images it has, as on the device; else
        every target is 1, for comparison.
        """
        self.n, self.m = f.shape
        self.k, self.strength, self.labels = k, strength, labels.astype(np.intp)
        self.features = f.astype(np.float64) / UNIT
        self.dual = self.n < self.m  # the same solution from the smaller system
        left = self.features if self.dual else self.features.T
        self.square: Float64 = left @ left.T
        self.counts = np.bincount(self.labels, minlength=k).astype(np.float64)
        self.right: Float64 = np.zeros((self.n, k))
        self.balanced = balanced
        self.targets = self.n / (k * np.maximum(self.counts, 1)) if balanced else np.ones(k)
        self.told = self.targets * self.counts
        self.right[np.arange(self.n), self.labels] = self.targets[self.labels]
        self.class_sums: Float64 = self.right.T @ self.features  # times the targets
        self.total: Float64 = self.features.sum(axis=0)

    def _constants(self, lambda2: float) -> tuple[float, float]:
        k, n, s = self.k, self.n, self.strength
        lambda_abs = lambda2 * k * n * (1 + s * s) / (self.m + k)
        return lambda_abs, s * s * n + lambda_abs

    def _system(self, lambda2: float) -> Float64:
        """B (n, n) of the dual form, or the inverse of P (f, f)."""
        lambda_abs, mu = self._constants(lambda2)
        k, s = self.k, self.strength
        if self.dual:
            return self.square + s * s / k + lambda_abs / k * np.eye(self.n)
        total = np.outer(self.total, self.total)
        return k * self.square + lambda_abs * np.eye(self.m) - s * s * k / mu * total

    def solve(self, lambda2: float) -> ClassLayer:
        """The weights for one value of lambda."""
        _, mu = self._constants(lambda2)
        s2 = self.strength**2
        if self.dual:
            alpha = np.linalg.solve(self._system(lambda2), self.right)
            w: npt.NDArray[Any] = (self.features.T @ alpha / self.k).T
        else:
            wanted = self.class_sums - s2 / mu * np.outer(self.told, self.total)
            w = np.linalg.solve(self._system(lambda2), wanted.T).T
        v = s2 / mu * (np.diag(self.told) - (w @ self.total)[:, None])
        return ClassLayer(np.ascontiguousarray(w), v)

    def dual_spread(self, lambda2: float) -> float:
        """How far float32 can move a weight in the dual form; a loose bound."""
        system = self.features @ self.features.T + self.strength**2 / self.k
        lambda_abs, _ = self._constants(lambda2)
        system += lambda_abs / self.k * np.eye(self.n)
        inverse = np.linalg.inv(system)
        alpha = inverse @ self.right / self.k
        rows = self.features.T @ inverse
        largest = math.sqrt((rows * rows).sum(axis=1).max()) * np.abs(system).sum(axis=1).max()
        return float(2.0**-24 * largest * math.sqrt((alpha * alpha).sum(axis=0).max()))

    def leave_one_out(self, lambda2: float, *, corrected: bool = True) -> LeaveOneOut:
        """What each image gets with all its k data left out; exact for a frozen layer 1.

        corrected: balanced targets are those of the images that are left, as on the device; else
        those of all images, for comparison.
        """
        layer = self.solve(lambda2)
        lambda_abs, mu = self._constants(lambda2)
        g = self.strength**2 / mu
        inverse = np.linalg.inv(self._system(lambda2))
        remainder: Float64  # (1 - g) - k v
        if self.dual:
            remainder = np.asarray(lambda_abs / self.k * np.diagonal(inverse))
        else:
            u = self.features - g * self.total
            remainder = np.asarray((1 - g) - self.k * ((u @ inverse) * u).sum(axis=1))
        v = ((1 - g) - remainder) / self.k
        z = (self.features @ layer.w.T)[:, :, None] + layer.v[None]  # (n, class, label)
        y = np.zeros_like(z)
        rows = np.arange(self.n)
        y[rows, self.labels, self.labels] = self.targets[self.labels]
        r = y - z
        e = (r + (v / remainder)[:, None, None] * r.sum(axis=2, keepdims=True)) / (1 - g)
        outputs = y - e
        if self.balanced and corrected:
            # Without the image, its class is told more on each of the others.
            own = self.counts[self.labels]
            outputs[rows, self.labels] *= (own / np.maximum(own - 1, 1))[:, None]
        good = (np.maximum(outputs, 0) ** 2).sum(axis=1)
        return LeaveOneOut(good, float((e * e).sum()), remainder)

    def best_lambda(self) -> float:
        """The lambda of best leave-one-out accuracy; then of smaller residual, then the larger."""

        def rank(value: float) -> tuple[int, float, float]:
            left_out = self.leave_one_out(value)
            return int((left_out.labels == self.labels).sum()), -left_out.residual, value

        return max(map(snap, LAMBDA_GRID), key=rank)


def exponent_of(layer: ClassLayer) -> int:
    """The largest e up to 40 with round(max|w| * 2^e) <= 32767 and max|v| * 2^(e+9) < 2^28."""
    largest = float(np.abs(layer.w).max())
    e = min(40, V_BITS - UNIT_BITS - math.frexp(float(np.abs(layer.v).max()))[1])
    if largest > 0:
        e = min(e, math.floor(math.log2(32767.5 / largest)) + 1)
        while math.floor(math.ldexp(largest, e) + 0.5) > 32767:
            e -= 1
    else:
        e = min(e, 15)
    return e


def quantise(layer: ClassLayer, e: int) -> tuple[Int16, Int32]:
    """Weights as int16 (k, f) at 2^e times their value, label weights as int32 at 2^(e+9)."""
    w = round_half_away(np.ldexp(layer.w, e))
    v = round_half_away(np.ldexp(layer.v, e + 9))
    return w.astype(np.int16), v.astype(np.int32)


def goodness(f: Int16, w2: Int16, v2: Int32) -> Int64:
    """Goodness of each label, int64 (n, k), of features int16 (n, f); integers all through."""
    z = (f.astype(np.float64) @ w2.astype(np.float64).T).astype(np.int64)
    positive = np.maximum(z[:, :, None] + v2.astype(np.int64), 0)
    return np.asarray((positive * positive).sum(axis=1))


def predict(good: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The first label of most goodness, uint8 (n,)."""
    labels: npt.NDArray[np.uint8] = good.argmax(axis=1).astype(np.uint8)
    return labels


# --- All of it -----------------------------------------------------------------------------------


def snap(value: float) -> float:
    """`value` with a mantissa of 16 bits, which is the same number in float32 and float64."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.floor(mantissa * 65536 + 0.5), exponent - 16)


@dataclass
class Options:
    """What train.py takes; None stands for the network's own default."""

    network: Literal["uff1", "uff2"] = "uff2"
    hidden: int = HIDDEN
    strength: float | None = None
    lambda1: float = LAMBDA1
    lambda2: float | Literal["loo"] | None = None
    seed: int = 0
    form: Form = "auto"
    statistics: bool = False
    leave_one_out: bool = True


def class_features(model: Model, images: npt.NDArray[np.uint8]) -> Int16:
    """What the class layer of `model` sees of uint8 (n, height, width): int16 (n, f)."""
    x = encode(images)
    return hidden(x, model.array("W1")) if model.network == 2 else x


def infer(model: Model, images: npt.NDArray[np.uint8]) -> Int64:
    """Goodness int64 (n, k) of every label of uint8 (n, height, width), as the device computes it.

    Raises:
        DataError: The images have another shape than the model's.
    """
    if images.shape[1:] != (model.height, model.width):
        raise DataError(
            f"The images are {images.shape[1]}x{images.shape[2]}, "
            f"the model is for {model.height}x{model.width}."
        )
    return goodness(class_features(model, images), model.array("W2"), model.array("V2"))


def train(samples: Samples, options: Options | None = None) -> Model:
    """Train as train.py does, but with float64 where the device has float32.

    Raises:
        DataError: There are too few or too many images or classes.
    """
    options = options or Options()
    network = 2 if options.network == "uff2" else 1
    k, n = len(samples.class_names), len(samples)
    if not 2 <= k <= MAX_CLASSES:
        raise DataError(f"{k} classes: training needs 2 to {MAX_CLASSES}.")
    if min(samples.counts()) == 0:
        name = samples.class_names[samples.counts().index(0)]
        raise DataError(f"The class {name} has no image: training needs one of every class.")
    if n > MAX_IMAGES:
        raise DataError(f"{n} images: the exact sums of {MAX_IMAGES} fit into int32.")
    strength = snap(options.strength or STRENGTH[network])
    lambda1 = snap(options.lambda1)
    x = encode(samples.images)
    f = x
    arrays: dict[bytes, Array] = {}
    dual1 = False
    gram1 = gram2 = 0
    if network == 2:
        dual1 = uses_dual(options.form, n, x.shape[1])
        square1 = kernel(x) if dual1 else gram(x)
        gram1 = crc(square1)
        a, b = pairs(samples.labels, k, options.hidden, options.seed)
        w1 = round_half_away(W1_UNIT * contrast_layer(x, a, b, lambda1))
        arrays[b"W1  "] = Array(w1.astype(np.int16), 14)
        f = hidden(x, arrays[b"W1  "].data)
    dual2 = uses_dual(options.form, *f.shape)
    square2 = kernel(f) if dual2 else gram(f)
    if network == 2:
        gram2 = crc(square2)
    else:
        gram1 = crc(square2)

    problem = ClassProblem(f, samples.labels, k, strength)
    if options.lambda2 == "loo":
        lambda2 = problem.best_lambda()
    else:
        lambda2 = snap(options.lambda2 or LAMBDA2[network])
    layer = problem.solve(lambda2)
    e = exponent_of(layer)
    w2, v2 = quantise(layer, e)
    fitted = predict(goodness(f, w2, v2))
    arrays[b"W2  "] = Array(w2, e)
    arrays[b"V2  "] = Array(v2, e + 9)
    arrays[b"FIT "] = Array(fitted[None])
    loo_correct = None
    if options.leave_one_out or options.lambda2 == "loo":
        left_out = problem.leave_one_out(lambda2).labels
        loo_correct = int((left_out == samples.labels).sum())
        arrays[b"LOO "] = Array(left_out[None])
    if options.statistics:
        sums = np.stack([f[samples.labels == c].sum(axis=0, dtype=np.int32) for c in range(k)])
        arrays[b"GRAM"] = Array(pack_lower(square2)[None], 18)
        arrays[b"SUMS"] = Array(sums, 9)
        arrays[b"CNT "] = Array(np.array([samples.counts()], np.int32))
        if network == 2:
            arrays[b"GRM1"] = Array(pack_lower(square1)[None], 18)
    return Model(
        network=network,
        height=samples.height,
        width=samples.width,
        n_hidden=options.hidden if network == 2 else 0,
        n_images=n,
        seed=options.seed,
        strength=strength,
        lambda1=lambda1 if network == 2 else 0.0,
        lambda2=lambda2,
        class_names=list(samples.class_names),
        fitted_correct=int((fitted == samples.labels).sum()),
        loo_correct=loo_correct,
        gram1_crc=gram1,
        gram2_crc=gram2,
        dual1=dual1,
        dual2=dual2,
        lambda_chosen=options.lambda2 == "loo",
        arrays=arrays,
    )
