"""Convolutional networks by backpropagation: what a user would pick instead on a larger machine.

`cnn` is a network of LeNet's kind with dropout and label smoothing. `cnn_aug` sees other distorted
images at each step, mirrored ones too where a mirrored image is still one of its class. JAX and
optax train them; the extra `cnn` of this package installs both.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from uff_host.errors import DataError
from uff_host.experiments.accuracy.baselines.baseline import Baseline, Score, Split
from uff_host.experiments.accuracy.baselines.inputs import inputs
from uff_host.experiments.accuracy.baselines.lenet import LEAST_SIDE, Distortion, Setting

# The best of searches over inputs, rate, batch, epochs, borders, dropout and label smoothing
PLAIN = (Setting(30, 600), Setting(60, 1200))
DISTORTED = (
    Setting(30, 3000, Distortion(0.1, 0.1, 0.1, 1.5)),
    Setting(30, 3000, Distortion(0.3, 0.2, 0.3, 1.5)),
)


def scores(settings: tuple[Setting, ...], split: Split, seed: int) -> Iterator[Score]:
    """A score for each of the settings; `seed` draws all that is drawn.

    Raises:
        DataError: The images are too small for two layers of filters.
    """
    # JAX takes a second to import, and is there with the extra `cnn` only
    from uff_host.experiments.accuracy.baselines import lenet_jax

    height, width = split.train_images.shape[1:]
    if min(height, width) < LEAST_SIDE:
        raise DataError(
            f"Images of {height}x{width} are too small for a convolutional network, which wants "
            f"{LEAST_SIDE}x{LEAST_SIDE} at least."
        )
    x, test = (pixels.reshape(-1, height, width) for pixels in inputs(split, "raw"))
    for setting in settings:
        weights = lenet_jax.train(
            setting, x, split.train_labels, split.n_classes, seed, mirror=split.mirrored
        )
        yield Score(str(setting), split.accuracy(lenet_jax.outputs(weights, test)))


NEEDS = ("jax", "optax")
CONVOLUTIONAL = Baseline(
    "cnn", "convolutional network", tuple(map(str, PLAIN)), partial(scores, PLAIN), NEEDS
)
DISTORTED_CONVOLUTIONAL = Baseline(
    "cnn_aug",
    "convolutional network, distortions",
    tuple(map(str, DISTORTED)),
    partial(scores, DISTORTED),
    NEEDS,
)
