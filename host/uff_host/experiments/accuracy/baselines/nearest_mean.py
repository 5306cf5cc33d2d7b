"""Nearest class mean of the encoded pixels: the least that anything trained must beat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from uff_host.experiments.accuracy.baselines.baseline import Baseline, Score, Split
from uff_host.experiments.accuracy.baselines.inputs import inputs

SETTINGS = ("encoded",)


def scores(split: Split, seed: int) -> Iterator[Score]:
    """The one score; `seed` is not used."""
    train, test = inputs(split, "encoded")
    classes = range(split.n_classes)
    means = np.stack([train[split.train_labels == c].mean(axis=0) for c in classes])
    # |x - m|^2 less |x|^2, which is the same for every class
    yield Score(SETTINGS[0], split.accuracy(2 * test @ means.T - (means * means).sum(axis=1)))


NEAREST_MEAN = Baseline("nearest_mean", "nearest class mean", SETTINGS, scores)
