"""The predictions file that evaluate.py writes: of each sample the label and all goodnesses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uff_host.errors import FormatError
from uff_host.reference import Int64


@dataclass
class Predictions:
    """labels: uint8 (n,), what was predicted; goodness: int64 (n, k) of every label."""

    labels: npt.NDArray[np.uint8]
    goodness: Int64


def unpack_predictions(data: bytes, n: int, k: int, what: str = "predictions file") -> Predictions:
    """Read the bytes of a file for n samples and k classes: "<B" and k times "q" each.

    Raises:
        FormatError: The size is another one.
    """
    record = np.dtype([("label", "u1"), ("goodness", "<i8", (k,))])
    if len(data) != n * record.itemsize:
        raise FormatError(
            f"{what} has {len(data)} bytes, {n} samples of {k} classes take {n * record.itemsize}."
        )
    records = np.frombuffer(data, record)
    return Predictions(records["label"].copy(), records["goodness"].astype(np.int64))


def pack_predictions(labels: npt.NDArray[np.uint8], goodness: Int64) -> bytes:
    """The bytes that the device writes for these labels and goodnesses."""
    record = np.dtype([("label", "u1"), ("goodness", "<i8", (goodness.shape[1],))])
    records = np.zeros(len(labels), record)
    records["label"], records["goodness"] = labels, goodness
    return records.tobytes()
