"""IDX files, the format of MNIST: a big-endian head with the shape, then bytes."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from uff_host.errors import DataError

UNSIGNED_BYTE = 0x08


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """The uint8 array of an IDX file with that many dimensions; gzip is undone.

    Raises:
        DataError: It is no such file, or its size does not fit its head.
        OSError: It cannot be read.
    """
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            raise DataError(f"{path} is damaged: gzip cannot unpack it.") from None
    head = 4 + 4 * dimensions
    if len(data) < head or data[:4] != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
        raise DataError(f"{path} is no IDX file of bytes with {dimensions} dimensions.")
    shape = struct.unpack_from(f">{dimensions}I", data, 4)
    size = int(np.prod(shape, dtype=object))
    if len(data) - head != size:
        raise DataError(f"{path} holds {len(data) - head} values, its head promises {size}.")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def find_idx(folder: Path, name: str) -> Path | None:
    """The file `name` or `name`.gz in a folder, or None."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None
