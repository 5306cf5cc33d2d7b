"""IDX files, the format of MNIST: a big-endian head with the shape, then bytes."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from uff_host import files
from uff_host.errors import DataError

UNSIGNED_BYTE = 0x08


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """The uint8 array of an IDX file with that many dimensions; gzip is undone.

    Raises:
        DataError: It is no such file, or its size does not fit its head.
        OSError: It cannot be read.
    """
    with path.open("rb") as ahead:
        if ahead.peek(2)[:2] != b"\x1f\x8b":
            return _read(ahead, path, dimensions)
        try:
            with gzip.open(ahead) as unpacked:
                return _read(unpacked, path, dimensions)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise DataError(f"{path} is damaged: gzip cannot unpack it.") from None


def _read(stream: IO[bytes] | gzip.GzipFile, path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """As many values as the head tells of, and not one more is looked at."""
    head = stream.read(4 + 4 * dimensions)
    if len(head) < 4 + 4 * dimensions or head[:4] != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
        raise DataError(f"{path} is no IDX file of bytes with {dimensions} dimensions.")
    shape = struct.unpack_from(f">{dimensions}I", head, 4)
    size = math.prod(shape)
    if size > files.LARGEST:
        raise DataError(f"{path}: its head promises {size:,} values, {files.LARGEST:,} can be.")
    values = bytearray()
    while piece := stream.read(min(files.PIECE, size + 1 - len(values))):
        values += piece
    if len(values) != size:
        count = f"{len(values):,}" if len(values) < size else "more"
        raise DataError(f"{path} holds {count} values, its head promises {size:,}.")
    return np.frombuffer(values, np.uint8).reshape(shape)


def find_idx(folder: Path, name: str) -> Path | None:
    """The file `name` or `name`.gz in a folder, or None."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None
