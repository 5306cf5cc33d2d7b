"""The linear class layer: one neuron a class, ridge regression on features and label together.

With the label as a one-hot input of scale s, the Gram matrix over all k*n data is

    [[ k F'F + lambda I,  s S 1' ],  [ s 1 S',  (s^2 n + lambda) I ]],     S the sum of all
    features

so it follows from F'F, the class sums and the counts, all exact integers (Statistics). The label
part is eliminated by hand (a Schur complement), which leaves one system of the order of F'F; or
of F F', where there are fewer images than features.
"""

from array import array
from math import ldexp

import ridge
from ridge import crc32

from .classlayer import UNIT_BITS, ClassLayer, Groups, largest_v_exponent
from .stage import LayerPlan, Stage, cheaper, packed
from .statistics import Statistics


class LinearClassLayer(ClassLayer):
    """w: int16 (classes x features)."""

    NAME = "linear"
    KIND = 3
    FORMS = (0, 1)  # primal, dual
    LAMBDAS = (0.01, 0.03, 0.1, 0.3)  # leave-one-out picks among these

    def __init__(self, features, classes, rows=0):
        super().__init__(features, classes, self.columns(features, rows))

    def like(self, classes):
        """An untrained layer with the same numbers, for so many classes."""
        layer = LinearClassLayer(self.features, classes)
        layer.label_scale, layer.ridge_lambda = self.label_scale, self.ridge_lambda
        return layer

    @staticmethod
    def columns(features, rows):
        """Weights of a neuron."""
        return features

    @staticmethod
    def default_lambda(first_layer):
        """lambda2 where Options names none, by the layer in front of it (its name, or None)."""
        return {"contrast": 0.05, "patch": 0.03, "mirror": 0.03}.get(first_layer, 0.1)

    @staticmethod
    def plan(rows, images, features, classes, options):
        """The LayerPlan for so many rows (images and their copies)."""
        n, f, k = rows, features, classes
        primal, dual = _stages(n, f, k, options, False), _stages(n, f, k, options, True)
        is_dual = cheaper(options.solver, primal, dual)
        order = n if is_dual else f
        return LayerPlan(
            (dual if is_dual else primal) + [Stage("fitted labels", images * f * k, 1)],
            {
                "Gram matrix, class layer": 4 * packed(order),
                "class sums and weights": (4 + 2 + 4 + 4) * k * f,
            },
            order,
            is_dual,
            ridge.work_bytes(max(order, f)),
        )

    def goodness(self, f, good, labels=None):
        """f (int16, n x features) -> good (int64, n x classes) and, where given, the label of
        most goodness (uint8, n)."""
        ridge.goodness(f, self.w, self.v, good, labels)

    def quantise(self, w, v):
        """Takes weights w (float32, features x classes) and label weights v (list of floats)."""
        limit = min(largest_v_exponent(v) - UNIT_BITS, 40)
        self.exponent = ridge.quantise(w, self.features, self.w, limit)
        self.v_exponent = self.exponent + UNIT_BITS
        self.quantise_v(v)

    def problem(self, training, f):
        """A generator: Gram matrix and class sums of the features; returns the LinearSolver."""
        n, m, labels = training.rows, self.features, training.labels
        dual_gram = training.alloc(4 * packed(n)) if self.dual else None
        statistics = Statistics(m, self.classes, training.alloc, dual_gram, work=training.work)
        rows = memoryview(f)
        if self.dual:
            statistics.add(f, labels, gram=False)
            yield from training.kernel(rows, m, dual_gram)
        else:
            for first, last in training.slices(n, ridge.BATCH):
                statistics.add(rows[2 * m * first : 2 * m * last], labels[first:last])
                yield training.stage(last, n)
        training.statistics = statistics
        self.gram_crc = crc32(statistics.gram)
        return LinearSolver(
            statistics, self.label_scale, training.factor, training.work, dual_gram, f, labels
        )

    def arrays(self):
        """(tag, typecode, exponent, rows, columns, buffer) of what model files hold of it."""
        k = self.classes
        yield b"W2  ", "h", self.exponent, k, self.features, self.w
        yield b"V2  ", "i", self.v_exponent, k, k, self.v

    def statistics_arrays(self, statistics):
        """Likewise, of the statistics."""
        k, gram = self.classes, statistics.gram
        yield b"GRAM", "i", 2 * UNIT_BITS, 1, len(gram) // 4, gram
        yield b"SUMS", "i", UNIT_BITS, k, self.features, statistics.sums
        yield b"CNT ", "i", 0, 1, k, statistics.counts
        if statistics.offsets is not None:
            yield b"OFFS", "q", 0, 1, k, bytes(array("q", statistics.offsets))

    def wanted(self, rows):
        """tag -> (typecode, exponent, rows, columns, needed) of the arrays that load() takes."""
        k, f = self.classes, self.features
        return {
            b"W2  ": ("h", None, k, f, True),
            b"V2  ": ("i", None, k, k, True),
            b"GRAM": ("i", 2 * UNIT_BITS, 1, packed(rows if self.dual else f), False),
            b"SUMS": ("i", UNIT_BITS, k, f, False),
            b"CNT ": ("i", 0, 1, k, False),
        }

    def load(self, arrays):
        """Takes the arrays of a model file: tag -> (buffer, exponent); without weights in a file
        of statistics alone. Returns the Statistics in it that can learn on, or None."""
        if b"W2  " in arrays:
            self.w, self.exponent = arrays[b"W2  "]
            v, self.v_exponent = arrays[b"V2  "]
            self.v = array("i", v)
            if self.v_exponent != self.exponent + UNIT_BITS:
                raise ValueError("exponents of w and v: want 9 more for v")
        if self.dual or b"GRAM" not in arrays:
            return None
        gram, bits = arrays[b"GRAM"]
        sums, sums_bits = arrays[b"SUMS"]
        return Statistics(
            self.features,
            self.classes,
            gram=gram,
            sums=sums,
            counts=array("i", arrays[b"CNT "][0]),
            offsets=list(array("q", arrays[b"OFFS"][0])) if b"OFFS" in arrays else None,
            scale=(2 * UNIT_BITS - bits, UNIT_BITS - sums_bits),
        )


class LinearSolver:
    """Solves the linear class layer, in slices. Buffers come from the caller: factor (float32,
    packed order or more) and work (ridge.work_bytes(order)), order being the number of features,
    or of rows in dual form. dual_gram: F F' (int32, packed), in dual form; f (int16, rows x
    features) and labels (uint8, rows): in dual form, and for leave-one-out."""

    def __init__(self, statistics, label_scale, factor, work, dual_gram=None, f=None, labels=None):
        self.statistics = statistics
        self.label_scale = label_scale
        self.dual = dual_gram is not None
        self.order = statistics.images if self.dual else statistics.features
        self._gram = dual_gram if self.dual else statistics.gram
        self._factor = memoryview(factor)[: 4 * packed(self.order)]
        self._work = work
        self._f = f
        self._labels = labels

    def _numbers(self, ridge_lambda):
        """lambda_abs (mean diagonal of the whole Gram matrix times lambda; all f have length 1)
        and s^2/mu."""
        n, k, s = self.statistics.images, self.statistics.classes, self.label_scale
        lambda_abs = ridge_lambda * k * n * (1 + s * s) / (self.statistics.features + k)
        return lambda_abs, s * s / (s * s * n + lambda_abs)

    def factorise(self, ridge_lambda, training=None, tries=1):
        """A generator: factors the system for this lambda, yielding after each 16 rows what
        training.stage() says, or the last row."""
        statistics = self.statistics
        k = statistics.classes
        lambda_abs, ratio = self._numbers(ridge_lambda)
        self._lambda_abs, self._ratio = lambda_abs, ratio
        self._total = array("f", bytes(4 * statistics.features))
        self._targets = array("f", bytes(4 * statistics.features * k))
        ridge.class_targets(statistics.sums, statistics.counts, ratio, self._total, self._targets)
        gram_bits, sums_bits = statistics.scale
        if sums_bits:
            by = ldexp(1.0, sums_bits)
            for numbers in (self._total, self._targets):
                for i in range(len(numbers)):
                    numbers[i] *= by
        # Arguments by name, not by **: a dictionary of them would be made in each call.
        if self.dual:
            scale, diagonal, v = ldexp(1.0, -2 * UNIT_BITS), lambda_abs / k, None
            rank1 = self.label_scale * self.label_scale / k
        else:
            scale = ldexp(float(k), gram_bits - 2 * UNIT_BITS)
            diagonal, v = lambda_abs, self._total
            rank1 = -ratio * k
        for first in range(0, self.order, ridge.PANEL):
            last = min(first + ridge.PANEL, self.order)
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
            yield training.stage(packed(last), packed(self.order) * tries) if training else last

    def solve(self, layer):
        """Fills a LinearClassLayer from the factorised system."""
        statistics = self.statistics
        features, k = statistics.features, statistics.classes
        w, targets = self._targets, statistics.targets()
        if self.dual:
            n = self.order
            alpha = self._alpha = array("f", bytes(4 * n * k))
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
        layer.quantise(w, v)

    def leave_out(self, layer, left_out, training, tries):
        """A generator: fills left_out, yielding what training.stage() says."""
        if training.copies:
            steps = self.leave_groups(layer, left_out, 1 + training.copies)
        else:
            steps = self.leave_images(layer, left_out)
        for last in steps:
            yield training.stage(last, training.images * tries)

    def leave_images(self, layer, left_out):
        """A generator: fills left_out, yielding the last image that is done."""
        statistics, k = self.statistics, self.statistics.classes
        # Balanced targets: with one of n_c images left out, its class has n_c / (n_c - 1) as much.
        gains = [c / max(c - 1, 1) for c in statistics.counts]
        targets = array("f", statistics.targets() + gains)
        keep = 1.0 - self._ratio
        unit = ldexp(1.0, -(layer.exponent + UNIT_BITS))
        # slack = offset + factor * leverage
        offset, factor = (0.0, self._lambda_abs / k) if self.dual else (keep, -float(k))
        by = offset, factor, unit, keep
        leverage = array("f", bytes(4 * len(self._labels)))
        rows, row, labels = memoryview(self._f), 2 * layer.features, self._labels
        leverages = memoryview(leverage)
        predicted, residuals, margins = (
            memoryview(a) for a in (left_out.predicted, left_out.residuals, left_out.margins)
        )
        first = 0
        for last in self.leverages(rows, leverage):
            ridge.leave_one_out(
                rows[first * row : last * row],
                layer.w,
                layer.v,
                labels[first:last],
                leverages[first:last],
                by,
                predicted[first:last],
                residuals[first:last],
                margins[first:last],
                targets,
            )
            first = last
            yield last

    def leave_groups(self, layer, left_out, group):
        """A generator: likewise, for images of `group` rows each."""
        groups = Groups(self.statistics.counts, group, self._ratio)
        k, n = self.statistics.classes, len(self._labels) // group
        most = groups.step * group
        block, residual = array("f", bytes(4 * most * most)), array("f", bytes(4 * most * k))
        for first in range(0, n, groups.step):
            last = min(first + groups.step, n)
            begin, end = first * group, last * group
            rows = end - begin
            part = memoryview(block)[: rows * rows]
            error = memoryview(residual)[: rows * k]
            if self.dual:
                ridge.inverse_block(self._factor, self.order, begin, end, part, self._work)
                for i in range(rows * k):
                    error[i] = ldexp(self._alpha[begin * k + i], UNIT_BITS)
            else:
                self._primal_block(layer, groups, begin, end, part, error)
            labels = bytes(self._labels[i * group] for i in range(first, last))
            groups.leave_out(part, error, labels, left_out, first, last)
            yield last

    def _primal_block(self, layer, groups, begin, end, block, residual):
        """What the dual form has as (B^-1)_II and alpha_I, both times lambda / k."""
        k, rows, row = self.statistics.classes, end - begin, 2 * layer.features
        f = memoryview(self._f)[begin * row : end * row]
        ridge.leverage_block(self._factor, f, self._total, self._ratio, block, self._work)
        for i in range(rows):
            for j in range(rows):
                at = i * rows + j
                block[at] = (1.0 if i == j else 0.0) - self._ratio - k * block[at]
        z = array("i", bytes(4 * rows * k))
        ridge.outputs(f, layer.w, layer.features, z)
        unit = ldexp(1.0, -(layer.exponent + UNIT_BITS))
        means = [sum(layer.v[c * k : (c + 1) * k]) / k for c in range(k)]
        for i in range(rows):
            for c in range(k):
                target = groups.targets[c] / k if self._labels[begin + i] == c else 0.0
                residual[i * k + c] = target - (z[i * k + c] + means[c]) * unit

    def leverages(self, f, out):
        """A generator: leverages of the rows of f (int16, rows x features) into out (float32,
        rows), 16 a step."""
        step = ridge.PANEL
        if self.dual:
            for first in range(0, self.order, step):
                last = min(first + step, self.order)
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


def _stages(n, f, k, options, dual):
    tries = len(options.lambdas)
    order = n if dual else f
    stages = [
        Stage("class layer Gram matrix", packed(n) * f if dual else n * packed(f), 1),
        Stage("class layer Cholesky", tries * order * order * order // 6, 2),
        # A panel holds 16 right-hand sides whatever k is.
        Stage(
            "class layer solve",
            tries * (order * order * ridge.PANEL + (n * f * ridge.PANEL if dual else 0)),
            2,
        ),
    ]
    if options.leave_one_out:
        macs = n * n * n // 6 if dual else n * f * f // 2
        stages.append(Stage("leave-one-out", tries * (macs + n * f * k), 2))
    return stages
