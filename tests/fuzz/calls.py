"""Random calls of every function of `ridge`, sound and hostile, and what may come of them.

FUNCTIONS is the one table: each function's parameters with their shapes, ranges and what to fill
them with. A sound call must give what its reference says. A hostile one is a sound one changed in
size, typecode, alignment, aliasing, value, number of arguments, or with numbers that run Python
when they are converted (`tests/device/ridge_evil.py`): it may be refused, with nothing changed,
or taken, and never crash; where it is sure to be wrong it must be refused.

A case is JSON, one line for the firmware (device/fuzz_calls.py):

    blocks  memory: {kind: guarded, array, bytearray or bytes; typecode, data in hex, skip}
    args    ["block", i]  ["slice", i, first, last]  ["int", text]  ["float", 4 bytes in hex]
            ["list" or "tuple", [...]]  ["evil", arg, deed, ...]  ["none"] ["true"] ["false"] ...
    named   the same by keyword
    hostile what was changed; sure: whether it must be refused
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import references
from .references import Values, Want, packed_len

Rng = np.random.Generator
Dims = dict[str, int]
Fill = Callable[[Rng, Dims, int], np.ndarray]
Case = dict[str, Any]

DTYPES = {"B": "<u1", "b": "<i1", "h": "<i2", "H": "<u2", "i": "<i4", "I": "<u4", "q": "<i8"}
DTYPES |= {"f": "<f4", "d": "<f8"}
ERRORS = ("TypeError", "ValueError", "OverflowError")
# Around the tiles, panels and batches of the kernels, and what lies between.
SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 23, 31, 32, 33, 36, 40, 47, 48, 63, 64, 65]


# ---- the table ----


@dataclass(frozen=True)
class Array:
    """An array of `shape` elements, an expression of the dimensions (of bytes for a workspace)."""

    name: str
    typecode: str
    shape: str
    fill: Fill | None = None
    role: str = "in"  # in, out, both or work
    longer: bool = False  # may be longer than its shape says
    optional: bool = False
    typed: bool = False  # raw bytes would count as another type


@dataclass(frozen=True)
class Number:
    """A number from low to high (expressions), as kind says: int, bits, float or flag.

    exact: whether any other is refused, whatever the other arguments.
    """

    name: str
    kind: str
    low: str = "0"
    high: str = "0"
    optional: bool = False
    keyword: bool = False
    exact: bool = False


@dataclass(frozen=True)
class Numbers:
    """leave_one_out's tuple or list."""

    name: str
    fill: Callable[[Rng, Dims], list[float]]


@dataclass(frozen=True)
class Choice:
    """A str, or none."""

    name: str
    values: tuple[str, ...]


Parameter = Array | Number | Numbers | Choice


@dataclass(frozen=True)
class Function:
    """A function of `ridge`: its dimensions with their smallest and largest values, its
    parameters in order, and the reference.

    in_place: two arrays that may be the same.
    """

    dims: dict[str, tuple[int, int]]
    parameters: tuple[Parameter, ...]
    reference: Callable[[Values], Want]
    in_place: tuple[str, str] = ("", "")
    fit: Callable[[Dims], None] | None = None  # makes the dimensions go together


def pixels(rng: Rng, _: Dims, size: int) -> np.ndarray:
    dark = rng.random(size) < rng.choice([0.0, 0.3, 0.9, 1.0])
    return np.where(dark, 0, rng.integers(0, 256, size))


def rows(rng: Rng, dims: Dims, size: int) -> np.ndarray:
    """About the length of encoded images; now and then what int16 holds at all."""
    kind = rng.random()
    if kind < 0.07:
        return rng.choice([-32768, -32767, 0, 32767], size)
    if kind < 0.15:
        return rng.integers(-32768, 32768, size)
    largest = int(rng.choice([1, 30, int(512 / math.sqrt(max(dims.get("m", 1), 1))) + 1, 700]))
    low = int(rng.choice([0, -largest]))
    return np.where(rng.random(size) < 0.2, 0, rng.integers(low, largest + 1, size))


def weights(rng: Rng, _: Dims, size: int) -> np.ndarray:
    largest = int(rng.choice([100, 3000, 16384, 32767]))
    return rng.integers(-largest, largest + 1, size)


def ints(rng: Rng, _: Dims, size: int) -> np.ndarray:
    largest = int(rng.choice([0, 9, 1 << 18, 1 << 28, 2**31 - 1], p=[0.2, 0.2, 0.3, 0.2, 0.1]))
    return rng.integers(-largest, largest + 1, size)


def gram_before(rng: Rng, dims: Dims, size: int) -> np.ndarray:
    """Zeros, the Gram matrix of some rows, or anything."""
    kind = rng.random()
    if kind < 0.3:
        return np.zeros(size, np.int32)
    if kind < 0.9:
        m = dims["m"]
        x = rng.integers(-500, 501, (int(rng.integers(1, 40)), m))
        return references.lower_half(x.T @ x)
    return ints(rng, dims, size)


def gram_sound(rng: Rng, dims: Dims, _: int) -> np.ndarray:
    x = rng.integers(-300, 301, (dims["m"] + int(rng.integers(0, 9)), dims["m"]))
    return references.lower_half(x.T @ x)


def floats(rng: Rng, _: Dims, size: int) -> np.ndarray:
    """Of one magnitude, or of many, zeros among them; now and then not finite."""
    values = rng.standard_normal(size) * 10.0 ** rng.integers(-6, 7)
    if rng.random() < 0.2:
        values *= 10.0 ** rng.integers(-3, 4, size)
    values = np.where(rng.random(size) < 0.1, 0, values)
    if size and rng.random() < 0.05:
        values[rng.integers(size)] = rng.choice([np.nan, np.inf, -np.inf])
    return values


def finite(rng: Rng, dims: Dims, size: int) -> np.ndarray:
    return np.nan_to_num(floats(rng, dims, size), nan=0.5, posinf=2.0, neginf=-2.0)


def wide(rng: Rng, dims: Dims, size: int) -> np.ndarray:
    """floats(), or all that a float32 can be."""
    if rng.random() < 0.7:
        return floats(rng, dims, size)
    return rng.integers(0, 2**32, size, np.uint32).view(np.float32)


def lower_triangle(rng: Rng, dims: Dims, _: int) -> np.ndarray:
    """A factor, reciprocals on its diagonal, of modest condition."""
    m = dims["m"]
    a = np.tril(rng.uniform(-1, 1, (m, m)), -1) / max(m, 1)
    return references.lower_half(a + np.diag(rng.uniform(0.25, 4, m)))


def labels_below(dim: str) -> Fill:
    """Labels, now and then one too large."""

    def fill(rng: Rng, dims: Dims, size: int) -> np.ndarray:
        above = 1 if rng.random() < 0.05 else 0
        return rng.integers(0, max(min(dims[dim] + above, 256), 1), size)

    return fill


def counts(rng: Rng, dims: Dims, size: int) -> np.ndarray:
    return rng.integers(0, int(rng.choice([2, 100, 65536])), size)


def leverages(rng: Rng, _: Dims, size: int) -> np.ndarray:
    values = rng.uniform(0, 0.3, size)
    if size and rng.random() < 0.05:
        values[rng.integers(size)] = rng.choice([np.nan, np.inf])
    return values


def products(rng: Rng, _: Dims, size: int) -> np.ndarray:
    """Inner products of vectors of length 1, or about."""
    values = rng.integers(-(1 << 18), (1 << 18) + 1, size)
    if size and rng.random() < 0.1:
        values[rng.integers(size)] = rng.choice(
            [(1 << 18) * 5 // 4, (1 << 18) * 5 // 4 + 1, -(1 << 18) - 1]
        )
    return values


def phis(rng: Rng, _: Dims, size: int) -> np.ndarray:
    values = rng.integers(0, 1 << 30, size)
    if size and rng.random() < 0.1:
        values[rng.integers(size)] = rng.choice(
            [references.LARGEST_PHI, references.LARGEST_PHI + 1, -1]
        )
    return values


def unit_features(rng: Rng, dims: Dims, size: int) -> np.ndarray:
    """Rows of length 512, or about; none below 0."""
    largest = int(512 / math.sqrt(max(dims["m"], 1)) * rng.choice([1, 1, 1.1, 1.3]))
    return rng.integers(0, largest + 1, size)


def pictures(rng: Rng, dims: Dims, size: int) -> np.ndarray:
    """Encoded images, blank ones and parts among them; now and then too long."""
    n, side = dims["n"], dims["height"] * dims["width"]
    x = rng.random((n, side)) ** 3 * (rng.random((n, side)) < rng.choice([0.02, 0.5, 1]))
    length = np.sqrt((x**2).sum(1, keepdims=True))
    x = x / np.where(length == 0, 1, length) * rng.choice([300, 512, 512, 640])
    return np.round(x).ravel()


def filters(rng: Rng, _: Dims, size: int) -> np.ndarray:
    largest = int(rng.choice([50, 2000, 4000, 32767], p=[0.3, 0.3, 0.3, 0.1]))
    return rng.integers(-largest, largest + 1, size)


def biases(rng: Rng, _: Dims, size: int) -> np.ndarray:
    largest = int(rng.choice([0, 1 << 15, 1 << 23, 1 << 26], p=[0.3, 0.3, 0.3, 0.1]))
    return rng.integers(-largest, largest + 1, size)


def patch_statistics(rng: Rng, dims: Dims, size: int) -> np.ndarray:
    if rng.random() < 0.2:
        return ints(rng, dims, size)
    return gram_before(rng, {"m": 36}, size)


def patch_sums(rng: Rng, dims: Dims, size: int) -> np.ndarray:
    return rng.integers(-9000, 9000, size) if rng.random() < 0.8 else ints(rng, dims, size)


def square_block(rng: Rng, dims: Dims, size: int) -> np.ndarray:
    """Of an inverse: positive definite, or anything."""
    r = dims["groups"] * dims["group"]
    if rng.random() < 0.2:
        return floats(rng, dims, size)
    a = rng.standard_normal((r, r)) * 0.2
    return (a @ a.T + np.eye(r)).ravel()


def group_numbers(rng: Rng, _: Dims, size: int) -> np.ndarray:
    return rng.uniform(0.1, 2, size)


def left_out_numbers(rng: Rng, dims: Dims) -> list[float]:
    keep = rng.uniform(0.5, 1)
    return [keep, -dims["k"] / rng.choice([1, 4, 16]), 2.0 ** -rng.integers(10, 30), keep]


def work(name: str, bytes_: str) -> Array:
    return Array(name, "B", bytes_, None, "work", longer=True)


def flag(name: str) -> Number:
    return Number(name, "flag", optional=True)


def fit_block(dims: Dims) -> None:
    dims["r"] = min(dims["r"], dims["m"])


def fit_groups(dims: Dims) -> None:
    dims["groups"] = min(dims["groups"], 16 // dims["group"])


SHAPE = (Number("height", "int", "height", "height"), Number("width", "int", "width", "width"))
SIDES = {"height": (9, 14), "width": (9, 14)}

N, M, P, K = (0, 65), (1, 65), (0, 33), (1, 16)
WORK = {name: getattr(references, name) for name in ("gram_work_bytes", "kernel_work_bytes")}
WORK |= {"project_work_bytes": references.project_work_bytes}
WORK |= {"panel_bytes": references.panel_bytes, "packed": packed_len}
WORK |= {
    name: getattr(references, name)
    for name in ("patch_gram_bytes", "patch_features_bytes", "mirror_features_bytes")
}

FUNCTIONS: dict[str, Function] = {
    "encode": Function(
        {"n": (1, 20), "m": M, "d": (1, 300)},
        (
            Array("images", "B", "n * d", pixels),
            Array("keep", "H", "m", labels_below("d")),
            Array("x", "h", "n * m", None, "out"),
        ),
        references.encode,
    ),
    "gram": Function(
        {"n": (0, 150), "m": M},
        (
            Array("x", "h", "n * m", rows),
            Array("g", "i", "packed(m)", gram_before, "both"),
            work("work", "gram_work_bytes(m)"),
            flag("remove"),
        ),
        references.gram,
    ),
    "kernel": Function(
        {"n": N, "m": M},
        (
            Array("x", "h", "n * m", rows),
            Number("m", "int", "m", "m"),
            Array("k", "i", "packed(n)", ints, "both", longer=True),
            work("work", "kernel_work_bytes(m)"),
            Number("first", "int", "0", "n", optional=True, exact=True),
        ),
        references.kernel,
    ),
    "class_sums": Function(
        {"n": N, "m": M, "k": (1, 256)},
        (
            Array("x", "h", "n * m", rows),
            Array("labels", "B", "n", labels_below("k")),
            Array("sums", "i", "k * m", ints, "both"),
            Array("counts", "i", "k", counts, "both"),
            flag("remove"),
        ),
        references.class_sums,
    ),
    "work_bytes": Function(
        {},
        (
            Number("m", "int", "1", "65535", exact=True),
            Number("q", "int", "0", "65535", optional=True, exact=True),
        ),
        references.work_bytes,
    ),
    "kernels": Function({}, (Choice("name", ("plain", "m7", "", "Plain")),), references.kernels),
    "crc32": Function(
        {"n": (0, 300)},
        (
            Array("data", "B", "n", pixels),
            Number("crc", "bits", optional=True),
        ),
        references.crc32,
    ),
    "trace": Function({"m": M}, (Array("g", "i", "packed(m)", ints),), references.trace),
    "merge": Function(
        {"n": (0, 300)},
        (Array("a", "i", "n", ints, "both"), Array("b", "i", "n", ints), flag("remove")),
        references.merge,
    ),
    "project": Function(
        {"n": (0, 70), "m": M, "q": P},
        (
            Array("x", "h", "n * m", rows),
            Array("w", "h", "q * m", weights),
            Number("m", "int", "m", "m"),
            Array("h", "h", "n * q", None, "out"),
            work("work", "project_work_bytes(n, m, q)"),
        ),
        references.project,
    ),
    "nearest": Function(
        {"n": (1, 65), "m": M},
        (Array("x", "h", "m", rows), Array("rows", "h", "n * m", rows)),
        references.nearest,
    ),
    "extent": Function(
        {"n": N, "m": M},
        (Array("x", "h", "n * m", rows), Number("m", "int", "m", "m")),
        references.extent,
    ),
    "outputs": Function(
        {"n": N, "m": M, "q": P},
        (
            Array("f", "h", "n * m", rows),
            Array("w", "h", "q * m", weights),
            Number("m", "int", "m", "m"),
            Array("z", "i", "n * q", None, "out"),
        ),
        references.outputs,
    ),
    "powers": Function(
        {"n": (0, 40)},
        (
            Array("k", "i", "packed(n)", products, "both", longer=True),
            Number("first", "int", "0", "n"),
            Number("last", "int", "0", "n"),
        ),
        references.powers,
    ),
    "kernel_goodness": Function(
        {"n": (0, 20), "m": M, "stored": (1, 40), "k": K},
        (
            Array("f", "h", "n * m", unit_features),
            Array("rows", "h", "stored * m", unit_features),
            Array("alpha", "h", "k * stored", weights),
            Array("v", "i", "k * k", ints),
            Number("shift", "int", "0", "63", exact=True),
            Array("good", "q", "n * k", None, "out"),
            work("work", "4 * stored"),
            Array("labels", "B", "n", None, "out", optional=True),
        ),
        references.kernel_goodness,
    ),
    "gram_goodness": Function(
        {"n": (1, 40), "k": K},
        (
            Array("k", "i", "packed(n)", phis, longer=True),
            Number("n", "int", "n", "n"),
            Number("first", "int", "0", "n", exact=True),
            Number("last", "int", "0", "n", exact=True),
            Array("alpha", "h", "k * n", weights),
            Array("v", "i", "k * k", ints),
            Number("shift", "int", "0", "63", exact=True),
            Array("good", "q", "(last - first) * k", None, "out"),
            work("work", "4 * n"),
            Array("labels", "B", "last - first", None, "out", optional=True),
        ),
        references.gram_goodness,
    ),
    "copies": Function(
        {"height": (1, 12), "width": (1, 12), "count": (0, 4)},
        (
            Array("image", "B", "height * width", pixels),
            *SHAPE,
            Array("out", "B", "count * height * width", None, "out"),
            Number("first", "int", "1", "256 - max(count, 1)", optional=True, exact=True),
        ),
        references.copies,
    ),
    "patch_work_bytes": Function(
        {},
        (Number("q", "int", "0", "64", optional=True, exact=True),),
        references.patch_work_bytes,
    ),
    "patch_gram": Function(
        {"n": (0, 12), **SIDES},
        (
            Array("x", "h", "n * height * width", pictures),
            *SHAPE,
            Array("g", "i", "packed(36)", patch_statistics, "both"),
            Array("sums", "i", "36", patch_sums, "both"),
            work("work", "patch_gram_bytes()"),
            flag("remove"),
        ),
        references.patch_gram,
    ),
    "patch_contrast": Function(
        {"n": (1, 8), "p": (0, 8), **SIDES},
        (
            Array("x", "h", "n * height * width", pictures),
            *SHAPE,
            Array("a", "H", "p", labels_below("n")),
            Array("b", "H", "p", labels_below("n")),
            Number("seed", "bits"),
            Array("out", "f", "36 * p", None, "out"),
        ),
        references.patch_contrast,
    ),
    "patch_filters": Function(
        {"q": (1, 4)},
        (
            Array("b", "f", "36 * 4 * q", wide),
            Array("g", "i", "packed(36)", patch_statistics),
            Array("sums", "i", "36", patch_sums),
            Number("patches", "int", "1", "2000"),
            Array("w", "h", "36 * 4 * q", None, "out"),
            Array("bias", "i", "4 * q", None, "out"),
        ),
        references.patch_filters,
    ),
    "patch_features": Function(
        {"n": (0, 3), "q": (1, 3), **SIDES},
        (
            Array("x", "h", "n * height * width", pictures),
            *SHAPE,
            Array("w", "h", "36 * 4 * q", filters),
            Array("bias", "i", "4 * q", biases),
            Number("threshold", "int", "0", "1 << 20"),
            Array("f", "h", "n * 32 * 4 * q", None, "out"),
            work("work", "patch_features_bytes(4 * q)"),
        ),
        references.patch_features,
    ),
    "mirror_work_bytes": Function(
        {},
        (Number("q", "int", "1", "32", exact=True),),
        references.mirror_work_bytes,
    ),
    "mirror_features": Function(
        {"n": (0, 3), "q": (1, 3), "height": (11, 14), "width": (11, 14)},
        (
            Array("x", "h", "n * height * width", pictures),
            *SHAPE,
            Array("w", "h", "36 * 4 * q", filters),
            Array("bias", "i", "4 * q", biases),
            Number("threshold", "int", "0", "1 << 20"),
            Array("f", "h", "n * 48 * 4 * q", None, "out"),
            work("work", "mirror_features_bytes(4 * q)"),
        ),
        references.mirror_features,
    ),
    "leverage_block": Function(
        {"n": (1, 16), "m": M},
        (
            Array("l", "f", "packed(m)", lower_triangle),
            Array("f", "h", "n * m", rows),
            Array("total", "f", "m", finite),
            Number("ratio", "float", "-2", "2"),
            Array("out", "f", "n * n", None, "out"),
            work("work", "panel_bytes(m)"),
        ),
        references.leverage_block,
    ),
    "inverse_block": Function(
        {"m": M, "r": (1, 16)},
        (
            Array("l", "f", "packed(m)", lower_triangle, longer=True),
            Number("m", "int", "m", "m"),
            Number("first", "int", "0", "m - r"),
            Number("last", "int", "first + r", "first + r"),
            Array("out", "f", "r * r", None, "out"),
            work("work", "panel_bytes(m)"),
        ),
        references.inverse_block,
        fit=fit_block,
    ),
    "leave_group_out": Function(
        {"groups": (1, 16), "group": (1, 16), "k": (2, 16)},
        (
            Array("block", "f", "(groups * group) ** 2", square_block),
            Array("residual", "f", "groups * group * k", floats),
            Number("group", "int", "group", "group"),
            Array("labels", "B", "groups", labels_below("k")),
            Array("numbers", "f", "4 * k", group_numbers),
            Array("predicted", "B", "groups", None, "out"),
            Array("residuals", "f", "groups", None, "out"),
            Array("margins", "f", "groups", None, "out"),
        ),
        references.leave_group_out,
        fit=fit_groups,
    ),
    "goodness": Function(
        {"n": N, "m": M, "k": K},
        (
            Array("f", "h", "n * m", rows),
            Array("w", "h", "k * m", weights),
            Array("v", "i", "k * k", ints),
            Array("good", "q", "n * k", None, "out"),
            Array("labels", "B", "n", None, "out", optional=True),
        ),
        references.goodness,
    ),
    "factor": Function(
        {"m": M},
        (
            Array("gram", "i", "packed(m)", gram_sound, typed=True),
            Array("l", "f", "packed(m)", None, "both"),
            work("work", "panel_bytes(m)"),
            Number("first", "int", "0", "m", optional=True, keyword=True, exact=True),
            Number("last", "int", "0", "m", optional=True, keyword=True, exact=True),
            Number("scale", "float", "0", "1e-4", optional=True, keyword=True),
            Number("diagonal", "float", "0", "10", optional=True, keyword=True),
            Number("rank1", "float", "-1e-3", "1e-2", optional=True, keyword=True),
            Array("v", "f", "m", finite, optional=True),
        ),
        references.factor,
    ),
    "solve": Function(
        {"m": M, "p": P},
        (
            Array("l", "f", "packed(m)", lower_triangle),
            Array("b", "f", "m * p", floats),
            Array("x", "f", "m * p", None, "out"),
            work("work", "panel_bytes(m)"),
        ),
        references.solve,
        in_place=("b", "x"),
    ),
    "leverage": Function(
        {"n": N, "m": M},
        (
            Array("l", "f", "packed(m)", lower_triangle),
            Array("f", "h", "n * m", rows),
            Array("total", "f", "m", finite),
            Number("ratio", "float", "-2", "2"),
            Array("out", "f", "n", None, "out"),
            work("work", "panel_bytes(m)"),
        ),
        references.leverage,
    ),
    "inverse_diagonal": Function(
        {"m": M},
        (
            Array("l", "f", "packed(m)", lower_triangle),
            Array("out", "f", "m", None, "out"),
            work("work", "panel_bytes(m)"),
            Number("first", "int", "0", "m", optional=True, exact=True),
            Number("last", "int", "0", "m", optional=True, exact=True),
        ),
        references.inverse_diagonal,
    ),
    "combine": Function(
        {"n": (1, 65), "m": (0, 65), "p": P},
        (
            Array("x", "h", "n * m", rows),
            Array("c", "f", "n * p", finite),
            Number("n", "int", "n", "n"),
            Array("out", "f", "m * p", None, "out"),
        ),
        references.combine,
    ),
    "contrast": Function(
        {"n": (1, 65), "m": M, "p": P},
        (
            Array("x", "h", "n * m", rows),
            Number("m", "int", "m", "m"),
            Array("a", "H", "p", labels_below("n")),
            Array("b", "H", "p", labels_below("n")),
            Array("out", "f", "m * p", None, "out"),
        ),
        references.contrast,
    ),
    "class_targets": Function(
        {"m": M, "k": (0, 16)},
        (
            Array("sums", "i", "k * m", ints),
            Array("counts", "i", "k", counts),
            Number("ratio", "float", "-1", "1"),
            Array("total", "f", "m", None, "out"),
            Array("b", "f", "m * k", None, "out"),
        ),
        references.class_targets,
    ),
    "total_dot": Function(
        {"m": (0, 65), "p": P},
        (
            Array("total", "f", "m", finite),
            Array("b", "f", "m * p", finite),
            Array("out", "f", "p", None, "out"),
        ),
        references.total_dot,
    ),
    "unit_rows": Function(
        {"m": M, "p": P},
        (
            Array("b", "f", "m * p", wide),
            Number("m", "int", "m", "m"),
            Array("w", "h", "m * p", None, "out"),
        ),
        references.unit_rows,
    ),
    "quantise": Function(
        {"m": M, "p": P},
        (
            Array("b", "f", "m * p", wide),
            Number("m", "int", "m", "m"),
            Array("w", "h", "m * p", None, "out"),
            Number("limit", "int", "-100", "100", exact=True),
        ),
        references.quantise,
    ),
    "leave_one_out": Function(
        {"n": (0, 40), "m": M, "k": (2, 16)},
        (
            Array("f", "h", "n * m", rows),
            Array("w", "h", "k * m", weights),
            Array("v", "i", "k * k", ints),
            Array("labels", "B", "n", labels_below("k")),
            Array("leverage", "f", "n", leverages),
            Numbers("numbers", left_out_numbers),
            Array("predicted", "B", "n", None, "out"),
            Array("residual", "f", "n", None, "out"),
            Array("margin", "f", "n", None, "out"),
            Array("targets", "f", "2 * k", lambda rng, _, size: rng.uniform(0.5, 2, size),
                  optional=True),
        ),
        references.leave_one_out,
    ),
}  # fmt: skip


def value(expression: str, dims: Dims) -> Any:
    return eval(expression, {"__builtins__": {"max": max}}, {**WORK, **dims})


# ---- sound calls ----


def sound(rng: Rng, name: str) -> Case:
    """A call that the reference of this function judges."""
    function = FUNCTIONS[name]
    dims = {dim: _size(rng, *limits) for dim, limits in function.dims.items()}
    if function.fit:
        function.fit(dims)
    case: Case = {"function": name, "blocks": [], "args": [], "named": {}}
    case |= {"hostile": [], "sure": False, "ranges": {}}
    given: dict[str, Any] = {}
    # Positional arguments end where the first optional one is left out.
    more = True
    for parameter in function.parameters:
        keyword = getattr(parameter, "keyword", False) or (name, parameter.name) == ("factor", "v")
        if getattr(parameter, "optional", False) or isinstance(parameter, Choice):
            if keyword and rng.random() < 0.5:
                continue
            more = more and rng.random() < 0.7
            if not keyword and not more:
                continue
        arg = _argument(rng, parameter, dims, case, given)
        given[parameter.name] = arg
        if keyword:
            case["named"][parameter.name] = arg
        else:
            case["args"].append(arg)
    first, second = function.in_place
    if first and rng.random() < 0.3:
        case["args"][_place(function, second)] = given[first]
        if case["blocks"][given[first][1]]["kind"] == "bytes":
            case["blocks"][given[first][1]]["kind"] = "bytearray"
    if name == "factor" and rng.random() < 0.3:  # a system in floats
        block = case["blocks"][given["gram"][1]]
        system = np.frombuffer(bytes.fromhex(block["data"]), "<i4").astype("<f4")
        block |= {"typecode": "f", "data": system.tobytes().hex(), "kind": "guarded"}
        if given["gram"][0] == "slice":
            case["args"][0] = ["block", given["gram"][1]]
            block["data"] = system[given["gram"][2] : given["gram"][3]].tobytes().hex()
    return case


def _size(rng: Rng, low: int, high: int) -> int:
    if rng.random() < 0.2:
        return int(rng.integers(low, high + 1))
    return int(rng.choice([size for size in SIZES if low <= size <= high]))


def _place(function: Function, name: str) -> int:
    return [parameter.name for parameter in function.parameters].index(name)


def _argument(rng: Rng, parameter: Parameter, dims: Dims, case: Case, given: dict) -> list:
    if isinstance(parameter, Array):
        if parameter.optional and rng.random() < 0.2:
            return ["none"]
        return _array(rng, parameter, dims, case)
    if isinstance(parameter, Numbers):
        items = [float_arg(number) for number in parameter.fill(rng, dims)]
        return [str(rng.choice(["list", "tuple"])), items]
    if isinstance(parameter, Choice):
        return ["str", str(rng.choice(parameter.values))]
    if parameter.kind == "flag":
        return [["true"], ["false"], ["int", "1"], ["none"]][rng.integers(4)]
    if parameter.kind == "bits":
        return ["int", str(int(rng.integers(-(2**62), 2**62)) * int(rng.choice([1, 2**40])))]
    low, high = value(parameter.low, dims), value(parameter.high, dims)
    if parameter.exact:
        case["ranges"][parameter.name] = [low, high]
    if parameter.kind == "float":
        return float_arg(rng.uniform(low, high))
    if parameter.name == "last" and "first" in given:
        low = max(low, int(given["first"][1]))
    if parameter.name == "first" and rng.random() < 0.5:
        high = low
    dims[parameter.name] = int(rng.integers(low, high + 1))
    return ["int", str(dims[parameter.name])]


def float_arg(number: float) -> list:
    return ["float", struct.pack("<f", number).hex()]


def _array(rng: Rng, parameter: Array, dims: Dims, case: Case) -> list:
    size = value(parameter.shape, dims)
    if parameter.longer and rng.random() < 0.2:
        size += int(rng.integers(1, 20))
    typecode = parameter.typecode
    dtype = DTYPES[typecode]
    if parameter.fill:
        data = np.asarray(parameter.fill(rng, dims, size))
        if len(data) < size:  # longer than the shape
            data = np.concatenate([data, np.zeros(size - len(data), data.dtype)])
        if np.dtype(dtype).kind in "iu":
            info = np.iinfo(dtype)
            data = np.clip(data, info.min, info.max)
        with np.errstate(over="ignore", invalid="ignore"):
            data = data.astype(dtype)
    else:
        data = np.frombuffer(rng.bytes(size * np.dtype(dtype).itemsize), dtype)
    kind = rng.random()
    block = {"kind": "guarded", "typecode": typecode, "data": data.tobytes().hex(), "skip": 0}
    number = len(case["blocks"])
    case["blocks"].append(block)
    if kind < 0.7 or (parameter.typed and kind < 0.85):
        pass
    elif kind < 0.8:
        block["kind"] = "array"
    elif kind < 0.9:
        block["kind"] = (
            "bytearray" if parameter.role != "in" else str(rng.choice(["bytearray", "bytes"]))
        )
        block["typecode"] = "B"
    else:  # part of a larger array
        before, behind = (np.frombuffer(rng.bytes(16), dtype) for _ in range(2))
        block["data"] = np.concatenate([before, data, behind]).tobytes().hex()
        return ["slice", number, len(before), len(before) + len(data)]
    return ["block", number]


# ---- hostile calls ----

THINGS: list[list] = [
    ["none"], ["int", "3"], float_arg(1.5), ["list", [["int", "1"], ["int", "2"]]],
    ["str", "text"], ["object"], ["true"], ["tuple", []],
]  # fmt: skip
BAD_INTS = ["-1", "65536", str(2**31), str(-(2**63)), str(2**64), str(2**70), str(-(2**70))]


def hostile(rng: Rng, name: str) -> Case:
    """A sound call with one to three things wrong."""
    case = sound(rng, name)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        _one(rng, [change for change, able in CHANGES if able(case)])(rng, case)
    return case


def _note(case: Case, what: str, sure: bool) -> None:
    """Another change may undo one that was sure to be refused."""
    case["sure"] = sure and not case["hostile"]
    case["hostile"].append(what)


def _arguments(case: Case) -> list[tuple[Any, Any, Parameter, list]]:
    """(container, key, parameter, argument) of each argument of the call."""
    parameters = FUNCTIONS[case["function"]].parameters
    found = [
        (case["args"], i, parameters[i], case["args"][i])
        for i in range(min(len(case["args"]), len(parameters)))
    ]
    named = {parameter.name: parameter for parameter in parameters}
    found += [
        (case["named"], key, named[key], arg) for key, arg in case["named"].items() if key in named
    ]
    return found


def _arrays(case: Case) -> list[tuple[Any, Any, Array, list]]:
    return [
        (box, key, parameter, arg)
        for box, key, parameter, arg in _arguments(case)
        if isinstance(parameter, Array) and arg[0] in ("block", "slice")
    ]


def _numbers(case: Case) -> list[tuple[Any, Any, Parameter, list]]:
    """Numbers, and the places in leave_one_out's list."""
    found: list[tuple[Any, Any, Parameter, list]] = []
    for box, key, parameter, arg in _arguments(case):
        if isinstance(parameter, Number):
            found.append((box, key, parameter, arg))
        elif isinstance(parameter, Numbers) and arg[0] in ("list", "tuple"):
            found += [(arg[1], i, parameter, item) for i, item in enumerate(arg[1])]
    return found


def _one(rng: Rng, things: list) -> Any:
    return things[rng.integers(len(things))]


def _own_block(case: Case, box: Any, key: Any, arg: list) -> dict:
    """The argument's block, made one that is its alone."""
    old = case["blocks"][arg[1]]
    data = bytes.fromhex(old["data"])
    if arg[0] == "slice":
        size = np.dtype(DTYPES[old["typecode"]]).itemsize
        data = data[arg[2] * size : arg[3] * size]
    block = {**old, "data": data.hex()}
    case["blocks"].append(block)
    box[key] = ["block", len(case["blocks"]) - 1]
    return block


def change_length(rng: Rng, case: Case) -> None:
    box, key, parameter, arg = _one(rng, _arrays(case))
    block = _own_block(case, box, key, arg)
    data = bytes.fromhex(block["data"])
    size = np.dtype(DTYPES[block["typecode"]]).itemsize
    by = _one(rng, [-size, size, -1, 1, -len(data), len(data), 3 * size, -(len(data) // 2)])
    data = data[:by] if by < 0 else data + rng.bytes(by)
    if len(data) % size and block["kind"] != "bytes":
        block |= {"typecode": "B"} if block["kind"] != "guarded" else {}
    if len(data) % np.dtype(DTYPES[block["typecode"]]).itemsize:
        block["typecode"] = "B"
    block["data"] = data.hex()
    _note(case, f"{parameter.name}: {by:+} bytes", False)


def change_typecode(rng: Rng, case: Case) -> None:
    box, key, parameter, arg = _one(rng, _arrays(case))
    block = _own_block(case, box, key, arg)
    others = [code for code in "bhHiIqfd" if code != parameter.typecode]
    typecode = _one(rng, others)
    count = len(bytes.fromhex(block["data"])) // np.dtype(DTYPES[parameter.typecode]).itemsize
    block["data"] = rng.bytes(count * np.dtype(DTYPES[typecode]).itemsize).hex()
    block |= {"typecode": typecode, "kind": "guarded"}
    fits = parameter.role == "work" or case["function"] in ("crc32",)
    fits = fits or (parameter.typed and typecode in "if")
    _note(case, f"{parameter.name}: typecode {typecode}", not fits)


def change_alignment(rng: Rng, case: Case) -> None:
    box, key, parameter, arg = _one(rng, _arrays(case))
    block = _own_block(case, box, key, arg)
    size = 4 if parameter.role == "work" else np.dtype(DTYPES[parameter.typecode]).itemsize
    skip = int(rng.integers(1, 8))
    block |= {"kind": "guarded", "skip": skip}
    wrong = size > 1 and skip % size != 0 and bool(block["data"])
    _note(case, f"{parameter.name}: {skip} bytes off", wrong and case["function"] != "crc32")


def change_to_read_only(rng: Rng, case: Case) -> None:
    arrays = [found for found in _arrays(case) if found[2].role != "in"]
    box, key, parameter, arg = _one(rng, arrays)
    _own_block(case, box, key, arg)["kind"] = "bytes"
    _note(case, f"{parameter.name}: read-only", True)


def change_to_thing(rng: Rng, case: Case) -> None:
    box, key, parameter, _ = _one(rng, _arrays(case))
    thing = _one(rng, THINGS)
    box[key] = thing
    fits = (thing[0] == "none" and parameter.optional) or case["function"] == "crc32"
    _note(case, f"{parameter.name}: {thing[0]}", not fits)


def change_to_alias(rng: Rng, case: Case) -> None:
    """Two arrays in one block of raw bytes, anyhow."""
    arrays = _arrays(case)
    a, b = rng.permutation(len(arrays))[:2]
    pair = [arrays[a], arrays[b]]
    contents = [
        bytes.fromhex(_own_block(case, box, key, arg)["data"]) for box, key, _, arg in pair
    ]
    starts = [0, 0]
    starts[rng.integers(2)] = int(rng.integers(0, max(map(len, contents)) + 9)) & ~int(
        _one(rng, [0, 1, 3, 7])
    )
    whole = bytearray(
        rng.bytes(max(start + len(data) for start, data in zip(starts, contents, strict=True)))
    )
    for start, data in zip(starts, contents, strict=True):
        whole[start : start + len(data)] = data
    case["blocks"].append(
        {"kind": "guarded", "typecode": "B", "data": bytes(whole).hex(), "skip": 0}
    )
    for (box, key, _, _), start, data in zip(pair, starts, contents, strict=True):
        box[key] = ["slice", len(case["blocks"]) - 1, start, start + len(data)]
    written = any(parameter.role != "in" for _, _, parameter, _ in pair)
    ends = [start + len(data) for start, data in zip(starts, contents, strict=True)]
    overlap = max(starts) < min(ends) and all(contents)
    in_place = {parameter.name for _, _, parameter, _ in pair} == set(
        FUNCTIONS[case["function"]].in_place
    )
    names = " and ".join(parameter.name for _, _, parameter, _ in pair)
    _note(case, f"{names}: from {starts} of one block", written and overlap and not in_place)


def change_number(rng: Rng, case: Case) -> None:
    box, key, parameter, arg = _one(rng, _numbers(case))
    kind = parameter.kind if isinstance(parameter, Number) else "float"
    if kind == "float":
        new = _one(rng, [float_arg(bad) for bad in (math.nan, math.inf, -math.inf)])
        new = new if rng.random() < 0.6 else _one(rng, [["none"], ["str", "text"], ["object"]])
        _note(case, f"{parameter.name}: {new}", True)
    elif kind == "int":
        low, high = case["ranges"].get(parameter.name, [-100, 2**31 - 1])
        if arg[0] != "int" or rng.random() < 0.6:
            new = ["int", _one(rng, [*BAD_INTS, str(low - 1), str(high + 1)])]
        elif rng.random() < 0.5:
            new = _one(rng, [["none"], ["str", "text"], float_arg(1.5), ["object"], ["list", []]])
        else:
            new = ["int", str(int(arg[1]) + int(rng.integers(-3, 4)))]
        sure = new[0] != "int" or not low <= int(new[1]) <= high
        sure = sure and not (new[0] == "none" and parameter.name == "last")
        _note(case, f"{parameter.name}: {new}", sure)
    else:
        new = _one(rng, [["none"], ["str", "text"], float_arg(0.0), ["object"], ["list", []]])
        _note(case, f"{parameter.name}: {new}", False)
    box[key] = new


def change_to_evil(rng: Rng, case: Case) -> None:
    numbers = [found for found in _numbers(case) if found[3][0] != "evil"]
    if not numbers:
        return
    box, key, parameter, arg = _one(rng, numbers)
    # A memoryview does not keep its memory: only whole arrays can go.
    viewed = {found[3][1] for found in _arrays(case) if found[3][0] == "slice"}
    whole = [i for i in range(len(case["blocks"])) if i not in viewed]
    deeds: list[list] = [["raise"], ["clear"], ["collect"], ["call"]]
    deeds += [["free", i] for i in whole] * 2
    deed = _one(rng, deeds)
    box[key] = ["evil", arg, *deed]
    _note(case, f"{parameter.name}: evil, {' '.join(map(str, deed))}", False)


def change_count(rng: Rng, case: Case) -> None:
    function = FUNCTIONS[case["function"]]
    kind = rng.random()
    if kind < 0.4:
        case["named"]["nonsense"] = ["int", "1"]
        _note(case, "an unknown keyword", True)
    elif kind < 0.7:
        case["args"] += [["int", "0"]] * (1 + len(function.parameters))
        _note(case, "too many arguments", True)
    else:
        case["args"] = case["args"][: int(rng.integers(0, len(case["args"]) + 1))]
        required = [p for p in function.parameters if not getattr(p, "optional", False)]
        required = [p for p in required if not isinstance(p, Choice)]
        _note(case, "fewer arguments", len(case["args"]) < len(required))


CHANGES: list[tuple[Callable[[Rng, Case], None], Callable[[Case], bool]]] = [
    (change_length, lambda case: bool(_arrays(case))),
    (change_typecode, lambda case: bool(_arrays(case))),
    (change_alignment, lambda case: bool(_arrays(case))),
    (change_to_read_only, lambda case: any(found[2].role != "in" for found in _arrays(case))),
    (change_to_thing, lambda case: bool(_arrays(case))),
    (change_to_alias, lambda case: len(_arrays(case)) > 1),
    (change_number, lambda case: bool(_numbers(case))),
    (change_to_evil, lambda case: bool(_numbers(case))),
    (change_to_evil, lambda case: bool(_numbers(case))),
    (change_count, lambda case: True),
]


# ---- judgement ----

# Outputs and workspace that an error may leave written.
WRITTEN = {"factor": ("l", "work"), "solve": ("x", "b", "work"), "project": ("h", "work")}
WRITTEN |= dict.fromkeys(("kernel_goodness", "gram_goodness"), ("good", "labels", "work"))
WRITTEN |= {"patch_gram": ("work",)}


@dataclass
class Verdict:
    """What is wrong with an answer, or nothing; and whether the call was taken."""

    wrong: str
    taken: bool


def judge(case: Case, answer: dict[str, Any]) -> Verdict:
    """What a sound call gave against its reference; what a hostile one may have come to."""
    taken = "error" not in answer
    before = [bytes.fromhex(block["data"]) for block in case["blocks"]]
    after = [
        was if now == "=" else bytes.fromhex(now)
        for was, now in zip(before, answer["blocks"], strict=True)
    ]
    if case["hostile"]:
        wrong = _judge_hostile(case, answer, before, after)
    else:
        wrong = _judge_sound(case, answer, before, after)
    return Verdict(wrong, taken)


def _judge_hostile(case: Case, answer: dict, before: list[bytes], after: list[bytes]) -> str:
    deeds = _deeds(case)
    gone = {deed[1] for deed in deeds if deed[0] == "free"}
    error = answer.get("error")
    if error is None:
        if case["sure"]:
            return "it was taken; it must be refused"
        outputs = {arg[1] for _, _, parameter, arg in _arrays(case) if parameter.role != "in"}
        kept = set(range(len(before))) - outputs - gone
    else:
        allowed = (*ERRORS, "RuntimeError") if ["raise"] in deeds else ERRORS
        if error not in allowed or not answer["sentence"]:
            return f"{error}: {answer['sentence']!r} is no answer"
        kept = set(range(len(before))) - gone
        free = WRITTEN.get(case["function"], ())
        kept -= {arg[1] for _, _, parameter, arg in _arrays(case) if parameter.name in free}
    for i in kept:
        if before[i] != after[i]:
            return f"block {i} was changed; the answer is {error or 'a result'}"
    return ""


def _deeds(case: Case) -> list[list]:
    return [arg[2:] for _, _, _, arg in _numbers(case) if arg[0] == "evil"]


def _judge_sound(case: Case, answer: dict, before: list[bytes], after: list[bytes]) -> str:
    values, spans = _decode(case, before)
    want = FUNCTIONS[case["function"]].reference(values)
    error = answer.get("error", "")
    if error != want.error and not (error and error == want.may):
        return f"want {want.error or 'a result'}, got {error or 'a result'}: {answer}"
    shared = {arg[1] for _, _, parameter, arg in _arrays(case) if parameter.role != "in"}
    for _, _, parameter, arg in _arrays(case):
        block, first, last = spans[parameter.name]
        now = after[block]
        if now[:first] != before[block][:first] or now[last:] != before[block][last:]:
            return f"{parameter.name}: memory beside it was written"
        got = np.frombuffer(now[first:last], DTYPES[_typecode(case, parameter, arg)])
        if parameter.role == "work" or (error and parameter.name in want.free):
            continue
        expected = want.arrays.get(parameter.name)
        if error or (expected is None and block not in shared):
            if now != before[block] and not (error and want.free and block in shared):
                return f"{parameter.name}: it was changed"
        elif callable(expected):
            if complaint := expected(got):
                return f"{parameter.name}: {complaint}"
        elif expected is not None:
            wanted = np.asarray(expected).astype(got.dtype).ravel()
            if wanted.tobytes() != got.tobytes():
                i = int(np.flatnonzero(wanted != got)[0]) if len(wanted) == len(got) else -1
                return f"{parameter.name}: element {i}: want {wanted[i]}, got {got[i]}"
    if not error and want.result is not None and answer["result"] != want.result:
        return f"want {want.result}, got {answer['result']}"
    return ""


def _typecode(case: Case, parameter: Array, arg: list) -> str:
    """What the function takes it for: factor's system may be of floats."""
    floats = parameter.typed and case["blocks"][arg[1]]["typecode"] == "f"
    return "f" if floats else parameter.typecode


def _decode(case: Case, before: list[bytes]) -> tuple[Values, dict[str, tuple[int, int, int]]]:
    """The arguments by name, and (block, first byte, last) of the arrays."""
    values: Values = {}
    spans = {}
    for _, _, parameter, arg in _arguments(case):
        if isinstance(parameter, Array) and arg[0] != "none":
            size = np.dtype(DTYPES[case["blocks"][arg[1]]["typecode"]]).itemsize
            first, last = (arg[2] * size, arg[3] * size) if arg[0] == "slice" else (0, None)
            last = len(before[arg[1]]) if last is None else last
            spans[parameter.name] = (arg[1], first, last)
            data = before[arg[1]][first:last]
            values[parameter.name] = np.frombuffer(data, DTYPES[_typecode(case, parameter, arg)])
        else:
            values[parameter.name] = _plain(arg)
    return values, spans


def _plain(arg: list) -> Any:
    tag, *rest = arg
    if tag == "float":
        return struct.unpack("<f", bytes.fromhex(rest[0]))[0]
    if tag in ("list", "tuple"):
        return [_plain(item) for item in rest[0]]
    if tag == "int":
        return int(rest[0])
    return {"none": None, "true": True, "false": False, "str": rest[0] if rest else ""}[tag]


# ---- cases by number ----


def make(seed: int, number: int) -> Case:
    """Case `number` of a seed: every function in turn, two hostile calls to a sound one."""
    rng = np.random.default_rng([seed, number])
    names = list(FUNCTIONS)
    name = names[number % len(names)]
    return (sound if number // len(names) % 3 == 0 else hostile)(rng, name)


def line(case: Case) -> str:
    """A case as the firmware reads it."""
    return json.dumps({key: case[key] for key in ("function", "blocks", "args", "named")})
