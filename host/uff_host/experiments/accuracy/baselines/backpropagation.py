"""Backpropagation: pixels - 500 ReLU - softmax, cross-entropy, Adam, learning rate down to zero.

Two baselines come from it. `bp` is the network as such, with weight decay. `bp_reg` adds what
keeps a network from learning few images by heart: dropout and label smoothing. A microcontroller
that can train the first can train the second; the slides do not say that theirs did.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from uff_host.experiments.accuracy.baselines.adam import Adam, cosine
from uff_host.experiments.accuracy.baselines.baseline import (
    Baseline,
    Float32,
    Labels,
    Score,
    Split,
    one_hot,
)
from uff_host.experiments.accuracy.baselines.inputs import Form, inputs

NEURONS = 500


@dataclass(frozen=True)
class Setting:
    """One way to train. dropout: parts of the pixels and of the neurons left out at each step."""

    form: Form
    decay: float = 0.0
    dropout: tuple[float, float] = (0.0, 0.0)
    smoothing: float = 0.0
    epochs: int = 60
    batch: int = 32
    rate: float = 1e-3

    def __str__(self) -> str:
        words = [self.form, f"rate {self.rate:g}", f"batch {self.batch}", f"{self.epochs} epochs"]
        if self.decay:
            words.append(f"decay {self.decay:g}")
        if any(self.dropout):
            words.append(f"dropout {self.dropout[0]:g}/{self.dropout[1]:g}")
        if self.smoothing:
            words.append(f"smoothing {self.smoothing:g}")
        return ", ".join(words)


# The best of wider searches over rate, batch, epochs, decay and inputs
PLAIN = (
    Setting("raw"),
    Setting("raw", decay=1),
    Setting("encoded", epochs=20),
    Setting("encoded", decay=1),
    Setting("standardised"),
    Setting("standardised", decay=1),
)
REGULARISED = (
    Setting("raw", dropout=(0.2, 0.5), smoothing=0.1),
    Setting("encoded", dropout=(0, 0.5)),
    Setting("encoded", dropout=(0, 0.5), smoothing=0.1),
    Setting("standardised", dropout=(0.2, 0.5)),
    Setting("standardised", dropout=(0.2, 0.5), smoothing=0.2),
    Setting("standardised", decay=1, dropout=(0.2, 0.5), smoothing=0.1),
)


class Network:
    """pixels - neurons - classes, with its gradient. All arrays are float32."""

    def __init__(
        self, pixels: int, neurons: int, classes: int, random: np.random.Generator
    ) -> None:
        self._random = random
        self.adam = Adam([(pixels, neurons), (neurons,), (neurons, classes), (classes,)])
        w1, _, w2, _ = self.adam.parameters
        w1[:] = random.standard_normal(w1.shape, np.float32) * np.float32(math.sqrt(2 / pixels))
        w2[:] = random.standard_normal(w2.shape, np.float32) * np.float32(math.sqrt(1 / neurons))

    def outputs(self, x: Float32) -> Float32:
        """Before the softmax: x (n, pixels) -> (n, classes)."""
        w1, b1, w2, b2 = self.adam.parameters
        result: Float32 = np.maximum(x @ w1 + b1, 0) @ w2 + b2
        return result

    def gradient(self, x: Float32, targets: Float32, dropout: tuple[float, float]) -> None:
        """Leave the gradient of the mean cross-entropy of a batch in `adam.gradients`."""
        w1, b1, w2, b2 = self.adam.parameters
        g1, gb1, g2, gb2 = self.adam.gradients
        x = self._drop(x, dropout[0])
        h = x @ w1
        h += b1
        np.maximum(h, 0, out=h)
        h = self._drop(h, dropout[1])
        z = h @ w2 + b2
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)
        z -= targets
        z /= np.float32(len(x))
        np.matmul(h.T, z, out=g2)
        np.sum(z, axis=0, out=gb2)
        back = z @ w2.T
        back *= h > 0  # also zero where a neuron was dropped
        back *= np.float32(1 / (1 - dropout[1]))
        np.matmul(x.T, back, out=g1)
        np.sum(back, axis=0, out=gb1)

    def _drop(self, values: Float32, part: float) -> Float32:
        if not part:
            return values
        kept = self._random.random(values.shape, np.float32) >= np.float32(part)
        mask: Float32 = kept.astype(np.float32)
        mask *= np.float32(1 / (1 - part))
        mask *= values
        return mask


def train(setting: Setting, x: Float32, labels: Labels, k: int, seed: int) -> Network:
    """The network after all epochs of a setting, on x (n, pixels) and labels (n,) below k."""
    random = np.random.default_rng([seed, 784])
    network = Network(x.shape[1], NEURONS, k, random)
    even = np.float32(setting.smoothing / k)
    targets = one_hot(labels, k) * np.float32(1 - setting.smoothing) + even
    steps = setting.epochs * math.ceil(len(x) / setting.batch)
    step = 0
    for _ in range(setting.epochs):
        order = random.permutation(len(x))
        for start in range(0, len(x), setting.batch):
            chosen = order[start : start + setting.batch]
            network.gradient(x[chosen], targets[chosen], setting.dropout)
            step += 1
            network.adam.step(cosine(step, steps, setting.rate), setting.decay)
    return network


def scores(settings: tuple[Setting, ...], split: Split, seed: int) -> Iterator[Score]:
    """A score for each of the settings; `seed` draws first weights, batches and dropout."""
    for setting in settings:
        x, test = inputs(split, setting.form)
        network = train(setting, x, split.train_labels, split.n_classes, seed)
        yield Score(str(setting), split.accuracy(network.outputs(test)))


PLAIN_BACKPROPAGATION = Baseline(
    "bp", "backpropagation", tuple(map(str, PLAIN)), partial(scores, PLAIN)
)
REGULARISED_BACKPROPAGATION = Baseline(
    "bp_reg",
    "backpropagation, dropout + smoothing",
    tuple(map(str, REGULARISED)),
    partial(scores, REGULARISED),
)
