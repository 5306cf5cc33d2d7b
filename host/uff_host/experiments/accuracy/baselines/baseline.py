"""What a baseline is: the data it gets, the scores it gives, and the settings it is tried at.

Every baseline is tried at all its settings on the test images, and a table shows the setting of
the best mean. That favours the baseline: µFF itself has one setting, and nothing of it saw a test
image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from uff_host.formats.samples import Samples

INSTALL = "the extra `cnn` brings it, by `make cnn` or `pip install 'host[cnn]'`."

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Split:
    """Images uint8 (n, height, width) and labels intp (n,) below n_classes, to train and test."""

    train_images: Pixels
    train_labels: Labels
    test_images: Pixels
    test_labels: Labels
    n_classes: int
    mirrored: bool = False  # whether a mirrored image is one of its class

    @classmethod
    def of(cls, train: Samples, test: Samples, *, mirrored: bool = False) -> Split:
        """The same images that a device gets as two samples files."""
        return cls(
            train.images,
            train.labels.astype(np.intp),
            test.images,
            test.labels.astype(np.intp),
            len(train.class_names),
            mirrored,
        )

    def accuracy(self, scores: npt.NDArray[np.floating]) -> float:
        """The part of the test images whose highest score (n, k) is that of their label."""
        return float(np.mean(scores.argmax(axis=1) == self.test_labels))


class Score(NamedTuple):
    """The test accuracy of one setting, which is named in words."""

    setting: str
    accuracy: float


@dataclass(frozen=True)
class Baseline:
    """A network to compare with.

    `scores(split, seed)` trains and tests at one setting after the other, in the order of
    `settings`; the same split and seed give the same scores on one machine. `needs` are packages
    beyond those of every installation.
    """

    name: str
    title: str
    settings: tuple[str, ...]
    scores: Callable[[Split, int], Iterator[Score]]
    needs: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Those of `needs` that are not installed."""
        return [name for name in self.needs if find_spec(name) is None]


def one_hot(labels: Labels, k: int) -> Float32:
    """float32 (n, k): 1 at the label, 0 elsewhere."""
    return np.eye(k, dtype=np.float32)[labels]
