"""Learning image by image with a kernel class layer, exactly: the same bits as a training from the
start on the images that are there, in their order.

Layer 1 is kept. Rows of the Cholesky factor follow from those above them, so an image appended
costs its own rows, one taken away the rows behind it, and another label only a solution.

learner = KernelLearner(layer1, embedding, names, Options("uff_kernel", copies=15), rows=1024)
learner.add(image, label)
for done in learner.update():     # in slices of less than 20 million multiply-adds
    ...
learner.network.predict(image)
"""

import ridge
from ridge import crc32

from .classlayer import LeftOut
from .kernel import KernelSolver
from .network import Network, check_kept
from .stage import MAX_COPIES, packed

SLICE = 16


class KernelLearner:
    """Images, their copies and the network that knows them.

    layer1: a trained feature layer; rows: images and copies that there is room for. The arrays
    come from alloc(bytes), the workspace from alloc.fast(bytes) where there is one; they serve any
    number of copies (restart()).

    network: of the last update(), or None before one, and after an image was taken away.
    """

    def __init__(self, layer1, embedding, names, options, rows, alloc=bytearray):
        _check(layer1, embedding, options)
        self.embedding = embedding
        self.room = rows
        features = layer1.outputs
        self._rows = memoryview(alloc(2 * rows * features))
        self._gram = alloc(4 * packed(rows))
        self._factor = alloc(4 * packed(rows))
        self._work = getattr(alloc, "fast", alloc)(self.work_bytes(layer1, rows))
        self._x = bytearray(2 * (1 + MAX_COPIES) * layer1.inputs)
        self._copies = bytearray(MAX_COPIES * embedding.size)
        self.restart(layer1, names, options)

    def restart(self, layer1, names, options):
        """Begins again without images, with another layer 1 of the same size, other classes, or
        another number of copies."""
        _check(layer1, self.embedding, options)
        self._labels = bytearray()  # of the images
        self._valid = 0  # rows of the kernel matrix and the factor that are there
        self.network = self.solver = None
        self.layer1, self.names, self.options = layer1, list(names), options
        self.group = 1 + options.copies

    @staticmethod
    def work_bytes(layer1, rows):
        """Workspace for so many rows."""
        return max(layer1.batch_work_bytes, ridge.work_bytes(max(rows, layer1.outputs)))

    @staticmethod
    def memory_bytes(layer1, embedding, rows):
        """What the arrays of a learner take."""
        return (
            2 * rows * layer1.outputs
            + 2 * 4 * packed(rows)
            + KernelLearner.work_bytes(layer1, rows)
            + 2 * (1 + MAX_COPIES) * layer1.inputs
            + MAX_COPIES * embedding.size
        )

    def __len__(self):
        return len(self._labels)

    @property
    def labels(self):
        """Labels of the images (a copy)."""
        return bytes(self._labels)

    def add(self, image, label):
        """Adds an image (uint8, height*width) and its copies; the next update() learns it.
        ValueError where there is no room, or no such class: nothing changed."""
        self.embedding.check(image)
        self._check_label(label)
        n, group = len(self._labels), self.group
        if (n + 1) * group > self.room:
            raise ValueError(
                "images: want at most %d with %d copies each" % (self.room // group, group - 1)
            )
        whole, row = self.layer1.WHOLE, 2 * self.layer1.inputs
        x = memoryview(self._x)[: group * row]
        self.embedding.encode(image, x[:row], whole)
        if group > 1:
            copies = memoryview(self._copies)[: (group - 1) * self.embedding.size]
            ridge.copies(image, self.embedding.height, self.embedding.width, copies)
            self.embedding.encode(copies, x[row:], whole)
        at = 2 * self.layer1.outputs * group
        self.layer1.forward(x, self._rows[n * at : (n + 1) * at], self._work)
        self._labels = self._labels + bytes([label])

    def remove(self, i):
        """Takes image i away; those behind it move up. There is no network until the next
        update()."""
        self._check_number(i)
        labels = self._labels[:i] + self._labels[i + 1 :]
        at = 2 * self.layer1.outputs * self.group
        end = len(self._labels) * at
        self.network = None
        self._valid = min(self._valid, i * self.group)
        moved = self._rows[(i + 1) * at : end]
        self._rows[i * at : end - at][:] = moved
        self._labels = labels

    def relabel(self, i, label):
        """Gives image i another label."""
        self._check_number(i)
        self._check_label(label)
        labels = bytearray(self._labels)
        labels[i] = label
        self._labels = labels

    def set_classes(self, names, labels):
        """Other classes, and the labels (uint8) that all images have among them."""
        if len(labels) != len(self._labels):
            raise ValueError("labels: want %d, got %d" % (len(self._labels), len(labels)))
        names = list(names)
        for label in labels:
            if label >= len(names):
                raise ValueError("label: want 0 to %d, got %d" % (len(names) - 1, label))
        self.names, self._labels = names, bytearray(labels)

    def update(self):
        """A generator: learns what has changed, yielding the part done (0 to 1); then `network`
        is that of all images. ValueError where there are fewer than two classes or one has no
        images. Stopped at any point it goes on where it was."""
        k, counts = len(self.names), [0] * len(self.names)
        for label in self._labels:
            counts[label] += 1
        if k < 2:
            raise ValueError("classes: want 2 or more, got %d" % k)
        for c, count in enumerate(counts):
            if not count:
                raise ValueError('class %d "%s" has no images' % (c, self.names[c]))
        m, n = self.layer1.outputs, len(self._labels) * self.group
        labels = bytearray(n)
        for i in range(n):
            labels[i] = self._labels[i // self.group]
        solver = KernelSolver(
            self._gram,
            self._factor,
            self._work,
            labels,
            k,
            self.options.strength,
            self.options.lambdas[0],
        )
        begin, work = self._valid, max(n - self._valid, 1)
        while self._valid < n:
            first, last = self._valid, min(self._valid + SLICE, n)
            ridge.kernel(self._rows[: 2 * m * last], m, self._gram, self._work, first)
            ridge.powers(self._gram, first, last)
            yield 0.9 * (last - 0.3 * (last - first) - begin) / work
            solver.factor_rows(first, last)
            self._valid = last
            yield 0.9 * (last - begin) / work
        network = Network.of_options(
            self.embedding, self.names, self.options, len(self._labels), self.layer1
        )
        layer = network.layer
        layer.rows = self._rows[: 2 * n * m]
        solver.solve(layer)
        layer.gram_crc = crc32(memoryview(self._gram)[: 4 * packed(n)])
        self.network, self.solver = network, solver
        yield 1.0

    def check(self):
        """A generator: fitted and leave-one-out labels of all images, as a Trainer computes them,
        into `network`, yielding the part done. After an update()."""
        network, solver, n = self.network, self.solver, len(self._labels)
        layer, facts = network.layer, network.facts
        fitted, left_out = bytearray(n), LeftOut(n)
        for last in layer.fitted_steps(solver, self.group, fitted):
            yield last / n / 10
        for last in solver.leave_groups(left_out, self.group):
            yield 0.1 + 0.9 * (last / n)
        network.fitted = fitted
        facts.fitted_correct = sum(1 for i in range(n) if fitted[i] == self._labels[i])
        facts.loo_correct = left_out.correct(self._labels)
        network.left_out = left_out.predicted
        network.residuals, network.margins = left_out.residuals, left_out.margins

    def _check_label(self, label):
        if not 0 <= label < len(self.names):
            raise ValueError("label: want 0 to %d, got %d" % (len(self.names) - 1, label))

    def _check_number(self, i):
        if not 0 <= i < len(self._labels):
            raise ValueError("image: want 0 to %d, got %d" % (len(self._labels) - 1, i))


def _check(layer1, embedding, options):
    check_kept(layer1, options, embedding)
    if options.class_layer.NAME != "kernel" or options.choose_lambda:
        raise ValueError(
            "learning image by image wants a kernel class layer and a given lambda2, got %s"
            % options.network
        )
