"""The predictions file that evaluate.py writes: of each sample the label and all goodnesses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from uff_host import files
from uff_host.errors import FormatError


@dataclass
class Predictions:
    """labels: uint8 (n,), what was predicted; goodness: int64 (n, k) of every label."""

    labels: npt.NDArray[np.uint8]
    goodness: npt.NDArray[np.int64]


def read_predictions(path: Path, n: int, k: int) -> bytes:
    """The bytes of a file for n samples and k classes.

    Raises:
        FormatError: There are more.
        OSError: It cannot be read.
    """
    return files.read_whole(path, n * _record(k).itemsize, f"that {n} samples of {k} classes take")


def unpack_predictions(data: bytes, n: int, k: int, what: str = "predictions file") -> Predictions:
    """Read the bytes of a file for n samples and k classes: "<B" and k times "q" each.

    Raises:
        FormatError: The size is another one.
    """
    record = _record(k)
    if len(data) != n * record.itemsize:
        raise FormatError(
            f"{what} has {len(data)} bytes, {n} samples of {k} classes take {n * record.itemsize}."
        )
    records = np.frombuffer(data, record)
    return Predictions(records["label"].copy(), records["goodness"].astype(np.int64))


def pack_predictions(labels: npt.NDArray[np.uint8], goodness: npt.NDArray[np.int64]) -> bytes:
    """The bytes that the device writes for these labels and goodnesses."""
    records = np.zeros(len(labels), _record(goodness.shape[1]))
    records["label"], records["goodness"] = labels, goodness
    return records.tobytes()


def _record(k: int) -> np.dtype[Any]:
    return np.dtype([("label", "u1"), ("goodness", "<i8", (k,))])
