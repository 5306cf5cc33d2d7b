"""Forward-Forward by gradient (Hinton, arXiv 2212.13345): what µFF does in closed form.

One layer of 500 ReLU, the label as a bright pixel in a corner of the image (µFF's label pixels).
Goodness is the sum of the squared outputs, the probability of positive data
logistic((goodness - threshold) / temperature); Adam. Negative data carries a wrong label: a hard
one, drawn by the network's own belief as in the paper, or every wrong one. The prediction is the
label of most goodness.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from uff_host.experiments.accuracy.baselines.adam import Adam, cosine
from uff_host.experiments.accuracy.baselines.baseline import (
    Baseline,
    Float32,
    Labels,
    Score,
    Split,
)
from uff_host.experiments.accuracy.baselines.inputs import Form, inputs
from uff_host.reference import kept_pixels

NEURONS = 500
START = 5.0
ROWS = 2000  # test images at a time


@dataclass(frozen=True)
class Setting:
    """One way to train. strength: brightness of the label pixel, where an average pixel has 1."""

    form: Form
    temperature: float
    strength: float
    negatives: Literal["hard", "every"] = "hard"
    threshold: float = 1.0  # of the mean squared output
    epochs: int = 60
    batch: int = 32
    rate: float = 1e-3

    def __str__(self) -> str:
        return (
            f"{self.form}, label {self.strength:g}, temperature {self.temperature:g}, "
            f"threshold {self.threshold:g}, {self.negatives} negatives, rate {self.rate:g}, "
            f"batch {self.batch}, {self.epochs} epochs"
        )


# Of a wider search at 5 x 300, 5 x 100 and 3 x 100, where most settings end within 0.003 of each
# other. Dropout, decay, 200 epochs and other thresholds gave nothing; a second layer gave 0.001 to
# 0.002 at four times the cost.
GRID = (
    Setting("raw", 50, 28),
    Setting("encoded", 5, 5),
    Setting("encoded", 5, 5, "every"),
    Setting("encoded", 50, 28),
    Setting("encoded", 15, 28, rate=3e-4),
    Setting("standardised", 50, 28),
)


class Layer:
    """image pixels + one label pixel a class -> neurons, with its gradient. All arrays float32.

    The label part of the sums is the same for all images, so all k candidate labels of an image
    cost one product of its pixels with the weights.
    """

    def __init__(
        self, pixels: int, classes: int, setting: Setting, random: np.random.Generator
    ) -> None:
        self._setting, self._random, self._classes = setting, random, classes
        self.adam = Adam([(pixels, NEURONS), (classes, NEURONS), (NEURONS,)])
        # a label pixel begins with the same say in the sums, however bright it is
        sizes = (1, START / setting.strength)
        for weights, size in zip(self.adam.parameters[:2], sizes, strict=True):
            weights[:] = random.standard_normal(weights.shape, np.float32)
            weights *= np.float32(size / math.sqrt(pixels))

    def _outputs(self, sums: Float32, labels: Labels | int) -> Float32:
        """relu of the sums (n, neurons) of the pixels with the part of one label each added."""
        label_weights = self.adam.parameters[1] * np.float32(self._setting.strength)
        outputs: Float32 = np.maximum(sums + label_weights[labels], 0)
        return outputs

    def _goodness_of_all(self, sums: Float32) -> Float32:
        """float32 (n, k): the goodness of each candidate label."""
        every = (self._outputs(sums, label) for label in range(self._classes))
        return np.stack([np.einsum("ij,ij->i", h, h) for h in every], axis=1)

    def goodness(self, x: Float32) -> Float32:
        """x (n, pixels) -> float32 (n, k): the goodness of each candidate label."""
        weights, _, bias = self.adam.parameters
        parts = [x[i : i + ROWS] for i in range(0, len(x), ROWS)]
        return np.concatenate([self._goodness_of_all(part @ weights + bias) for part in parts])

    def _wrong(self, sums: Float32, labels: Labels) -> list[Labels]:
        """Wrong labels for each image of a batch: one list of labels for each negative datum."""
        k = self._classes
        if self._setting.negatives == "every":
            return [(labels + shift) % k for shift in range(1, k)]
        belief = self._goodness_of_all(sums).astype(np.float64) / self._setting.temperature
        belief[np.arange(len(labels)), labels] = -np.inf
        # the largest of belief + Gumbel noise is a draw by softmax of the belief
        return [(belief + self._random.gumbel(size=belief.shape)).argmax(axis=1)]

    def gradient(self, x: Float32, labels: Labels) -> None:
        """Leave the gradient of the logistic loss of a batch in `adam.gradients`."""
        setting, eye = self._setting, np.eye(self._classes, dtype=np.float32)
        weights, _, bias = self.adam.parameters
        for_weights, for_labels, for_bias = self.adam.gradients
        sums = x @ weights
        sums += bias
        wrong = self._wrong(sums, labels)
        total = np.zeros_like(sums)
        for_labels[:] = 0
        for chosen, sign, share in [
            (labels, -1.0, 1.0),
            *((w, 1.0, 1 / len(wrong)) for w in wrong),
        ]:
            h = self._outputs(sums, chosen)
            excess = np.einsum("ij,ij->i", h, h) - np.float32(setting.threshold * NEURONS)
            excess *= np.float32(sign / setting.temperature)
            # d loss / d h up to the constant 1 / temperature, which Adam does not see
            slope = np.float32(2 * sign * share / len(x)) * _logistic(excess)
            back = slope[:, None] * h
            total += back
            for_labels += np.float32(setting.strength) * (eye[chosen].T @ back)
        np.matmul(x.T, total, out=for_weights)
        np.sum(total, axis=0, out=for_bias)


def _logistic(values: Float32) -> Float32:
    one = np.float32(1)
    result: Float32 = one / (one + np.exp(-np.clip(values, -60, 60)))
    return result


def train(setting: Setting, x: Float32, labels: Labels, k: int, seed: int) -> Layer:
    """The layer after all epochs of a setting, on x (n, pixels) and labels (n,) below k."""
    random = np.random.default_rng([seed, 2212])
    layer = Layer(x.shape[1], k, setting, random)
    steps = setting.epochs * math.ceil(len(x) / setting.batch)
    step = 0
    for _ in range(setting.epochs):
        order = random.permutation(len(x))
        for start in range(0, len(x), setting.batch):
            chosen = order[start : start + setting.batch]
            layer.gradient(x[chosen], labels[chosen])
            step += 1
            layer.adam.step(cosine(step, steps, setting.rate), 0)
    return layer


def scores(split: Split, seed: int) -> Iterator[Score]:
    """A score for each of the settings; `seed` draws first weights, batches and negatives."""
    kept = kept_pixels(*split.train_images.shape[1:])
    for setting in GRID:
        x, test = (part[:, kept] for part in inputs(split, setting.form))
        layer = train(setting, x, split.train_labels, split.n_classes, seed)
        yield Score(str(setting), split.accuracy(layer.goodness(test)))


FORWARD_FORWARD = Baseline("ff", "Forward-Forward by gradient", tuple(map(str, GRID)), scores)
