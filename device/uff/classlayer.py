"""What the class layers share: one neuron a class, ridge regression on positive and negative data.

Positive data is (f, right label), negative data (f, every wrong label); f are the features of an
image, k the classes, n the images. Only the neuron of the right class has a target, and only on
positive data: n / (k n_c), which is 1 where all classes have equally many images. Goodness of a
label: the sum over the neurons of relu(output)^2 with that label.

Copies of an image count as images here. Leave-one-out leaves out an image with all its copies.
"""

from array import array
from math import frexp, ldexp

import ridge

# ridge.UNIT = 2^9: features and sums are integers in units of 2^-9, Gram matrices in units of
# 2^-18
UNIT_BITS = 9
V_BITS = 28  # label weights stay below 2^28, so that goodness fits int64 with room to spare
SLICE = 16


def largest_v_exponent(v):
    """Most that v_exponent can be for these label weights (floats)."""
    return V_BITS - frexp(max(max(v), -min(v)))[1]


def balanced_targets(counts):
    """Target of each neuron on positive data of its class: the mean number of images a class, over
    that of this class. So every class counts the same, however many images it has; with equally
    many it is 1."""
    images, classes = sum(counts), len(counts)
    return [images / (classes * count) if count else 0.0 for count in counts]


class ClassLayer:
    """Weights of a class layer in integers: w int16 in units of 2^-exponent, v int32 (classes x
    classes; [neuron, label]) in units of 2^-v_exponent."""

    def __init__(self, features, classes, columns):
        self.features = features
        self.classes = classes
        self.label_scale = 0.0  # of the label among the inputs
        self.ridge_lambda = 0.0
        self.dual = False
        self.gram_crc = 0  # CRC-32 of the exact Gram matrix
        self.w = bytearray(2 * classes * columns)
        self.v = array("i", bytes(4 * classes * classes))
        self.exponent = self.v_exponent = 0

    PARAMETER = None

    @property
    def inputs(self):
        return self.features

    @property
    def neurons(self):
        return self.classes

    @property
    def parameter(self):
        """Its number in model files beside lambda: the label_scale."""
        return self.label_scale

    @parameter.setter
    def parameter(self, value):
        self.label_scale = value

    def value(self, good):
        """A goodness as a float: about 1 for a datum the layer takes for positive, near 0 for a
        negative one."""
        return ldexp(float(good), -2 * self.v_exponent)

    def quantise_v(self, v):
        """Takes label weights v (list of floats) in units of 2^-v_exponent."""
        for i, value in enumerate(v):
            value = ldexp(value, self.v_exponent)
            self.v[i] = int(value + 0.5) if value >= 0 else -int(0.5 - value)

    def fit(self, training, f):
        """A generator: trains on the features f (int16, rows x features), yielding (stage, part
        done) after each slice. Cholesky, solution and leave-one-out come once for each lambda to
        try; the best is kept."""
        problem = yield from self.problem(training, f)
        options, n = training.options, training.images
        cholesky, solve = training.next_stage(), training.next_stage()
        leave_out = training.next_stage() if options.leave_one_out else None
        tries = len(options.lambdas)
        left_out = LeftOut(n)
        best = None
        for ridge_lambda in options.lambdas:
            training.begin(cholesky)
            yield from problem.factorise(ridge_lambda, training, tries)
            training.end(tries)
            training.begin(solve)
            problem.solve(self)
            yield training.stage(1, tries)
            training.end(tries)
            self.ridge_lambda = ridge_lambda
            if not leave_out:
                continue
            training.begin(leave_out)
            yield from problem.leave_out(self, left_out, training, tries)
            training.end(tries)
            # Most right; then least squared error; then the larger lambda, which comes later.
            rank = (left_out.correct(training.labels_of_images), -sum(left_out.residuals))
            if best is None or rank >= best[0]:
                w, v = bytes(self.w), array("i", self.v)
                best = rank, ridge_lambda, w, v, self.exponent, self.v_exponent
                training.left_out = left_out.copy()
        if best:
            _, self.ridge_lambda, self.w[:], self.v, self.exponent, self.v_exponent = best

    def fitted(self, training, f, out):
        """A generator: labels of all images (uint8, images) into out."""
        n, row, step = training.images, 2 * self.features, 1 + training.copies
        rows, out = memoryview(f), memoryview(out)
        good = memoryview(bytearray(8 * SLICE * self.classes))
        for first, last in training.slices(n):
            if step == 1:
                self.goodness(
                    rows[row * first : row * last],
                    good[: 8 * (last - first) * self.classes],
                    out[first:last],
                )
            else:
                for i in range(first, last):
                    at = row * step * i
                    self.goodness(rows[at : at + row], good[: 8 * self.classes], out[i : i + 1])
            yield training.stage(last, n)


class LeftOut:
    """What each image gets from a network that was trained without it and its copies.

    predicted: label (uint8, images); residuals: sum of squared errors (float32), large where a
    label looks wrong; margins: goodness of the right label less the best wrong one (float32),
    below 0 where the prediction is wrong.
    """

    def __init__(self, images):
        self.predicted = bytearray(images)
        self.residuals = array("f", bytes(4 * images))
        self.margins = array("f", bytes(4 * images))

    def correct(self, labels):
        """How many are right."""
        return sum(1 for i, label in enumerate(labels) if self.predicted[i] == label)

    def copy(self):
        other = LeftOut(0)
        other.predicted = bytearray(self.predicted)
        other.residuals, other.margins = array("f", self.residuals), array("f", self.margins)
        return other


class Groups:
    """Leave-one-out of images with their copies, from blocks of the inverse of the system.

    counts: rows of each class; group: rows of each image (1 + copies); ratio: s^2/mu, the share of
    one row in what the label weights know.
    """

    def __init__(self, counts, group, ratio):
        k = len(counts)
        targets = balanced_targets(counts)
        gain = [count / max(count - group, 1) for count in counts]
        share = [targets[c] * ratio / (1.0 - group * ratio) for c in range(k)]
        others = [share[c] * counts[c] for c in range(k)]
        own = [share[c] * (counts[c] - group) for c in range(k)]
        self.targets = targets
        self.group = group
        self.step = max(ridge.PANEL // group, 1)  # images whose rows fill a panel
        self._numbers = array("f", targets + gain + others + own)

    def leave_out(self, block, residual, labels, left_out, first, last):
        """Images first..last-1, whose labels (uint8) are given, from the block (float32) of their
        rows and its residuals (float32, rows x classes)."""
        predicted, residuals, margins = (
            memoryview(a)[first:last]
            for a in (left_out.predicted, left_out.residuals, left_out.margins)
        )
        ridge.leave_group_out(
            block,
            residual,
            self.group,
            labels,
            self._numbers,
            predicted,
            residuals,
            margins,
        )
