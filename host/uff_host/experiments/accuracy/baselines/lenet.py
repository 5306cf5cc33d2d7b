"""A convolutional network of LeNet's kind: its layers, their work, and ways to train it.

32 filters of 3x3 on the image with a blank border, ReLU, the maximum of 2x2 places; 64 filters of
3x3, ReLU, the maximum again; 128 ReLU neurons; the classes. lenet_jax.py trains it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FILTER = 3  # its side
POOL = 2
BORDER = 1  # blank pixels around an image; clothes fill it to the edge
POOLINGS = (32, 64)
NEURONS = 128
GROUP = 50  # steps in one call of the trainer, so that one compilation serves any number of them
LEAST_SIDE = 8  # of an image: leaves one place above the second layer


@dataclass(frozen=True)
class Layer:
    """Weights (inputs, outputs), and at how many places of an image they are applied."""

    inputs: int
    outputs: int
    places: int

    @property
    def macs(self) -> int:
        """Multiply-adds of an image."""
        return self.inputs * self.outputs * self.places


def layers(height: int, width: int, classes: int) -> tuple[Layer, ...]:
    """The four layers for images of this size. Where the count of places is odd, the maximum
    leaves out the last row or column."""
    height, width = height + 2 * BORDER, width + 2 * BORDER
    found = []
    channels = 1
    for outputs in POOLINGS:
        height, width = height - FILTER + 1, width - FILTER + 1
        found.append(Layer(FILTER * FILTER * channels, outputs, height * width))
        height, width, channels = height // POOL, width // POOL, outputs
    found.append(Layer(height * width * channels, NEURONS, 1))
    found.append(Layer(NEURONS, classes, 1))
    return tuple(found)


def training_macs(height: int, width: int, classes: int) -> int:
    """Multiply-adds that one image takes in a step of training, forward and backward.

    A layer takes its multiply-adds once for its outputs, once for the gradient of its weights, and
    once for the gradient of its inputs, which the first layer does not need. Not in it: maxima,
    dropout, distortions, and the optimizer, whose ten operations a weight come once a step and are
    1 % of the multiply-adds of a batch of 32.
    """
    first, *above = layers(height, width, classes)
    return 2 * first.macs + 3 * sum(layer.macs for layer in above)


@dataclass(frozen=True)
class Distortion:
    """How far a distorted image may be from the original, to either side, evenly drawn.

    rotation: in radians. scale: of height and of width, as a part of each. shear: pixels aside for
    each pixel down. shift: in pixels, down and across.
    """

    rotation: float
    scale: float
    shear: float
    shift: float

    def __str__(self) -> str:
        return f"{self.rotation:g} rad, {self.scale:.0%}, {self.shear:g}, {self.shift:g} pixels"


@dataclass(frozen=True)
class Setting:
    """One way to train; the rate goes down to zero along half a cosine.

    An epoch shows every image once, and few images get `least_steps` all the same. dropout: the
    part of the second layer's maxima that is left out at each step.
    """

    epochs: int
    least_steps: int
    distortion: Distortion | None = None
    rate: float = 1e-3
    batch: int = 16
    dropout: float = 0.5
    smoothing: float = 0.1

    def steps(self, images: int) -> int:
        """How many for so many training images, in whole groups."""
        wanted = max(self.least_steps, self.epochs * images / self.batch)
        return math.ceil(wanted / GROUP) * GROUP

    def __str__(self) -> str:
        words = [
            f"raw, rate {self.rate:g}, batch {self.batch}, {self.epochs} epochs",
            f"{self.least_steps} steps at least",
            f"dropout {self.dropout:g}, smoothing {self.smoothing:g}",
        ]
        if self.distortion:
            words.append(f"distortions to {self.distortion}")
        return ", ".join(words)
