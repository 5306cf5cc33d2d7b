"""What each function of `ridge` must do with sound arguments, in numpy: exact where it is
integers, within rounding bounds where it is floats. ridge.pyi is the text behind it.

A reference takes the arguments by name, arrays as they are before the call, and gives a Want.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from core import layers

Values = dict[str, Any]
Check = Callable[[np.ndarray], str]

INT32_MAX = 2**31 - 1
UNIT, WEIGHT, PANEL, ROWS, BATCH = 512, 16384, 16, 32, 64
U = 2.0**-24
F32 = np.float32


@dataclass
class Want:
    """What a call must come to: an exception's name, or arrays and a result.

    arrays: what an output holds afterwards, or a check that says what is wrong with it.
    free: outputs that may hold anything, also after the exception. may: an exception that is
    allowed beside success.
    """

    error: str = ""
    arrays: dict[str, np.ndarray | Check] = field(default_factory=dict)
    result: str | None = "None"  # None: any
    free: tuple[str, ...] = ()
    may: str = ""


def packed_len(m: int) -> int:
    return m * (m + 1) // 2


def order_of(packed: np.ndarray) -> int:
    return (math.isqrt(8 * len(packed) + 1) - 1) // 2


def lower_half(square: np.ndarray) -> np.ndarray:
    return square[np.tril_indices(len(square))]


def lower_of(packed: np.ndarray) -> np.ndarray:
    m = order_of(packed)
    a = np.zeros((m, m))
    a[np.tril_indices(m)] = packed
    return a


def symmetric(packed: np.ndarray) -> np.ndarray:
    a = lower_of(packed)
    return a + np.tril(a, -1).T


def factor_of(packed: np.ndarray) -> np.ndarray:
    """L, whose diagonal is kept as reciprocals."""
    lower = lower_of(packed)
    with np.errstate(divide="ignore"):
        np.fill_diagonal(lower, 1 / np.diag(lower))
    return lower


def gamma(k: int) -> float:
    return k * U / (1 - k * U)


def rounded(x: np.ndarray) -> np.ndarray:
    """float32 to whole numbers, halves away from zero; the sum is exact in float64."""
    return np.copysign(np.floor(np.abs(x.astype(float)) + 0.5), x)


def wrapped(x: np.ndarray) -> np.ndarray:
    return x.astype(np.int64).astype(np.uint32).view(np.int32)


def within(want: np.ndarray, bound: np.ndarray | float) -> Check:
    """Each element within its bound."""

    def check(got: np.ndarray) -> str:
        off = np.abs(got.astype(float) - want.ravel())
        limit = np.broadcast_to(bound, want.shape).ravel()
        bad = np.flatnonzero(~(off <= limit) & np.isfinite(limit))
        if not len(bad):
            return ""
        i = bad[0]
        return f"element {i}: want {want.ravel()[i]} within {limit[i]}, got {got[i]}"

    return check


def squares(rows: np.ndarray) -> np.ndarray:
    """Sum of squares of each row, in Python's integers."""
    return (rows.astype(object) ** 2).sum(1) if rows.size else np.zeros(len(rows), object)


# ---- integers ----


def encode(v: Values) -> Want:
    images, keep = v["images"], v["keep"]
    n = len(v["x"]) // len(keep)
    if n == 0:
        return Want()
    d = len(images) // n
    if keep.max() >= d:
        return Want("ValueError")
    pixels = images.reshape(n, d)[:, keep]
    total = pixels.sum(1, dtype=np.int64).astype(F32)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = rounded(np.sqrt(pixels.astype(F32)) * (F32(UNIT) / np.sqrt(total))[:, None])
    x[total == 0] = 0
    return Want(arrays={"x": x.astype(np.int16)})


def gram(v: Values) -> Want:
    m = order_of(v["g"])
    x = v["x"].reshape(-1, m).astype(np.int64)
    batch = len(x) * int(np.max(x**2, initial=0))
    diagonal = np.diag(lower_of(v["g"]))
    remove = v.get("remove", False)
    if batch > INT32_MAX or (not remove and max(diagonal.max(), 0) + batch > INT32_MAX):
        return Want("OverflowError")
    add = x.T @ x
    if remove and np.any(np.diag(add) > diagonal):
        return Want("ValueError")
    return Want(arrays={"g": wrapped(v["g"] + (-1 if remove else 1) * lower_half(add))})


def kernel(v: Values) -> Want:
    x = v["x"].reshape(-1, v["m"]).astype(np.int64)
    if np.any(np.sum(x**2, 1) > INT32_MAX):
        return Want("OverflowError")
    k = v["k"].copy()
    first, last = packed_len(v.get("first", 0)), packed_len(len(x))
    k[first:last] = lower_half(x @ x.T)[first:]
    return Want(arrays={"k": k})


def class_sums(v: Values) -> Want:
    labels, counts, remove = v["labels"], v["counts"].astype(np.int64), v.get("remove", False)
    k, m = len(counts), len(v["sums"]) // len(counts)
    if np.any(labels >= k):
        return Want("ValueError")
    own = (labels == np.arange(k)[:, None]).astype(np.int64)
    add = own.sum(1)
    if remove and np.any(add > counts):
        return Want("ValueError")
    if not remove and np.any(add + counts > 65535):
        return Want("OverflowError")
    sign = -1 if remove else 1
    x = v["x"].reshape(len(labels), m).astype(np.int64)
    return Want(
        arrays={
            "sums": wrapped(v["sums"] + sign * (own @ x).ravel()),
            "counts": wrapped(counts + sign * add),
        }
    )


def crc32(v: Values) -> Want:
    return Want(result=str(zlib.crc32(v["data"].tobytes(), v.get("crc", 0) & 0xFFFFFFFF)))


def trace(v: Values) -> Want:
    return Want(result=str(sum(map(int, np.diag(lower_of(v["g"]))))))


def merge(v: Values) -> Want:
    b = v["b"].astype(np.int64)
    total = v["a"] + (-b if v.get("remove") else b)
    if np.any(total != wrapped(total)):
        return Want("OverflowError")
    return Want(arrays={"a": total.astype(np.int32)})


def too_long(rows: np.ndarray) -> bool:
    """Whether a product of these rows with int16 might leave int32."""
    return any(int(total) * rows.shape[1] > 2**32 - 4 for total in squares(rows))


def project(v: Values) -> Want:
    m = v["m"]
    x, w = v["x"].reshape(-1, m), v["w"].reshape(-1, m)
    if too_long(x):
        return Want("OverflowError")
    z = np.maximum(x.astype(np.int64) @ w.astype(np.int64).T, 0)
    total = [int(row) for row in squares(z)]
    if max(total, default=0) > 2**63:
        return Want("OverflowError", free=("h",))
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = F32(UNIT) / np.sqrt(np.array(total, np.uint64).astype(F32))
        h = rounded(z.astype(F32) * scale[:, None])
    h[np.array(total, np.uint64) == 0] = 0
    return Want(arrays={"h": h.astype(np.int16).ravel()})


def nearest(v: Values) -> Want:
    x = v["x"]
    if too_long(x[None]):
        return Want("OverflowError")
    products = v["rows"].reshape(-1, len(x)).astype(np.int64) @ x.astype(np.int64)
    return Want(result=f"({products.argmax()}, {products.max()})")


def extent(v: Values) -> Want:
    x = v["x"].reshape(-1, v["m"])
    return Want(
        result=f"({x.min(initial=0) if len(x) == 0 else x.min()}, {max(squares(x), default=0)})"
    )


def outputs(v: Values) -> Want:
    f, w = v["f"].reshape(-1, v["m"]), v["w"].reshape(-1, v["m"])
    if too_long(f):
        return Want("OverflowError")
    return Want(arrays={"z": (f.astype(np.int64) @ w.astype(np.int64).T).ravel()})


def goodness_fits(f: np.ndarray, w: np.ndarray, v: np.ndarray) -> bool:
    room = 700000000 - int(np.abs(v.astype(np.int64)).max())
    longest = int(max(squares(f), default=0)) * int(max(squares(w), default=0))
    return room > 0 and longest < room * room


def goodness(v: Values) -> Want:
    k = math.isqrt(len(v["v"]))
    w, weights = v["w"].reshape(k, -1), v["v"].reshape(k, k)
    f = v["f"].reshape(-1, w.shape[1])
    if not goodness_fits(f, w, weights):
        return Want("OverflowError")
    z = (f.astype(np.int64) @ w.astype(np.int64).T)[:, :, None] + weights
    good = (np.maximum(z, 0) ** 2).sum(1)
    arrays = {"good": good.ravel()}
    if v.get("labels") is not None:
        arrays["labels"] = good.argmax(1).astype(np.uint8)
    return Want(arrays=arrays)


LARGEST_PHI = 1719926784  # of an inner product of 1.25


def powers(v: Values) -> Want:
    k = v["k"].copy()
    touched = slice(packed_len(v["first"]), packed_len(v["last"]))
    if not products_fit(k[touched]):
        return Want("OverflowError")
    k[touched] = layers.phi(k[touched])
    return Want(arrays={"k": k})


def products_fit(u: np.ndarray) -> bool:
    return bool(np.all((u >= -layers.ONE) & (4 * u.astype(np.int64) <= 5 * layers.ONE)))


def kernel_outputs_fit(alpha: np.ndarray, v: np.ndarray, shift: int) -> bool:
    room = 700000000 - int(np.abs(v.astype(np.int64)).max())
    sums = np.abs(alpha.astype(np.int64)).sum(1)
    return room > 0 and all(int(total) * LARGEST_PHI >> shift < room for total in sums)


def goodness_of_powers(phi: np.ndarray, v: Values, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Goodness and labels from phi (n, stored)."""
    alpha = v["alpha"].reshape(k, -1).astype(np.int64)
    z = phi @ alpha.T >> v["shift"]
    good = (np.maximum(z[:, :, None] + v["v"].reshape(k, k).astype(np.int64), 0) ** 2).sum(1)
    return good, good.argmax(1).astype(np.uint8)


def kernel_goodness(v: Values) -> Want:
    k = math.isqrt(len(v["v"]))
    alpha = v["alpha"].reshape(k, -1)
    rows = v["rows"].reshape(alpha.shape[1], -1)
    f = v["f"].reshape(-1, rows.shape[1])
    if not kernel_outputs_fit(alpha, v["v"], v["shift"]) or too_long(f):
        return Want("OverflowError")
    u = f.astype(np.int64) @ rows.astype(np.int64).T
    if not products_fit(u):
        return Want("OverflowError", free=("good", "labels"))
    return _goodness_and_labels(layers.phi(u), v, k)


def _goodness_and_labels(phi: np.ndarray, v: Values, k: int) -> Want:
    good, labels = goodness_of_powers(phi, v, k)
    arrays: dict[str, np.ndarray | Check] = {"good": good.ravel()}
    if v.get("labels") is not None:
        arrays["labels"] = labels
    return Want(arrays=arrays)


def gram_goodness(v: Values) -> Want:
    k, n = math.isqrt(len(v["v"])), v["n"]
    if not kernel_outputs_fit(v["alpha"].reshape(k, n), v["v"], v["shift"]):
        return Want("OverflowError")
    phi = symmetric_ints(v["k"][: packed_len(n)])[v["first"] : v["last"]]
    if np.any((phi < 0) | (phi > LARGEST_PHI)):
        return Want("OverflowError", free=("good", "labels"))
    return _goodness_and_labels(phi, v, k)


def symmetric_ints(packed: np.ndarray) -> np.ndarray:
    m = order_of(packed)
    a = np.zeros((m, m), np.int64)
    a[np.tril_indices(m)] = packed
    return a + np.tril(a, -1).T


# ---- images and patches ----


def copies(v: Values) -> Want:
    image = v["image"].reshape(v["height"], v["width"])
    first, count = v.get("first", 1), len(v["out"]) // image.size
    made = [layers.copy_by_hand(image, first + i) for i in range(count)]
    return Want(arrays={"out": np.array(made, np.uint8).ravel()})


def patch_work_bytes(v: Values) -> Want:
    q = v.get("q", 0)
    return Want(result=str(max(patch_gram_bytes(), patch_features_bytes(q) if q else 0)))


def patch_gram_bytes() -> int:
    return 2 * BATCH * layers.LENGTH + gram_work_bytes(layers.LENGTH)


def patch_features_bytes(q: int) -> int:
    return 4 * (16 * 2 * q + q // 4 * 124 + 294)


def mirror_features_bytes(q: int) -> int:
    return 4 * (13 * 4 * q + q // 2 * 124 + 294 + 2 * q + 36 * q)


def mirror_work_bytes(v: Values) -> Want:
    return Want(result=str(mirror_features_bytes(v["q"])))


def patch_gram(v: Values) -> Want:
    shape = v["height"], v["width"]
    x = v["x"].reshape(-1, shape[0] * shape[1])
    remove = v.get("remove", False)
    batch = 12 * len(x) * int(np.max(x.astype(np.int64) ** 2, initial=0))
    diagonal = np.diag(symmetric_ints(v["g"]))
    largest = max(0, int(np.abs(v["sums"].astype(np.int64)).max()))
    largest = largest if remove else max(largest, int(diagonal.max()))
    if batch > INT32_MAX - largest:
        return Want("OverflowError")
    p = layers.counted_patches(x, shape)
    add = p.T @ p
    if remove and np.any(np.diag(add) > diagonal):
        return Want("ValueError")
    sign = -1 if remove else 1
    return Want(
        arrays={
            "g": wrapped(v["g"] + sign * lower_half(add)),
            "sums": wrapped(v["sums"] + sign * p.sum(0)),
        },
        result=str(len(p)),
    )


def patch_contrast(v: Values) -> Want:
    shape = v["height"], v["width"]
    x = v["x"].reshape(-1, shape[0] * shape[1])
    if len(v["a"]) and max(v["a"].max(), v["b"].max()) >= len(x):
        return Want("ValueError")
    if not len(v["a"]):
        return Want()
    seed = v["seed"] & 0xFFFFFFFF
    return Want(arrays={"out": layers.contrast_by_hand(x, shape, v["a"], v["b"], seed).ravel()})


def patch_filters(v: Values) -> Want:
    if not np.all(np.isfinite(v["b"])):
        return Want("ValueError")

    def short(w: np.ndarray) -> str:
        longest = max(squares(w.reshape(-1, layers.LENGTH)))
        return "" if longest < 2**29 else f"squares of {longest} in a filter"

    def small(bias: np.ndarray) -> str:
        largest = int(np.abs(bias.astype(np.int64)).max())
        return "" if largest <= 2**24 else f"a bias of {largest}"

    return Want(arrays={"w": short, "bias": small}, result=None)


def patch_features(v: Values) -> Want:
    return pooled_features(v, layers.features_by_hand)


def mirror_features(v: Values) -> Want:
    return pooled_features(v, layers.mirror_features_by_hand)


def pooled_features(v: Values, by_hand: Callable[..., np.ndarray]) -> Want:
    shape = v["height"], v["width"]
    x = v["x"].reshape(-1, shape[0] * shape[1])
    w = v["w"].reshape(-1, layers.LENGTH)
    offsets = np.abs(v["bias"].astype(np.int64)) + v["threshold"]
    if max(squares(w)) >= 2**29 or offsets.max() > 2**25 or max(squares(x), default=0) > 3 << 17:
        return Want("OverflowError")
    if not len(x):
        return Want()
    f = by_hand(x, shape, w, v["bias"], v["threshold"])
    return Want(arrays={"f": f.ravel()})


# ---- workspace ----


def gram_work_bytes(m: int) -> int:
    return 2 * ((m + 3) // 4 * 4 * BATCH)


def kernel_work_bytes(m: int) -> int:
    return 2 * ((m + 31) // 32 * 32 * (ROWS + 4))


def project_work_bytes(n: int, m: int, q: int) -> int:
    rows = min(n, ROWS)
    return 4 * rows * q + (kernel_work_bytes(m) if rows >= 4 else 0)


def panel_bytes(m: int) -> int:
    return 4 * 2 * m * PANEL


def work_bytes(v: Values) -> Want:
    m, q = v["m"], v.get("q", 0)
    needs = gram_work_bytes(m), kernel_work_bytes(m), project_work_bytes(ROWS, m, q)
    return Want(result=str(max(*needs, panel_bytes(m))))


def kernels(v: Values) -> Want:
    """The unix port has the plain set alone."""
    return Want(result="'plain'") if v.get("name", "plain") == "plain" else Want("ValueError")


# ---- floats ----


def factor(v: Values) -> Want:
    m = order_of(v["l"])
    first, last = v.get("first", 0), v.get("last", m)
    touched = slice(packed_len(first), packed_len(last))
    if first > 0:  # rows of no earlier call: only what is left alone can be told

        def outside(got: np.ndarray) -> str:
            same = got.copy()
            same[touched] = v["l"][touched]
            return "" if same.tobytes() == v["l"].tobytes() else "rows outside were touched"

        return Want(arrays={"l": outside}, free=("l",), may="ValueError")
    gram = symmetric(v["gram"].astype(float))
    scale, diagonal, rank1 = v.get("scale", 1.0), v.get("diagonal", 0.0), v.get("rank1", 0.0)
    vector = v["v"].astype(float) if v.get("v") is not None else np.ones(m)
    parts = [scale * gram, rank1 * np.outer(vector, vector), diagonal * np.eye(m)]
    a = sum(parts)[:last, :last]
    size = sum(np.abs(part) for part in parts)[:last, :last]
    spectrum = np.linalg.eigvalsh(a) if last else np.ones(1)
    sound = spectrum[0] > 1e-4 * max(spectrum[-1], np.max(size, initial=0))

    def check(got: np.ndarray) -> str:
        if got[packed_len(last) :].tobytes() != v["l"][packed_len(last) :].tobytes():
            return "rows behind the last were touched"
        lower = factor_of(got[: packed_len(last)])
        bound = gamma(m + 8) * (np.abs(lower) @ np.abs(lower).T) + 5 * U * size
        off = np.abs(lower @ lower.T - a)
        return "" if np.all(off <= bound) else f"off by {np.max(off - bound)} more than allowed"

    return Want(arrays={"l": check}, free=("l",), may="" if sound else "ValueError")


def solve(v: Values) -> Want:
    b = v["b"].reshape(order_of(v["l"]), -1)
    if not np.all(np.isfinite(b)):
        return Want("ValueError")
    b = b.astype(float)
    lower = factor_of(v["l"])

    def check(got: np.ndarray) -> str:
        x = got.reshape(b.shape).astype(float)
        size = np.abs(lower) @ (np.abs(lower.T) @ np.abs(x))
        off = np.abs(lower @ (lower.T @ x) - b)
        bound = 3 * gamma(len(b) + 3) * size + 1e-30
        return "" if np.all(off <= bound) else f"off by {np.max(off - bound)} more than allowed"

    return Want(arrays={"x": check}, free=("x",), may="ValueError")


def leverage(v: Values) -> Want:
    lower = factor_of(v["l"])
    m = len(lower)
    u = v["f"].reshape(-1, m) / UNIT - v["ratio"] * v["total"].astype(float)
    return Want(arrays={"out": squares_solved(lower, u.T)})


def solved(lower: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """L^-1 u, and how far float32 may be from it: as far as the bounds of L^-1 say."""
    size = np.abs(u)
    inverse = np.linalg.inv(lower) if len(lower) else lower
    y = inverse @ u
    amplified = np.abs(inverse) @ (np.abs(lower) @ (np.abs(inverse) @ size)) + np.abs(y)
    return y, 2 * gamma(2 * len(lower) + 8) * amplified


def squares_solved(lower: np.ndarray, u: np.ndarray) -> Check:
    """|L^-1 u|^2 of each column."""
    y, error = solved(lower, u)
    return within((y**2).sum(0), (2 * np.abs(y) * error + error**2).sum(0) + 1e-30)


def products_solved(lower: np.ndarray, u: np.ndarray) -> Check:
    """(L^-1 u)' L^-1 u."""
    y, error = solved(lower, u)
    size = np.abs(y) + gamma(len(lower) + 2)
    bound = size.T @ error + error.T @ size + error.T @ error
    return within(y.T @ y, bound + gamma(len(lower) + 2) * (np.abs(y).T @ np.abs(y)) + 1e-30)


def leverage_block(v: Values) -> Want:
    lower = factor_of(v["l"])
    u = v["f"].reshape(-1, len(lower)) / UNIT - v["ratio"] * v["total"].astype(float)
    return Want(arrays={"out": products_solved(lower, u.T)})


def inverse_block(v: Values) -> Want:
    lower = factor_of(v["l"][: packed_len(v["m"])])
    columns = np.eye(len(lower))[:, v["first"] : v["last"]]
    return Want(arrays={"out": products_solved(lower, columns)})


def leave_group_out(v: Values) -> Want:
    """What it gives is compared with retraining elsewhere; here it is a label and finite."""
    k = len(v["numbers"]) // 4
    if np.any(v["labels"] >= k):
        return Want("ValueError")
    finite = all(np.all(np.isfinite(v[name])) for name in ("block", "residual"))

    def label(got: np.ndarray) -> str:
        return "" if np.all(got < k) else "a label that no class has"

    def number(got: np.ndarray) -> str:
        return "" if np.all(np.isfinite(got)) else "not finite"

    arrays: dict[str, np.ndarray | Check] = {
        "predicted": label,
        "residuals": number,
        "margins": number,
    }
    outputs = tuple(arrays)
    return Want(arrays=arrays, free=outputs, may="ValueError") if finite else Want("ValueError")


def inverse_diagonal(v: Values) -> Want:
    lower = factor_of(v["l"])
    m = len(lower)
    rows = slice(v.get("first", 0), v.get("last", m))
    inside = squares_solved(lower, np.eye(m)[:, rows])

    def check(got: np.ndarray) -> str:
        untouched = np.ones(m, bool)
        untouched[rows] = False
        if got[untouched].tobytes() != v["out"][untouched].tobytes():
            return "elements outside were touched"
        return inside(got[rows])

    return Want(arrays={"out": check})


def combine(v: Values) -> Want:
    x, c = v["x"].reshape(v["n"], -1).astype(float), v["c"].reshape(v["n"], -1).astype(float)
    bound = gamma(v["n"] + 2) * (np.abs(x).T @ np.abs(c))
    return Want(arrays={"out": within(x.T @ c, bound)})


def contrast(v: Values) -> Want:
    x, a, b = v["x"].reshape(-1, v["m"]), v["a"], v["b"]
    if len(a) and max(a.max(), b.max()) >= len(x):
        return Want("ValueError")
    difference = x[a].astype(np.int32) - x[b] if len(a) else np.zeros((0, v["m"]))
    return Want(arrays={"out": difference.T.astype(F32).ravel()})


def class_targets(v: Values) -> Want:
    m = len(v["total"])
    sums, counts = v["sums"].reshape(-1, m).astype(float), v["counts"].astype(float)
    total = sums.sum(0) / UNIT
    # float32 of an integer sum, one product; then counts, ratio and an fmaf.
    taken = v["ratio"] * np.outer(total, counts)
    size = np.abs(taken) + np.abs(sums.T) / UNIT
    return Want(
        arrays={
            "total": within(total, 2 * U * np.abs(total)),
            "b": within(sums.T / UNIT - taken, 6 * U * size),
        }
    )


def total_dot(v: Values) -> Want:
    total, p = v["total"].astype(float), len(v["out"])
    b = v["b"].reshape(len(total), p).astype(float)
    bound = gamma(len(total) + 1) * (np.abs(total) @ np.abs(b))
    return Want(arrays={"out": within(total @ b, bound)})


def unit_rows(v: Values) -> Want:
    b = v["b"].reshape(v["m"], -1)
    if not np.all(np.isfinite(b)):
        return Want("ValueError")
    b = b.astype(float)
    largest = np.max(np.abs(b), axis=0, initial=0)
    scaled = b / np.where(largest == 0, 1, largest)
    length = np.sqrt((scaled**2).sum(0))
    exact = WEIGHT * scaled / np.where(length == 0, 1, length)
    exact[:, largest < float(np.finfo(F32).tiny)] = 0
    return Want(arrays={"w": within(exact.T, 0.5 + gamma(v["m"] + 10) * WEIGHT)})


def quantise(v: Values) -> Want:
    b = v["b"].reshape(v["m"], -1)
    if not np.all(np.isfinite(b)):
        return Want("ValueError")
    largest = float(np.max(np.abs(b), initial=0))
    exponent = min(15 - math.frexp(largest)[1], v["limit"])
    while math.ldexp(largest, exponent) + 0.5 >= 32768:
        exponent -= 1
    w = rounded(b.astype(float).T * 2.0**exponent)
    return Want(arrays={"w": w.astype(np.int16).ravel()}, result=str(exponent))


def leave_one_out(v: Values) -> Want:
    labels, k = v["labels"], math.isqrt(len(v["v"]))
    n = len(labels)
    offset, factor, unit, keep = v["numbers"]
    w, weights = v["w"].reshape(k, -1), v["v"].reshape(k, k)
    f, leverage = v["f"].reshape(n, w.shape[1]), v["leverage"].astype(float)
    if not np.all(np.isfinite(leverage)) or np.any(labels >= k):
        return Want("ValueError")
    if not goodness_fits(f, w, weights):
        return Want("OverflowError")
    z = (f.astype(np.int64) @ w.astype(np.int64).T)[:, :, None] + weights
    class_targets = v["targets"].astype(float) if v.get("targets") is not None else np.ones(2 * k)
    target, gain = np.zeros((n, k, k)), np.ones((n, k, 1))
    target[np.arange(n), labels, labels] = class_targets[labels]
    gain[np.arange(n), labels, 0] = class_targets[k + labels]
    r = target - z * unit
    slack = offset + factor * leverage
    sure = slack > 0.05 * keep  # else rounding is magnified: not checked here
    shared = (keep - slack) / k / np.where(sure, slack, 1)
    error = (r + shared[:, None, None] * r.sum(2, keepdims=True)) / keep
    output = (target - error) * gain
    good = np.sum(np.maximum(output, 0) ** 2, 1)
    squares_ = np.sum((target - output) ** 2, (1, 2))
    size = np.sum((np.abs(output) + np.abs(target) + np.abs(r).sum(2, keepdims=True)) ** 2, (1, 2))
    size = size * (1 + np.abs(shared)) ** 2 * (1 + gain.max((1, 2))) ** 2
    others = good.copy()
    others[np.arange(n), labels] = -1
    right = good[np.arange(n), labels]
    bound = np.where(sure, 1e-4 * size + 1e-30, np.inf)

    def predicted(got: np.ndarray) -> str:
        best = good.max(1, initial=0)
        bad = sure & (best - good[np.arange(n), np.minimum(got, k - 1)] > bound)
        return f"image {np.flatnonzero(bad)[0]}: not the best label" if bad.any() else ""

    return Want(
        arrays={
            "predicted": predicted,
            "residual": within(squares_, bound),
            "margin": within(right - others.max(1, initial=-1), bound),
        }
    )
