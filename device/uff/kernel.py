"""The kernel class layer: the class layer on all products of up to four features, by the images.

The dual form of ridge regression needs inner products of features alone, u = f_i'f_j. With
phi(u) = ((1 + u)/2)^4 in their place the layer's inputs are all products of up to four features,
and one neuron a class has a weight for each stored image:

    B = phi(F F') + s^2 1 1' + lambda I,      alpha_c = t_c / k  B^-1 1_c

phi(1) = 1, so lambda needs no trace, and the label has the scale s sqrt(k): B depends on no
label and on no number of classes. New rows of its Cholesky factor follow from those above them, so
images appended give the same bits as a training from the start (append()), and another label only
another right-hand side.

The model keeps the features of all images (2 bytes each), so it is for up to some 3,000 images.
u and phi are exact integers, in units of 2^-18 and 2^-30.
"""

from array import array
from math import ldexp

import ridge
from ridge import crc32

from .classlayer import (
    SLICE,
    UNIT_BITS,
    ClassLayer,
    Groups,
    balanced_targets,
    largest_v_exponent,
)
from .stage import LayerPlan, Stage, check_rows, packed

PHI_BITS = 30
LONGEST = (1 << 18) + (1 << 16)  # squares of features: length 1, and more than rounding adds
LARGEST_PHI = 1719926784  # of an inner product of 1.25, the most that ridge takes
MOST_OUTPUT = 699999990  # of an output with its label weight, so that goodness fits int64


class KernelClassLayer(ClassLayer):
    """w: int16 (classes x images), one weight for each stored image and copy; rows: their features
    (int16, images x features)."""

    NAME = "kernel"
    KIND = 4
    FORMS = (1,)  # primal, dual
    LAMBDAS = (0.003, 0.01, 0.03, 0.1)  # leave-one-out picks among these

    def __init__(self, features, classes, rows):
        super().__init__(features, classes, self.columns(features, rows))
        self.dual = True
        self.images = rows
        self.rows = None
        self._work = None

    @staticmethod
    def columns(features, rows):
        """Weights of a neuron."""
        return rows

    @staticmethod
    def default_lambda(first_layer):
        """lambda2 where Options names none."""
        return 0.03

    @staticmethod
    def plan(rows, images, features, classes, options):
        """The LayerPlan for so many rows (images and their copies)."""
        n, f, k = rows, features, classes
        tries = len(options.lambdas)
        stages = [
            Stage("class layer Gram matrix", packed(n) * f, 1),
            Stage("class layer Cholesky", tries * n * n * n // 6, 2),
            Stage("class layer solve", tries * n * n * ridge.PANEL, 2),
        ]
        if options.leave_one_out:
            stages.append(Stage("leave-one-out", tries * n * n * n // 6, 2))
        stages.append(Stage("fitted labels", images * n * k, 3))
        return LayerPlan(
            stages,
            {
                "Gram matrix, class layer": 4 * packed(n),
                "weights of the images": (2 + 3 * 4) * k * n + 4 * n,
            },
            n,
            True,
            ridge.work_bytes(max(n, f)),
        )

    def goodness(self, f, good, labels=None):
        """f (int16, n x features) -> good (int64, n x classes) and, where given, the label of
        most goodness (uint8, n)."""
        if self._work is None:
            self._work = bytearray(4 * self.images)
        ridge.kernel_goodness(f, self.rows, self.w, self.v, self.shift, good, self._work, labels)

    def quantise(self, alpha, v):
        """Takes weights alpha (float32, images x classes) and label weights v (list of floats).

        v_exponent leaves room for the largest sum over all images."""
        n, k = self.images, self.classes
        self.exponent = ridge.quantise(alpha, n, self.w, 40)
        weights = array("h", self.w)
        most = max(sum(map(abs, weights[c * n : (c + 1) * n])) for c in range(k))
        self.v_exponent = min(largest_v_exponent(v), self.exponent + UNIT_BITS)
        largest = max(max(v), -min(v))
        while (most * LARGEST_PHI >> self.shift) + ldexp(largest, self.v_exponent) >= MOST_OUTPUT:
            self.v_exponent -= 1
        self.quantise_v(v)

    @property
    def shift(self):
        """Bits between sums of alpha phi and units of v."""
        return PHI_BITS + self.exponent - self.v_exponent

    def problem(self, training, f):
        """A generator: the kernel matrix of the features; returns the KernelSolver."""
        n = training.rows
        gram = training.alloc(4 * packed(n))
        yield from training.kernel(memoryview(f), self.features, gram, phi=True)
        self.rows = memoryview(f)[: 2 * n * self.features]
        self.gram_crc = crc32(gram)
        training.statistics = KernelSolver(
            gram,
            training.factor,
            training.work,
            training.labels,
            self.classes,
            self.label_scale,
            self.ridge_lambda,
        )
        return training.statistics

    def fitted(self, training, f, out):
        """A generator: labels of all images (uint8, images) into out, from the kernel matrix."""
        training.begin()
        for last in self.fitted_steps(training.statistics, 1 + training.copies, out):
            yield training.stage(last, training.images)
        training.end()

    def fitted_steps(self, solver, group, out):
        """A generator: likewise, for images of `group` rows each, yielding the last image that is
        done."""
        n, k = len(out), self.classes
        out = memoryview(out)
        good, work = memoryview(bytearray(8 * SLICE * k)), bytearray(4 * solver.order)
        step = SLICE if group == 1 else 1  # whole slices, or an image where copies lie between
        for first in range(0, n, SLICE):
            last = min(first + SLICE, n)
            for i in range(first, last, step):
                end = min(i + step, last)
                row = i * group
                ridge.gram_goodness(
                    solver.gram,
                    solver.order,
                    row,
                    row + end - i,
                    self.w,
                    self.v,
                    self.shift,
                    good[: 8 * (end - i) * k],
                    work,
                    out[i:end],
                )
            yield last

    def arrays(self):
        """(tag, typecode, exponent, rows, columns, buffer) of what model files hold of it."""
        k = self.classes
        yield b"ROWS", "h", UNIT_BITS, self.images, self.features, self.rows
        yield b"W2  ", "h", self.exponent, k, self.images, self.w
        yield b"V2  ", "i", self.v_exponent, k, k, self.v

    def statistics_arrays(self, solver):
        """Likewise, of the kernel matrix and the counts."""
        yield b"GRAM", "i", PHI_BITS, 1, packed(self.images), solver.gram
        yield b"CNT ", "i", 0, 1, self.classes, array("i", solver.counts)

    def wanted(self, rows):
        """tag -> (typecode, exponent, rows, columns, needed) of the arrays that load() takes."""
        k = self.classes
        return {
            b"ROWS": ("h", UNIT_BITS, rows, self.features, True),
            b"W2  ": ("h", None, k, rows, True),
            b"V2  ": ("i", None, k, k, True),
            b"GRAM": ("i", PHI_BITS, 1, packed(rows), False),
            b"CNT ": ("i", 0, 1, k, False),
        }

    def load(self, arrays):
        """Takes the arrays of a model file: tag -> (buffer, exponent)."""
        self.rows = arrays[b"ROWS"][0]
        if check_rows(b"ROWS", self.rows, self.features, LONGEST) < 0:
            raise ValueError("array ROWS: a feature below 0")
        self.w, self.exponent = arrays[b"W2  "]
        v, self.v_exponent = arrays[b"V2  "]
        self.v = array("i", v)
        if not 0 <= self.shift <= 63:
            raise ValueError(
                "exponents of alpha and v: want a shift of 0 to 63, got %d" % self.shift
            )


class KernelSolver:
    """Solves the kernel class layer, in slices.

    gram: phi (int32, packed); factor: room for the Cholesky factor (float32, packed); in both
    there may be room for more rows. work: ridge.work_bytes(rows); labels: uint8, one a row.
    """

    def __init__(self, gram, factor, work, labels, classes, label_scale, ridge_lambda):
        self.gram = gram
        self.labels = labels
        self.classes = classes
        self.label_scale = label_scale
        self.ridge_lambda = ridge_lambda
        self._factor, self._work = factor, work

    @property
    def order(self):
        return len(self.labels)

    @property
    def counts(self):
        """Rows of each class."""
        labels = bytes(self.labels)
        return [labels.count(bytes((c,))) for c in range(self.classes)]

    def factorise(self, ridge_lambda, training, tries):
        """A generator: factors the system, yielding after each 16 rows what training.stage()
        says."""
        self.ridge_lambda, n = ridge_lambda, self.order
        for first in range(0, n, ridge.PANEL):
            last = min(first + ridge.PANEL, n)
            self.factor_rows(first, last)
            yield training.stage(packed(last), packed(n) * tries)

    def factor_rows(self, first, last):
        """Rows first..last-1 of the Cholesky factor, from those above them and `ridge_lambda`."""
        ridge.factor(
            memoryview(self.gram)[: 4 * packed(last)],
            memoryview(self._factor)[: 4 * packed(last)],
            self._work,
            first=first,
            last=last,
            scale=ldexp(1.0, -PHI_BITS),
            diagonal=self.ridge_lambda,
            rank1=self.label_scale * self.label_scale,
        )

    @property
    def _ratio(self):
        square = self.label_scale * self.label_scale
        return square / (square * self.order + self.ridge_lambda)

    def solve(self, layer):
        """Fills a KernelClassLayer from the factorised system."""
        n, k, counts = self.order, self.classes, self.counts
        each = [target / k for target in balanced_targets(counts)]
        alpha = self._alpha = array("f", bytes(4 * n * k))
        for i, label in enumerate(self.labels):
            alpha[i * k + label] = each[label]
        factor = memoryview(self._factor)[: 4 * packed(n)]
        ridge.solve(factor, alpha, alpha, self._work)
        sums = array("f", bytes(4 * k))
        ridge.total_dot(array("f", [1.0] * n), alpha, sums)
        square, share = self.label_scale * self.label_scale, self._ratio * (n / k)
        v = [
            share * ((1.0 if c == label else 0.0) - 1.0 / k) + square * sums[c]
            for c in range(k)
            for label in range(k)
        ]
        layer.quantise(alpha, v)

    def leave_out(self, layer, left_out, training, tries):
        """A generator: fills left_out, yielding what training.stage() says."""
        for last in self.leave_groups(left_out, 1 + training.copies):
            yield training.stage(last, training.images * tries)

    def leave_groups(self, left_out, group):
        """A generator: fills left_out for images of `group` rows each, yielding the last image
        that is done."""
        n, k = self.order, self.classes
        groups = Groups(self.counts, group, self._ratio)
        images, most = n // group, groups.step * group
        block = memoryview(array("f", bytes(4 * most * most)))
        alpha, factor = memoryview(self._alpha), memoryview(self._factor)[: 4 * packed(n)]
        labels = bytes(self.labels[i] for i in range(0, n, group))
        for first in range(0, images, groups.step):
            last = min(first + groups.step, images)
            begin, end = first * group, last * group
            part = block[: (end - begin) * (end - begin)]
            ridge.inverse_block(factor, n, begin, end, part, self._work)
            residual = alpha[begin * k : end * k]
            groups.leave_out(part, residual, labels[first:last], left_out, first, last)
            yield last
