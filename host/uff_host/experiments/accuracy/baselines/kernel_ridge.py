"""Kernel ridge regression with an RBF kernel: no network, the highest accuracy known to us here.

It keeps every training image and is no candidate for a microcontroller; it shows the ceiling.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from uff_host.experiments.accuracy.baselines.baseline import (
    Baseline,
    Float32,
    Float64,
    Score,
    Split,
)
from uff_host.experiments.accuracy.baselines.inputs import inputs
from uff_host.experiments.accuracy.baselines.linear_ridge import targets

GAMMAS = (0.25, 0.5, 1.0, 2.0)  # over the median squared distance between training images
RIDGES = (0.01, 0.03, 0.1, 0.3)
SETTINGS = tuple(
    f"encoded, gamma {gamma:g}, lambda {ridge:g}" for gamma in GAMMAS for ridge in RIDGES
)
ROWS = 2000  # test images at a time


def squared_distances(a: Float32, b: Float32) -> Float64:
    """float64 (len(a), len(b)); a distance that rounding made negative is 0."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    distances = -2 * x @ y.T
    distances += (x * x).sum(axis=1)[:, None]
    distances += (y * y).sum(axis=1)
    result: Float64 = np.maximum(distances, 0, out=distances)
    return result


def scores(split: Split, seed: int) -> Iterator[Score]:
    """A score for each of SETTINGS; `seed` is not used."""
    train, test = inputs(split, "encoded")
    wanted = targets(split)
    near = squared_distances(train, train)
    median = float(np.median(near)) or 1.0
    # in parts and as float32: with 10,000 test and 8,000 training images memory matters
    far = [
        squared_distances(test[i : i + ROWS], train).astype(np.float32)
        for i in range(0, len(test), ROWS)
    ]
    settings = iter(SETTINGS)
    for gamma in GAMMAS:
        kernel = np.exp(near * (-gamma / median))
        weights = []
        for ridge in RIDGES:
            system = kernel.copy()
            system[np.diag_indices(len(system))] += ridge
            weights.append(np.linalg.solve(system, wanted))
        every = np.concatenate(weights, axis=1)  # (n, ridges * k)
        outputs = np.concatenate(
            [np.exp(part.astype(np.float64) * (-gamma / median)) @ every for part in far]
        )
        for output in np.split(outputs, len(RIDGES), axis=1):
            yield Score(next(settings), split.accuracy(output))


KERNEL_RIDGE = Baseline("krr", "RBF kernel ridge", SETTINGS, scores)
