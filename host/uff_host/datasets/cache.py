"""Images of a data set that were got once, kept in the cache and known by their hash."""

from __future__ import annotations

import contextlib
import hashlib
import zipfile

import numpy as np

from uff_host import files
from uff_host.datasets.splits import Images


def content(images: Images) -> str:
    """SHA-256 of the pixels, row by row."""
    return hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()


def read(name: str, wanted: str) -> Images | None:
    """The images cached under a file name, or None where there are none with this content()."""
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        images: Images = np.load(files.cache_folder() / name)["images"]
        if content(images) == wanted:
            return images
    return None


def write(name: str, images: Images) -> None:
    """Keep images under a file name.

    Raises:
        OSError: The cache cannot be written.
    """
    folder = files.cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with files.replacing(folder / name) as new, new.open("wb") as stream:
        np.savez(stream, images=images)
