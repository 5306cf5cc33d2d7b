"""The class layer: ridge regression of one neuron a class on positive and negative data.

Positive data is (f, right label), negative data (f, every wrong label); f are the features of an
image, k the classes, n the images. Only the neuron of the right class has a target, and only on
positive data: n / (k n_c), which is 1 where all classes have equally many images. With the label
as a one-hot input of strength s, the Gram matrix over all k*n data is

    [[ k F'F + lambda I,  s S 1' ],  [ s 1 S',  (s^2 n + lambda) I ]],     S the sum of all
    features

so it follows from F'F, the class sums and the counts, all exact integers (Statistics). The label
part is eliminated by hand (a Schur complement), which leaves one system of the order of F'F; or
of F F', where there are fewer images than features.
"""

from array import array
from math import frexp, ldexp

import ridge

# ridge.UNIT = 2^9: features and sums are integers in units of 2^-9, Gram matrices in units of
# 2^-18
UNIT_BITS = 9
V_BITS = 28  # label weights stay below 2^28, so that goodness fits int64 with room to spare


def packed(order):
    """Elements of a packed lower triangle."""
    return order * (order + 1) // 2


class Statistics:
    """What the class layer knows of its images: Gram matrix F'F, class sums, counts. Exact, so
    images can be added, taken away, given another label and merged in any order with the same
    bits as the result.

    gram: int32, packed, features*(features+1)/2; sums: int32, classes x features; counts: int32,
    classes. Where gram is given it is taken as it is; that of a dual training, of the images,
    cannot learn on. work: workspace of ridge.work_bytes(features); made when it is first needed
    where none is given.

    All three change or none does. What an error or Ctrl-C stopped between two of them is taken
    back at once, or where another Ctrl-C came, by the next call: until then f and labels must stay
    as they are.
    """

    def __init__(
        self, features, classes, alloc=bytearray, gram=None, work=None, sums=None, counts=None
    ):
        self.features = features
        self.gram = alloc(4 * packed(features)) if gram is None else gram
        # Sums and counts in one attribute, so that one assignment changes both.
        self.held = (
            alloc(4 * features * classes) if sums is None else sums,
            array("i", [0] * classes) if counts is None else counts,
        )
        self._begun = None  # what may be half done
        self._work = work
        self._alloc = alloc

    @property
    def sums(self):
        return self.held[0]

    @property
    def counts(self):
        return self.held[1]

    @property
    def classes(self):
        return len(self.held[1])

    @property
    def images(self):
        return sum(self.held[1])

    def settle(self):
        """Takes back, or ends, what was stopped half-way."""
        if self._begun is None:
            return
        images, trace, f, labels, remove, held = self._begun
        # Each call of ridge is done or not, and what it changes tells.
        moved = trace is not None and ridge.trace(self.gram) != trace
        if held is not None:
            if moved:
                self.held = held
        elif self.images != images and not moved:
            ridge.class_sums(f, labels, self.sums, self.counts, not remove)
        self._begun = None

    def _change(self, f, labels, remove):
        self.settle()
        if self._work is None:
            self._work = self._alloc(ridge.work_bytes(self.features))
        self._begun = self.images, ridge.trace(self.gram), f, labels, remove, None
        try:
            ridge.class_sums(f, labels, self.sums, self.counts, remove)
            ridge.gram(f, self.gram, self._work, remove)
            self._begun = None
        except BaseException:
            self.settle()
            raise

    def add(self, f, labels, gram=True):
        """Adds the rows of f (int16, n x features) with their labels (uint8, n). OverflowError
        beyond 8,191 images.

        gram=False leaves the Gram matrix out: a dual solution takes the images themselves.
        """
        if gram:
            self._change(f, labels, False)
        else:
            ridge.class_sums(f, labels, self.sums, self.counts)

    def remove(self, f, labels):
        """Takes rows away that were added. ValueError where they cannot have been; nothing is
        changed then."""
        self._change(f, labels, True)

    def relabel(self, f, old, new):
        """Gives rows other labels (uint8, n each); the Gram matrix does not depend on them."""
        self.settle()
        self._begun = self.images, None, f, old, True, None
        try:
            ridge.class_sums(f, old, self.sums, self.counts, True)
            ridge.class_sums(f, new, self.sums, self.counts)
            self._begun = None
        except BaseException:
            self.settle()
            raise

    def merge(self, other):
        """Adds all images of another Statistics, for instance of another board."""
        self.settle()
        other.settle()
        if (other.features, other.classes) != (self.features, self.classes):
            raise ValueError(
                "merge: want %d features and %d classes, got %d and %d"
                % (self.features, self.classes, other.features, other.classes)
            )
        if self.images + other.images > 8191:
            raise OverflowError(
                "merge: %d images; want at most 8191" % (self.images + other.images)
            )
        held = self._room_for(0), array("i", self.counts)
        ridge.merge(held[0], other.sums)
        ridge.merge(held[1], other.counts)
        self._begun = None, ridge.trace(self.gram), None, None, None, held
        try:
            ridge.merge(self.gram, other.gram)
            self.held = held
            self._begun = None
        except BaseException:
            self.settle()
            raise

    def _room_for(self, more):
        """A copy of the sums, with room for so many classes more."""
        sums = self._alloc(len(self.sums) + 4 * self.features * more)
        sums[: len(self.sums)] = self.sums
        return sums

    def targets(self):
        """What each neuron is told on positive data of its class: the mean number of images a
        class, over that of this class. So every class counts the same, however many images it
        has; with equally many it is 1."""
        return [self.images / (self.classes * count) if count else 0.0 for count in self.counts]

    def with_class(self):
        """Sums and counts with one more class, without images yet. Nothing is changed."""
        return self._room_for(1), array("i", list(self.counts) + [0])

    def without_class(self, number):
        """Sums and counts without a class whose images have been removed: its count must be
        0. Nothing is changed."""
        if self.counts[number]:
            raise ValueError("remove class: want no images of it, got %d" % self.counts[number])
        row = 4 * self.features
        sums = self._alloc(len(self.sums) - row)
        sums[: number * row] = self.sums[: number * row]
        sums[number * row :] = self.sums[(number + 1) * row :]
        return sums, array("i", [n for c, n in enumerate(self.counts) if c != number])

    def add_class(self):
        """One more class, without images yet."""
        self.settle()
        self.held = self.with_class()

    def remove_class(self, number):
        """One class less, whose images have been removed."""
        self.settle()
        self.held = self.without_class(number)


class ClassLayer:
    """Weights of the class layer in integers: w int16 (classes x features) in units of
    2^-exponent, v int32 (classes x classes; [neuron, label]) in units of 2^-(exponent+9)."""

    def __init__(self, features, classes):
        self.features = features
        self.classes = classes
        self.w = bytearray(2 * classes * features)
        self.v = array("i", bytes(4 * classes * classes))
        self.exponent = 0

    def goodness(self, f, good, labels=None):
        """f (int16, n x features) -> good (int64, n x classes) and, where given, the label of
        most goodness (uint8, n)."""
        ridge.goodness(f, self.w, self.v, good, labels)

    def value(self, good):
        """A goodness as a float: about 1 for a datum the layer takes for positive, near 0 for a
        negative one."""
        return ldexp(float(good), -2 * (self.exponent + UNIT_BITS))


class ClassSolver:
    """Solves the class layer, in slices. Buffers come from the caller: factor (float32, packed
    order) and work (ridge.work_bytes(order)), order being the number of features, or of images in
    dual form."""

    def __init__(self, statistics, strength, factor, work, dual_gram=None, f=None, labels=None):
        self.statistics = statistics
        self.strength = strength
        self.dual = dual_gram is not None
        self._gram = dual_gram if self.dual else statistics.gram
        self._factor = factor
        self._work = work
        self._f = f
        self._labels = labels
        self._order = statistics.images if self.dual else statistics.features

    def _numbers(self, ridge_lambda):
        """lambda_abs (mean diagonal of the whole Gram matrix times lambda; all f have length 1)
        and s^2/mu."""
        n, k, s = self.statistics.images, self.statistics.classes, self.strength
        lambda_abs = ridge_lambda * k * n * (1 + s * s) / (self.statistics.features + k)
        return lambda_abs, s * s / (s * s * n + lambda_abs)

    def factorise(self, ridge_lambda):
        """A generator: factors the system for this lambda, yielding after each 16 rows."""
        statistics = self.statistics
        k = statistics.classes
        lambda_abs, ratio = self._numbers(ridge_lambda)
        self._lambda_abs, self._ratio = lambda_abs, ratio
        self._total = array("f", bytes(4 * statistics.features))
        self._targets = array("f", bytes(4 * statistics.features * k))
        ridge.class_targets(statistics.sums, statistics.counts, ratio, self._total, self._targets)
        # Arguments by name, not by **: a dictionary of them would be made in each call.
        if self.dual:
            scale, diagonal, v = ldexp(1.0, -2 * UNIT_BITS), lambda_abs / k, None
            rank1 = self.strength * self.strength / k
        else:
            scale, diagonal, v = ldexp(float(k), -2 * UNIT_BITS), lambda_abs, self._total
            rank1 = -ratio * k
        for first in range(0, self._order, ridge.PANEL):
            last = min(first + ridge.PANEL, self._order)
            ridge.factor(
                self._gram,
                self._factor,
                self._work,
                first=first,
                last=last,
                scale=scale,
                diagonal=diagonal,
                rank1=rank1,
                v=v,
            )
            yield last

    def solve(self, layer):
        """Fills a ClassLayer from the factorised system."""
        statistics = self.statistics
        features, k = statistics.features, statistics.classes
        w, targets = self._targets, statistics.targets()
        if self.dual:
            n = self._order
            alpha = array("f", bytes(4 * n * k))
            each = [ldexp(target, -UNIT_BITS) / k for target in targets]
            for i, label in enumerate(self._labels):
                alpha[i * k + label] = each[label]
            ridge.solve(self._factor, alpha, alpha, self._work)
            ridge.combine(self._f, alpha, n, w)
        else:
            for c, target in enumerate(targets):
                if target != 1:
                    for i in range(c, features * k, k):
                        w[i] *= target
            ridge.solve(self._factor, w, w, self._work)
        dots = array("f", bytes(4 * k))
        ridge.total_dot(self._total, w, dots)
        v = [
            self._ratio * ((targets[c] * statistics.counts[c] if c == label else 0) - dots[c])
            for c in range(k)
            for label in range(k)
        ]
        largest = frexp(max(max(v), -min(v)))[1]
        layer.exponent = ridge.quantise(
            w, features, layer.w, min(V_BITS - UNIT_BITS - largest, 40)
        )
        for i, value in enumerate(v):
            value = ldexp(value, layer.exponent + UNIT_BITS)
            layer.v[i] = int(value + 0.5) if value >= 0 else -int(0.5 - value)

    def leverages(self, f, out):
        """A generator: leverages of the rows of f (int16, n x features) into out (float32, n), 16
        images a step."""
        step = ridge.PANEL
        if self.dual:
            for first in range(0, self._order, step):
                last = min(first + step, self._order)
                ridge.inverse_diagonal(self._factor, out, self._work, first, last)
                yield last
            return
        row = 2 * self.statistics.features
        f, leverage = memoryview(f), memoryview(out)
        for first in range(0, len(out), step):
            last = min(first + step, len(out))
            ridge.leverage(
                self._factor,
                f[first * row : last * row],
                self._total,
                self._ratio,
                leverage[first:last],
                self._work,
            )
            yield last

    def left_out(self, layer):
        """What ridge.leave_one_out wants: (offset, factor, unit, keep), slack being offset +
        factor * leverage, and the targets (float32, 2 x classes).

        Without one of its n_c images a class is told n_c / (n_c - 1) as much on each.
        """
        counts = self.statistics.counts
        targets = array("f", self.statistics.targets() + [c / max(c - 1, 1) for c in counts])
        return self._left_out_numbers(layer), targets

    def _left_out_numbers(self, layer):
        k = self.statistics.classes
        keep = 1.0 - self._ratio
        unit = ldexp(1.0, -(layer.exponent + UNIT_BITS))
        if self.dual:
            return 0.0, self._lambda_abs / k, unit, keep
        return keep, -float(k), unit, keep
