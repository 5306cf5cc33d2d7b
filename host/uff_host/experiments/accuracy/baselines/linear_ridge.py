"""Linear ridge classifiers on pixels: µFF's regression without its layers and label pixels.

Solved in float64, in the primal or the dual form, whichever system is smaller.
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
    one_hot,
)
from uff_host.experiments.accuracy.baselines.inputs import Form, inputs

GRID: tuple[tuple[Form, float], ...] = (
    ("raw", 0.3),
    ("raw", 1.0),
    ("encoded", 0.03),
    ("encoded", 0.1),
    ("centred", 0.3),
    ("centred", 1.0),
    ("standardised", 0.3),
    ("standardised", 3.0),
)
SETTINGS = tuple(f"{form}, lambda {ridge:g}" for form, ridge in GRID)


def ridge_scores(train: Float32, targets: Float64, test: Float32, ridge: float) -> Float64:
    """Ridge regression of targets (n, k) on train (n, m), applied to test (t, m): float64 (t, k).

    `ridge` is relative to the mean of the diagonal of train^T train.
    """
    x, t = train.astype(np.float64), test.astype(np.float64)
    n, m = x.shape
    if n < m:
        kernel = x @ x.T
        # both forms have the same trace
        kernel[np.diag_indices(n)] += ridge * max(float(np.trace(kernel)), 1e-30) / m
        return np.asarray(t @ (x.T @ np.linalg.solve(kernel, targets)), np.float64)
    gram = x.T @ x
    gram[np.diag_indices(m)] += ridge * max(float(np.trace(gram)), 1e-30) / m
    return np.asarray(t @ np.linalg.solve(gram, x.T @ targets), np.float64)


def targets(split: Split) -> Float64:
    """float64 (n, k): one-hot labels less 1/k, so that no output needs a bias for its mean."""
    return one_hot(split.train_labels, split.n_classes).astype(np.float64) - 1 / split.n_classes


def scores(split: Split, seed: int) -> Iterator[Score]:
    """A score for each of SETTINGS; `seed` is not used."""
    wanted = targets(split)
    for setting, (form, ridge) in zip(SETTINGS, GRID, strict=True):
        train, test = inputs(split, form)
        yield Score(setting, split.accuracy(ridge_scores(train, wanted, test, ridge)))


LINEAR_RIDGE = Baseline("ridge", "ridge on pixels", SETTINGS, scores)
