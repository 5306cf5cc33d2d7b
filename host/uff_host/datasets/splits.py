"""Which images train and which test: a split by content, and draws that depend on a seed alone.

Within a class images are ordered by the SHA-256 of their bytes (ties by the bytes), so the split
is the same wherever the images came from. The first ones are the test set, the rest is the pool.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from uff_host.errors import DataError
from uff_host.formats.samples import Samples

Images = npt.NDArray[np.uint8]


def by_hash(images: Images) -> Images:
    """The images of one class, uint8 (n, height, width), ordered by the SHA-256 of each."""

    def rank(number: int) -> tuple[bytes, bytes]:
        content = images[number].tobytes()
        return hashlib.sha256(content).digest(), content

    return images[sorted(range(len(images)), key=rank)]


def draw(pool: Images, n: int, seed: int, class_id: int) -> Images:
    """n images of a class's pool without replacement, by seed, class, n and the pool only.

    Raises:
        DataError: The pool has fewer images.
    """
    if n > len(pool):
        raise DataError(f"{n} images of class {class_id} wanted, its pool holds {len(pool)}.")
    chosen = np.random.default_rng([seed, class_id]).choice(len(pool), n, replace=False)
    return pool[chosen]


def interleave(classes: Sequence[Images], names: Sequence[str]) -> Samples:
    """Samples with the first image of each class, then the second of each, and so on."""
    order = sorted(
        (number, label) for label, images in enumerate(classes) for number in range(len(images))
    )
    images = np.stack([classes[label][number] for number, label in order])
    return Samples(list(names), images, np.array([label for _, label in order], np.uint8))
