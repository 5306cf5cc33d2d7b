"""What µFF is compared with, on the same images and each at its best settings.

bp            backpropagation, 500 ReLU, Adam, weight decay
bp_reg        the same with dropout and label smoothing
ff            Forward-Forward by gradient, as Hinton published it
ridge         ridge classifiers on pixels
elm           500 random neurons + ridge
krr           kernel ridge regression: no network
cnn           a convolutional network of LeNet's kind, with dropout and label smoothing
cnn_aug       the same, which sees other distorted images at each step
nearest_mean  class means: the floor
"""

from uff_host.experiments.accuracy.baselines.backpropagation import (
    PLAIN_BACKPROPAGATION,
    REGULARISED_BACKPROPAGATION,
)
from uff_host.experiments.accuracy.baselines.baseline import INSTALL, Baseline, Score, Split
from uff_host.experiments.accuracy.baselines.convolutional import (
    CONVOLUTIONAL,
    DISTORTED_CONVOLUTIONAL,
)
from uff_host.experiments.accuracy.baselines.forward_forward import FORWARD_FORWARD
from uff_host.experiments.accuracy.baselines.kernel_ridge import KERNEL_RIDGE
from uff_host.experiments.accuracy.baselines.linear_ridge import LINEAR_RIDGE
from uff_host.experiments.accuracy.baselines.nearest_mean import NEAREST_MEAN
from uff_host.experiments.accuracy.baselines.random_neurons import RANDOM_NEURONS

BASELINES: dict[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        PLAIN_BACKPROPAGATION,
        REGULARISED_BACKPROPAGATION,
        FORWARD_FORWARD,
        LINEAR_RIDGE,
        RANDOM_NEURONS,
        KERNEL_RIDGE,
        CONVOLUTIONAL,
        DISTORTED_CONVOLUTIONAL,
        NEAREST_MEAN,
    )
}

__all__ = ["BASELINES", "INSTALL", "Baseline", "Score", "Split"]
