"""500 random ReLU neurons, then ridge (an "extreme learning machine"): µFF with layer 1 untrained.

If a trained layer 1 did not beat these, training it would earn nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from uff_host.experiments.accuracy.baselines.baseline import Baseline, Score, Split
from uff_host.experiments.accuracy.baselines.inputs import inputs
from uff_host.experiments.accuracy.baselines.linear_ridge import ridge_scores, targets

NEURONS = 500
GRID = ((0.0, 0.1), (0.5, 0.1), (0.5, 0.3), (0.5, 1.0))  # deviation of the biases, lambda
SETTINGS = tuple(f"centred, biases {bias:g}, lambda {ridge:g}" for bias, ridge in GRID)


def scores(split: Split, seed: int) -> Iterator[Score]:
    """A score for each of SETTINGS; `seed` draws the neurons."""
    train, test = inputs(split, "centred")
    wanted = targets(split)
    random = np.random.default_rng([seed, 500])
    length = np.sqrt(np.mean((train * train).sum(axis=1))) or np.float32(1)
    weights = random.standard_normal((train.shape[1], NEURONS), dtype=np.float32) / length
    biases = random.standard_normal(NEURONS, dtype=np.float32)
    for setting, (bias, ridge) in zip(SETTINGS, GRID, strict=True):
        shift = np.float32(bias) * biases
        hidden, test_hidden = (np.maximum(x @ weights + shift, 0) for x in (train, test))
        yield Score(setting, split.accuracy(ridge_scores(hidden, wanted, test_hidden, ridge)))


RANDOM_NEURONS = Baseline("elm", "500 random neurons + ridge", SETTINGS, scores)
