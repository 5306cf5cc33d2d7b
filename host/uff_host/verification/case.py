"""What the checks of all layers work on, and what they share."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from uff_host.formats.model import Layer, Model
from uff_host.formats.samples import Samples
from uff_host.reference.arithmetic import Float64, Int32, pack_lower
from uff_host.verification.report import Report

# Rounding to an integer moves a weight by half a step; solving in float32 adds to it.
ROUNDING = 0.5
FLOAT32 = 2.0**-24
EXPONENT_TIE = 3e-4  # weights so near to the limit of an exponent may have the next one


@dataclass
class Case:
    """A model beside its samples. labels: of all rows, images and copies."""

    samples: Samples
    model: Model
    labels: npt.NDArray[np.uint8]
    report: Report

    def gram(self, name: str, layer: Layer, square: Int32, tag: str) -> None:
        """Compare the exact matrix that a layer was solved from, (order, order)."""
        own = pack_lower(square)
        own_crc = zlib.crc32(own.astype("<i4").tobytes())
        what = "kernel" if layer.dual else "Gram"
        found, wanted = f"{layer.gram_crc:08x}", f"{own_crc:08x}"
        self.report.equal(f"{name} {what} CRC", found, wanted)
        if tag.encode() in self.model.arrays:
            wrong = int((self.model.array(tag)[0] != own).sum())
            self.report.differ(f"{name} {what}", wrong, own.size)

    def statistic(self, name: str, tag: str, own: npt.NDArray[Any]) -> None:
        """Compare an exact sum, where the model keeps statistics."""
        if tag.ljust(4).encode() in self.model.arrays:
            wrong = int((self.model.array(tag) != own).sum())
            self.report.differ(name, wrong, own.size)


def spread(system: Float64, solution: Float64, by: Float64 | None = None) -> float:
    """How far float32 moves the solution (order, columns) of a system, but for a factor; or its
    product with `by` (rows, order).

    Each product of the system with the solution is off by a rounding error of their sizes; the
    inverse spreads it.
    """
    inverse: npt.NDArray[Any] = np.linalg.inv(system)
    if by is not None:
        inverse = by @ inverse
    row = math.sqrt(float((inverse * inverse).sum(axis=1).max()))
    column = math.sqrt(float((solution * solution).sum(axis=0).max()))
    return FLOAT32 * row * float(np.abs(system).max()) * column


def fits_exponent(e: int, room: float) -> bool:
    """Whether e is the largest whole exponent up to `room`, or as good as that."""
    return math.floor(room - EXPONENT_TIE) <= e <= math.floor(room + EXPONENT_TIE)
