"""Units, exact products of integers, and the roundings that all layers share.

Integer matrix products run through float64 matrix products, which are exact while every sum
stays below 2^53.
"""

from __future__ import annotations

import math
import zlib
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from uff_host.errors import DataError
from uff_host.formats.model import MAX_ROWS

UNIT = 512  # an encoded image or the features of a class layer, of length 1, as int16
UNIT_BITS = 9

UInt8 = npt.NDArray[np.uint8]
Int16 = npt.NDArray[np.int16]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Form = Literal["auto", "primal", "dual"]


def inner(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> Int64:
    """a b^T of integers (n, f) and (p, f) -> int64 (n, p), exact."""
    return np.asarray((a.astype(np.float64) @ b.astype(np.float64).T).astype(np.int64))


def gram(x: npt.NDArray[Any]) -> Int32:
    """x^T x of integers (n, f) -> int32 (f, f), exact.

    Raises:
        DataError: More than 8,191 rows: a sum could pass int32.
    """
    if len(x) > MAX_ROWS:
        raise DataError(f"{len(x)} rows: an int32 Gram matrix holds the sums of {MAX_ROWS}.")
    return inner(x.T, x.T).astype(np.int32)


def kernel(x: npt.NDArray[Any]) -> Int32:
    """x x^T of integers (n, f) -> int32 (n, n), exact."""
    return inner(x, x).astype(np.int32)


def pack_lower(square: npt.NDArray[Any]) -> Int32:
    """The lower triangle with its diagonal, row by row: int32 (f(f+1)/2,)."""
    return square[np.tril_indices(len(square))].astype(np.int32)


def crc(square: npt.NDArray[Any]) -> int:
    """CRC-32 of the packed lower triangle as little-endian int32."""
    return zlib.crc32(pack_lower(square).astype("<i4").tobytes())


def uses_dual(form: Form, rows: int, features: int) -> bool:
    """Whether the kernel of the images is solved instead of the Gram of the features."""
    return form == "dual" or (form == "auto" and rows < features)


def scaled_to_unit(values: npt.NDArray[np.float32], squares: npt.NDArray[np.float32]) -> Int16:
    """v * (512 / sqrt(squares)) in float32 steps, rounded; zeros where squares is 0.

    values: (n, f), squares: (n,), the sum of the squares of each row.
    """
    blank = squares == 0
    scale = np.float32(UNIT) / np.sqrt(np.where(blank, np.float32(1), squares))
    scaled = np.floor((values * scale[:, None]).astype(np.float64) + 0.5)  # the sum is exact
    scaled[blank] = 0
    return scaled.astype(np.int16)


def round_half_away(values: Float64) -> Float64:
    """To the nearest integer, halves away from zero."""
    return np.copysign(np.floor(np.abs(values) + 0.5), values)


def snap(value: float) -> float:
    """`value` with a mantissa of 16 bits, which is the same number in float32 and float64."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.floor(mantissa * 65536 + 0.5), exponent - 16)
