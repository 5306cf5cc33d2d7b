"""The contrast layer: dense neurons, each trained to tell one positive from one negative datum.

Neuron j is given an image of class c as positive datum and an image of another class d, with the
same label c drawn in, as negative datum: target +1, -1, and 0 on all other data. Both carry the
same label, so the label cancels, and W = (X'X + lambda t I)^-1 (x_a - x_b), t the mean diagonal.

Contrast pairs: the ordered class pairs (c, d) take turns and each class deals its images in a
shuffled order, so all serve about equally often; a class that is used up is shuffled anew, or the
same pairs would come round again (of 500 neurons on 3 x 100 images only 150 would differ).
Everything follows from the seed, in 32-bit integers, so host and boards agree.
"""

from array import array

import ridge
from ridge import crc32

from .stage import LayerPlan, Stage, cheaper, check_rows, packed

SLICE = 16  # neurons solved together
LONGEST = 1 << 30  # squares of a row of weights; of a trained one 2^28


class ContrastLayer:
    """Layer 1 of dense neurons: relu of each one's response, all scaled to length 512.

    w: int16 (outputs x inputs) in units of 2^-14, each row of length 1; None before training.
    """

    NAME = "contrast"
    KIND = 1  # in model files
    FORMS = (0, 1)  # primal, dual
    OUTPUTS = 500  # neurons where Options names none
    LAMBDA = 5.0
    PARAMETER = 0.0  # it has none
    WHOLE = False  # it sees the image part: the label pixels belong to the label

    def __init__(self, embedding, neurons):
        self.height, self.width = embedding.height, embedding.width
        self.inputs = embedding.features
        self.outputs = self.neurons = neurons
        self.ridge_lambda = 0.0
        self.dual = False
        self.gram_crc = 0  # CRC-32 of the exact Gram matrix
        self.parameter = self.PARAMETER
        self.w = None

    @staticmethod
    def check(neurons):
        """ValueError where there can be no layer of so many neurons."""
        if not (isinstance(neurons, int) and 2 <= neurons <= 4096):
            raise ValueError("hidden: want 2 to 4096 neurons, got %r" % (neurons,))

    @staticmethod
    def plan(rows, embedding, neurons, options, kept=False):
        """The LayerPlan for so many rows (images and their copies). kept: of apply() alone."""
        n, m, q = rows, embedding.features, neurons
        encode, hidden = Stage("encode images", n * m, 4), Stage("hidden values", n * m * q, 1)
        arrays = {"encoded images": 2 * n * m, "hidden values": 2 * n * q}
        if kept:
            return LayerPlan([encode, hidden], arrays, work=ridge.work_bytes(m, q))
        primal, dual = _stages(n, m, q, False), _stages(n, m, q, True)
        is_dual = cheaper(options.solver, primal, dual)
        order = n if is_dual else m
        more = {
            "layer 1 weights": 2 * q * m,
            "panel of layer 1": 4 * ridge.PANEL * m,
            "Gram matrix, layer 1": 4 * packed(order),
        }
        if is_dual:
            more["targets of a panel of neurons"] = 2 * 4 * SLICE * n
        arrays.update(more)
        stages = [encode] + (dual if is_dual else primal) + [hidden]
        return LayerPlan(stages, arrays, order, is_dual, ridge.work_bytes(max(order, m), q))

    @property
    def work_bytes(self):
        """Workspace of forward() for a single image."""
        return 4 * self.neurons

    @property
    def batch_work_bytes(self):
        """Workspace of forward() for many."""
        return ridge.work_bytes(self.inputs, self.neurons)

    def forward(self, x, out, work):
        """x (int16, n x inputs) -> out (int16, n x outputs)."""
        ridge.project(x, self.w, self.inputs, out, work)

    def fit(self, training):
        """A generator: trains, yielding (stage, part done) after each slice; returns the outputs
        of all rows (int16, rows x outputs)."""
        n, m, q = training.rows, self.inputs, self.neurons
        alloc, work = training.alloc, training.work
        # Big arrays first, each once.
        x = training.x = alloc(2 * n * m)
        out = alloc(2 * n * q)
        factor = training.factor
        panel = memoryview(alloc(4 * ridge.PANEL * m))
        yield from training.encode(x)
        self.w = alloc(2 * q * m)
        rows = memoryview(x)
        order = n if self.dual else m
        gram = training.statistics1 = alloc(4 * packed(order))
        if self.dual:
            yield from training.kernel(rows, m, gram)
        else:
            for first, last in training.slices(n, ridge.BATCH):
                ridge.gram(rows[2 * m * first : 2 * m * last], gram, work)
                yield training.stage(last, n)
        self.gram_crc = crc32(gram)
        trace = ridge.trace(gram)
        if not trace:
            raise ValueError("all images are blank; there is nothing to learn from")
        lambda_abs = self.ridge_lambda * (trace / m)
        factor = factor[: 4 * packed(order)]
        for first, last in training.slices(order):
            ridge.factor(gram, factor, work, first=first, last=last, diagonal=lambda_abs)
            yield training.stage(packed(last), packed(order))

        a, b = contrast_pairs(training.labels, training.classes, q, training.seed)
        w = memoryview(self.w)
        if self.dual:
            # Once, not for each slice: among big arrays the heap takes long to find a place.
            targets, zeros = (memoryview(array("f", bytes(4 * n * SLICE))) for _ in range(2))
        for first, last in training.slices(q):
            count = last - first
            target = panel[: 4 * m * count]
            if self.dual:
                alpha = targets[: n * count]
                alpha[:] = zeros[: n * count]
                for j in range(first, last):
                    alpha[a[j] * count + j - first] = 1.0
                    alpha[b[j] * count + j - first] = -1.0
                ridge.solve(factor, alpha, alpha, work)
                ridge.combine(x, alpha, n, target)
            else:
                ridge.contrast(x, m, a[first:last], b[first:last], target)
                ridge.solve(factor, target, target, work)
            ridge.unit_rows(target, m, w[2 * m * first : 2 * m * last])
            yield training.stage(last, q)

        yield from self._outputs(training, rows, out)
        return out

    def apply(self, training):
        """A generator: fit() of a layer that is trained already, and kept."""
        x = training.x = training.alloc(2 * training.rows * self.inputs)
        out = training.alloc(2 * training.rows * self.neurons)
        yield from training.encode(x)
        yield from self._outputs(training, memoryview(x), out)
        return out

    def _outputs(self, training, rows, out):
        outputs, m, q = memoryview(out), 2 * self.inputs, 2 * self.neurons
        for first, last in training.slices(training.rows, ridge.ROWS):
            self.forward(rows[m * first : m * last], outputs[q * first : q * last], training.work)
            yield training.stage(last, training.rows)

    def arrays(self):
        """(tag, typecode, exponent, rows, columns, buffer) of what model files hold of it."""
        yield b"W1  ", "h", 14, self.neurons, self.inputs, self.w

    def statistics_arrays(self, gram):
        """Likewise, of its Gram matrix."""
        yield b"GRM1", "i", 18, 1, len(gram) // 4, gram

    def wanted(self, rows):
        """tag -> (typecode, exponent, rows, columns, needed) of the arrays that load() takes."""
        order = rows if self.dual else self.inputs
        return {
            b"W1  ": ("h", 14, self.neurons, self.inputs, True),
            b"GRM1": ("i", 18, 1, packed(order), False),
        }

    def load(self, arrays):
        """Takes the arrays of a model file: tag -> (buffer, exponent); returns the Gram matrix or
        None."""
        self.w = arrays[b"W1  "][0]
        check_rows(b"W1  ", self.w, self.inputs, LONGEST)
        return arrays[b"GRM1"][0] if b"GRM1" in arrays else None


def _stages(n, m, q, dual):
    if dual:
        return [
            Stage("layer 1 Gram matrix", packed(n) * m, 1),
            Stage("layer 1 Cholesky", n * n * n // 6, 2),
            Stage("layer 1 solve", n * n * q + n * m * q, 2),
        ]
    return [
        Stage("layer 1 Gram matrix", n * packed(m), 1),
        Stage("layer 1 Cholesky", m * m * m // 6, 2),
        Stage("layer 1 solve", m * m * q, 2),
    ]


class Xorshift32:
    """Marsaglia's xorshift generator (13, 17, 5); the first 8 numbers are thrown away.

    The state is kept as two halves of 16 bits, as boards have no small integers of 32 bits.
    """

    def __init__(self, seed):
        state = (seed * 2654435769 + 1) & 0xFFFFFFFF or 1
        self._high, self._low = state >> 16, state & 0xFFFF
        for _ in range(8):
            self._step()

    def _step(self):
        high, low = self._high, self._low
        high ^= (high << 13 | low >> 3) & 0xFFFF
        low ^= low << 13 & 0xFFFF
        low ^= high >> 1
        high ^= (high << 5 | low >> 11) & 0xFFFF
        low ^= low << 5 & 0xFFFF
        self._high, self._low = high, low

    def next(self):
        """A whole number from 0 to 2^32-1."""
        self._step()
        return self._high << 16 | self._low

    def below(self, n):
        """A whole number from 0 to n-1."""
        self._step()
        return ((self._high % n << 16) + self._low) % n


def contrast_pairs(labels, classes, neurons, seed):
    """Two arrays of image numbers (uint16, one element a neuron): positive a, negative b.

    labels: one of 0..classes-1 for each image. ValueError where a class has no image or there is
    only one class.
    """
    if classes < 2:
        raise ValueError("layer 1 contrasts classes: want 2 or more, got %d" % classes)
    random = Xorshift32(seed)
    counts = [0] * classes
    for label in labels:
        counts[label] += 1
    orders = [array("H", bytes(2 * count)) for count in counts]  # whole at once: growing is slow
    dealt = [0] * classes
    for i, label in enumerate(labels):
        orders[label][dealt[label]] = i
        dealt[label] += 1
    for c, count in enumerate(counts):
        if not count:
            raise ValueError("class %d has no images" % c)
        dealt[c] = 0

    def deal(c):
        # One step of a Fisher-Yates shuffle; a class that is used up begins anew.
        order, at = orders[c], dealt[c]
        drawn = at + random.below(len(order) - at)
        image = order[drawn]
        order[drawn] = order[at]
        order[at] = image
        dealt[c] = (at + 1) % len(order)
        return image

    a = array("H", bytes(2 * neurons))
    b = array("H", bytes(2 * neurons))
    for j in range(neurons):
        shift, c = divmod(j % (classes * (classes - 1)), classes)
        a[j] = deal(c)
        b[j] = deal((c + 1 + shift) % classes)
    return a, b
