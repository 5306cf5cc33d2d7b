"""The patch layer: filters of 6 x 6 pixels shared by all places of the image.

Filter j is given a patch of an image of class c as positive datum and the patch at the same place
of an image of another class d, with the label c, as negative datum: target +1, -1, and 0 on all
other patches. Ridge regression on centred patches: w = (C + lambda t I)^-1 (p_a - p_b), C the
covariance of patches at 12 places of each image, t its mean diagonal; each filter is scaled so
that its response has variance 1. So training it is a system of order 36.

Outputs: relu(z - 0.4) and relu(-z - 0.4) of every filter's response z at every place, averaged in
the cells of a 4 x 4 grid; their roots, all together scaled to length 512.

Sources: Coates, Lee and Ng 2011 (whitened patches, two-sided ReLU, pooling); Chan et al. 2015
(PCANet).
"""

from array import array
from math import ldexp
from struct import unpack_from

import ridge
from ridge import crc32

from .contrast import contrast_pairs
from .stage import LayerPlan, Stage, check_rows, packed, snap

SIDE = ridge.PATCH
ELEMENTS = SIDE * SIDE
PLACES = 12  # places of each image that the statistics look at
UNIT_BITS = 9  # elements of an encoded image are in units of 2^-9

BATCH = 16  # images encoded together
LONGEST = (1 << 29) - 1  # squares of a filter: the most that ridge takes
MOST_RESPONSE = 1 << 24  # biases and threshold are below it
PAIRS_SEED = 0x5BD1E995  # the places of the contrast pairs have a seed of their own


class PatchLayer:
    """Layer 1 of filters.

    w: int16 (neurons x 36) in units of 2^-exponent, bias: int32 (neurons) in units of
    2^-(exponent+9); None before training.
    """

    NAME = "patch"
    KIND = 2
    FORMS = (0,)  # primal, dual
    OUTPUTS = 32
    LAMBDA = 0.6
    PARAMETER = snap(0.4)  # threshold of the responses
    WHOLE = True  # it sees all pixels: the label is given to the class layer alone

    MOST = ridge.MAX_FILTERS
    CELLS = ridge.GRID  # of the grid, in a direction
    EACH = 2 * CELLS * CELLS  # outputs of a filter
    RESPONSES = 1  # of a filter at a place

    def __init__(self, embedding, neurons):
        self.height, self.width = embedding.height, embedding.width
        self.inputs = embedding.size
        self.neurons = neurons
        self.outputs = self.EACH * neurons
        self.ridge_lambda = 0.0
        self.parameter = self.PARAMETER
        self.dual = False
        self.gram_crc = 0  # CRC-32 of the exact Gram matrix of the patches
        self.exponent = 0
        self.w = self.bias = None
        least = SIDE + self.CELLS - 1
        if min(self.height, self.width) < least:
            raise ValueError(
                "a %s layer wants images of %d x %d or more, got %d x %d"
                % (self.NAME, least, least, self.height, self.width)
            )

    @classmethod
    def check(cls, neurons):
        """ValueError where there can be no layer of so many filters."""
        if not (isinstance(neurons, int) and 4 <= neurons <= cls.MOST and neurons % 4 == 0):
            raise ValueError(
                "hidden: want 4 to %d filters, a multiple of 4, got %r" % (cls.MOST, neurons)
            )

    @classmethod
    def plan(cls, rows, embedding, neurons, options, kept=False):
        """The LayerPlan for so many rows (images and their copies). kept: of apply() alone."""
        n, m, q = rows, embedding.size, neurons
        layer = cls(embedding, q)
        places = (layer.height - SIDE + 1) * (layer.width - SIDE + 1)
        macs = cls.RESPONSES * places * ELEMENTS * q
        features = Stage("patch features", n * (macs + m), 1.2)
        arrays = {"a batch of images": 2 * m * BATCH, "patch features": 2 * n * layer.outputs}
        work = layer.work_bytes
        if kept:
            return LayerPlan([features], arrays, work=work)
        arrays["images of the contrast pairs, another batch"] = 2 * m * (min(2 * q, n) + BATCH)
        arrays["layer 1 weights"] = (2 + 3 * 4) * q * ELEMENTS + 8 * packed(ELEMENTS) + 1024
        return LayerPlan(
            [
                Stage("patch statistics", n * (m + PLACES * packed(ELEMENTS)), 4),
                Stage("layer 1 filters", ELEMENTS * ELEMENTS * (q + 6), 8),
                features,
            ],
            arrays,
            work=max(work, ridge.patch_work_bytes(), ridge.work_bytes(ELEMENTS)),
        )

    @property
    def work_bytes(self):
        """Workspace of forward()."""
        return ridge.patch_work_bytes(self.neurons)

    batch_work_bytes = work_bytes

    def forward(self, x, out, work):
        """x (int16, n x inputs) -> out (int16, n x outputs)."""
        ridge.patch_features(
            x, self.height, self.width, self.w, self.bias, self.threshold, out, work
        )

    @property
    def threshold(self):
        """Of the responses, in the units of the biases."""
        return int(ldexp(self.parameter, self.exponent + UNIT_BITS) + 0.5)

    def fit(self, training):
        """A generator: trains, yielding (stage, part done) after each slice; returns the outputs
        of all rows (int16, rows x outputs).

        The images are read twice rather than kept: they are nearly as large as the features.
        """
        yield from self.learn(training)
        return (yield from self.apply(training))

    def learn(self, training):
        """A generator: the filters alone."""
        n, m, q = training.rows, self.inputs, self.neurons
        alloc, work = training.alloc, training.work
        batch = memoryview(alloc(2 * m * BATCH))
        a, b = contrast_pairs(training.labels, training.classes, q, training.seed)
        drawn = sorted(set(a) | set(b))
        pairs = memoryview(alloc(2 * m * len(drawn)))
        gram = alloc(4 * packed(ELEMENTS))
        sums = array("i", bytes(4 * ELEMENTS))
        patches = at = 0
        for first, last, rows in training.batches(batch):
            patches += ridge.patch_gram(rows, self.height, self.width, gram, sums, work)
            while at < len(drawn) and drawn[at] < last:
                row = 2 * m * (drawn[at] - first)
                pairs[2 * m * at : 2 * m * (at + 1)] = rows[row : row + 2 * m]
                at += 1
            yield training.stage(last, n)
        training.statistics1 = gram, sums, patches
        self.gram_crc = crc32(gram)

        training.begin()
        numbers = {row: i for i, row in enumerate(drawn)}
        a, b = (array("H", [numbers[row] for row in rows]) for rows in (a, b))
        self._filters(pairs, a, b, gram, sums, patches, training.seed, work)
        yield training.stage(1, 1)
        training.end()

    def apply(self, training):
        """A generator: fit() of a layer that is trained already, and kept."""
        out = training.alloc(2 * training.rows * self.outputs)
        batch = memoryview(training.alloc(2 * self.inputs * BATCH))
        outputs, row = memoryview(out), 2 * self.outputs
        for first, last, rows in training.batches(batch):
            self.forward(rows, outputs[first * row : last * row], training.work)
            yield training.stage(last, training.rows)
        return out

    def _filters(self, x, a, b, gram, sums, patches, seed, work):
        """Weights and biases from the contrast pairs a, b (rows of x) and the statistics."""
        q = self.neurons
        mean = array("f", [ldexp(float(s), -UNIT_BITS) for s in sums])  # times the patches
        t = _mean_variance(gram, mean, patches) if patches else 0.0
        if not t > 0:
            raise ValueError("all images are blank; there is nothing to learn from")
        factor = array("f", bytes(4 * packed(ELEMENTS)))
        ridge.factor(
            gram,
            factor,
            work,
            scale=ldexp(1.0, -2 * UNIT_BITS) / patches,
            diagonal=self.ridge_lambda * t,
            rank1=-1.0 / patches / patches,
            v=mean,
        )
        filters = array("f", bytes(4 * ELEMENTS * q))
        ridge.patch_contrast(x, self.height, self.width, a, b, seed ^ PAIRS_SEED, filters)
        ridge.solve(factor, filters, filters, work)
        self.w = bytearray(2 * q * ELEMENTS)
        self.bias = array("i", bytes(4 * q))
        self.exponent = ridge.patch_filters(filters, gram, sums, patches, self.w, self.bias)

    def arrays(self):
        """(tag, typecode, exponent, rows, columns, buffer) of what model files hold of it."""
        yield b"W1  ", "h", self.exponent, self.neurons, ELEMENTS, self.w
        yield b"B1  ", "i", self.exponent + UNIT_BITS, 1, self.neurons, self.bias

    def statistics_arrays(self, statistics):
        """Likewise, of the statistics of the patches: Gram matrix, sums, how many."""
        gram, sums, patches = statistics
        yield b"GRM1", "i", 2 * UNIT_BITS, 1, packed(ELEMENTS), gram
        yield b"SUM1", "i", UNIT_BITS, 1, ELEMENTS, sums
        yield b"NUM1", "i", 0, 1, 1, array("i", [patches])

    def wanted(self, rows):
        """tag -> (typecode, exponent, rows, columns, needed) of the arrays that load() takes."""
        return {
            b"W1  ": ("h", None, self.neurons, ELEMENTS, True),
            b"B1  ": ("i", None, 1, self.neurons, True),
            b"GRM1": ("i", 2 * UNIT_BITS, 1, packed(ELEMENTS), False),
            b"SUM1": ("i", UNIT_BITS, 1, ELEMENTS, False),
            b"NUM1": ("i", 0, 1, 1, False),
        }

    def load(self, arrays):
        """Takes the arrays of a model file: tag -> (buffer, exponent); returns the statistics or
        None. ValueError where they cannot be filters."""
        self.w, self.exponent = arrays[b"W1  "]
        bias, exponent = arrays[b"B1  "]
        if not -10 <= self.exponent <= 20 or exponent != self.exponent + UNIT_BITS:
            raise ValueError("exponents of the filters: want one from -10 to 20 and 9 more")
        self.bias = array("i", bias)
        check_rows(b"W1  ", self.w, ELEMENTS, LONGEST)
        if max(max(self.bias), -min(self.bias), self.threshold) >= MOST_RESPONSE:
            raise ValueError("biases and threshold: want them below %d" % MOST_RESPONSE)
        if b"GRM1" not in arrays:
            return None
        sums, patches = (array("i", arrays[tag][0]) for tag in (b"SUM1", b"NUM1"))
        if patches[0] < 1:
            raise ValueError("patches: want 1 or more, got %d" % patches[0])
        return arrays[b"GRM1"][0], sums, patches[0]


def _mean_variance(gram, mean, patches):
    """Mean over the elements of a patch of their variances."""
    total = 0.0
    for i in range(ELEMENTS):
        square = unpack_from("<i", gram, 4 * (packed(i + 1) - 1))[0]
        average = mean[i] / patches
        total += ldexp(float(square), -2 * UNIT_BITS) / patches - average * average
    return total / ELEMENTS
