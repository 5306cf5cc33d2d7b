"""Learning image by image with a kernel class layer, exactly: the same bits as a training from the
start on the images that are there, in their order.

Layer 1 is kept. Rows of the Cholesky factor follow from those above them, so an image appended
costs its own rows, one taken away the rows behind it, and another label only a solution.

options = Options("uff_kernel", copies=15)
learner = IncrementalKernelClassifier(layer1, embedding, names, options, rows=1024)
learner.add(image, label)
for done in learner.solve_steps():     # in slices of less than 20 million multiply-adds
    ...
learner.predict(image)
"""

from collections import namedtuple

import ridge
from ridge import crc32

from .classlayer import LeftOut
from .kernel import KernelSolver
from .network import Network, check_kept
from .predictor import Predictor
from .stage import MAX_COPIES, packed

SLICE = 16

# All that a change changes, replaced as a whole by a single assignment: Ctrl-C and errors come
# before a change or after it. labels: uint8, one an image. gap: number of an image before whose
# rows lie those of an image that was taken away, or None. names: of the classes.
_Images = namedtuple("_Images", ("layer1", "options", "names", "labels", "gap"))

# What solve_steps() gave: the _Images it is of, the network and its solver.
_Learnt = namedtuple("_Learnt", ("images", "network", "solver"))


class IncrementalKernelClassifier(Predictor):
    """Images, their copies and the network that knows them.

    layer1: a trained feature layer; rows: images and copies that there is room for. The arrays
    come from alloc(bytes), the workspace from alloc.fast(bytes) where there is one; they serve any
    number of copies (restart()).

    Unlike IncrementalClassifier it holds what layer 1 makes of each image, so images have numbers
    here, in the order they came.

    Every change is made as a whole or, where it raises or Ctrl-C stops it, not at all.
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
        self._valid = 0  # rows of the kernel matrix and the factor that are there
        self._checked = 0, 0  # rows of the kernel matrix, and their CRC-32
        self._learnt = self._updating = self._images = None
        self.restart(layer1, names, options)

    def restart(self, layer1, names, options):
        """Begins again without images, with another layer 1 of the same size, other classes, or
        another number of copies."""
        _check(layer1, self.embedding, options)
        images = _Images(layer1, options, list(names), bytearray(), None)
        self._valid, self._checked = 0, (0, 0)
        self._learnt = self._updating = None
        self._images = images

    @property
    def layer1(self):
        """The feature layer."""
        return self._images.layer1

    @property
    def options(self):
        """Options of the network."""
        return self._images.options

    @property
    def names(self):
        """Names of the classes."""
        return self._images.names

    @property
    def group(self):
        """Rows of each image: itself and its copies."""
        return 1 + self._images.options.copies

    @property
    def network(self):
        """That of the last solve(), or None before one, and after an image was taken away."""
        return self._learnt and self._learnt.network

    @property
    def solver(self):
        """The KernelSolver of that network, or None."""
        return self._learnt and self._learnt.solver

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
            + IncrementalKernelClassifier.work_bytes(layer1, rows)
            + 2 * (1 + MAX_COPIES) * layer1.inputs
            + MAX_COPIES * embedding.size
        )

    def __len__(self):
        return len(self._images.labels)

    def __repr__(self):
        return "<IncrementalKernelClassifier %s, %d images %dx%d, %d classes>" % (
            self.options.network,
            len(self),
            self.embedding.height,
            self.embedding.width,
            len(self.names),
        )

    @property
    def labels(self):
        """Labels of the images (a copy)."""
        return bytes(self._images.labels)

    def _change(self, names, labels, gap):
        images = self._images
        self._images = _Images(images.layer1, images.options, names, labels, gap)

    def add(self, image, label):
        """Adds an image (uint8, height*width) and its copies; the next solve() learns it.
        ValueError where there is no room, or no such class: nothing changed."""
        self.embedding.check(image)
        self._check_label(label)
        n, group, layer1 = len(self), self.group, self.layer1
        if (n + 1) * group > self.room:
            raise ValueError(
                "images: want at most %d with %d copies each" % (self.room // group, group - 1)
            )
        self._close_gap()
        whole, row = layer1.WHOLE, 2 * layer1.inputs
        x = memoryview(self._x)[: group * row]
        self.embedding.encode(image, x[:row], whole)
        if group > 1:
            copies = memoryview(self._copies)[: (group - 1) * self.embedding.size]
            ridge.copies(image, self.embedding.height, self.embedding.width, copies)
            self.embedding.encode(copies, x[row:], whole)
        at = 2 * layer1.outputs * group
        layer1.forward(x, self._rows[n * at : (n + 1) * at], self._work)
        self._change(self.names, self._images.labels + bytes([label]), None)

    def remove(self, i):
        """Takes image i away; those behind it move up. There is no network until the next
        solve(), and a network that it gave before is of no more use."""
        self._check_number(i)
        self._close_gap()
        labels = self._images.labels
        labels = labels[:i] + labels[i + 1 :]
        # Its rows stay until something needs those behind them.
        gap = i if i < len(labels) else None
        valid = min(self._valid, i * self.group)
        self._learnt = self._updating = None
        self._valid, self._checked = valid, (0, 0)
        self._change(self.names, labels, gap)

    def _close_gap(self):
        """Moves the rows behind an image that was taken away up over its rows, an image at a
        time. Stopped at any point it goes on where it was: what it copies stays below."""
        at = 2 * self.layer1.outputs * self.group
        while self._images.gap is not None:
            names, labels, gap = self._images[2:]
            end = gap + 1
            self._rows[gap * at : end * at] = self._rows[end * at : (end + 1) * at]
            self._change(names, labels, end if end < len(labels) else None)

    def relabel(self, i, label):
        """Gives image i another label."""
        self._check_number(i)
        self._check_label(label)
        names, labels, gap = self._images[2:]
        labels = bytearray(labels)
        labels[i] = label
        self._change(names, labels, gap)

    def set_classes(self, names, labels):
        """Other classes, and the labels (uint8) that all images have among them."""
        if len(labels) != len(self):
            raise ValueError("labels: want %d, got %d" % (len(self), len(labels)))
        names = list(names)
        for label in labels:
            if label >= len(names):
                raise ValueError("label: want 0 to %d, got %d" % (len(names) - 1, label))
        self._change(names, bytearray(labels), self._images.gap)

    def work(self, images):
        """(features, rest): multiply-adds by their weight (see stage.py) that so many images more
        cost: to add() them, and the next solve()."""
        options, layer1 = self.options, self.layer1
        n, begin, m, k = len(self) + images, self._valid, layer1.outputs, len(self.names)
        plan, rows = options.class_layer.plan, n * self.group
        first = layer1.plan(images * self.group, self.embedding, layer1.neurons, options, True)
        gram, factor, solve = plan(rows, n, m, k, options).stages[:3]
        gram_there, factor_there = plan(begin, n, m, k, options).stages[:2]
        return (
            sum(stage.work for stage in first.stages),
            gram.work - gram_there.work + factor.work - factor_there.work + solve.work,
        )

    def solve(self):
        """Learns what has changed: solve_steps(), all at once."""
        for _ in self.solve_steps():
            pass

    def solve_steps(self):
        """A generator: learns what has changed, yielding the part done (0 to 1); then `network`
        is that of all images there were when it began. ValueError where there are fewer than two
        classes or one has no images, and where images were taken away meanwhile. Stopped at any
        point another one goes on where it was."""
        self._close_gap()
        images = self._images
        names, labels, group = images.names, images.labels, self.group
        k, counts = len(names), [0] * len(names)
        for label in labels:
            counts[label] += 1
        if k < 2:
            raise ValueError("classes: want 2 or more, got %d" % k)
        for c, count in enumerate(counts):
            if not count:
                raise ValueError('class %d "%s" has no images' % (c, names[c]))
        m, n = images.layer1.outputs, len(labels) * group
        of_rows = b"".join([bytes((label,)) * group for label in labels])
        solver = KernelSolver(
            self._gram,
            self._factor,
            self._work,
            of_rows,
            k,
            images.options.label_scale,
            images.options.lambdas[0],
        )
        begin = self._valid
        work = max(packed(n) - packed(begin), 1)
        self._updating = of_rows  # none but this one
        while self._valid < n:
            first, last = self._valid, min(self._valid + SLICE, n)
            ridge.kernel(self._rows[: 2 * m * last], m, self._gram, self._work, first)
            ridge.powers(self._gram, first, last)
            yield 0.9 * (0.3 * packed(first) + 0.7 * packed(last) - packed(begin)) / work
            self._check_updating(of_rows)
            solver.factor_rows(first, last)
            self._valid = last
            yield 0.9 * (packed(last) - packed(begin)) / work
            self._check_updating(of_rows)
        network = Network.of_options(
            self.embedding, names, images.options, len(labels), images.layer1
        )
        layer = network.layer
        layer.rows = self._rows[: 2 * n * m]
        solver.solve(layer)
        # Rows that are appended change none of those above them.
        rows, crc = self._checked
        layer.gram_crc = crc32(memoryview(self._gram)[4 * packed(rows) : 4 * packed(n)], crc)
        self._checked = n, layer.gram_crc
        self._learnt = _Learnt(images, network, solver)
        yield 1.0

    def _check_updating(self, update):
        if self._updating is not update:
            raise ValueError(
                "solve: images were taken away, or another solve_steps() began; begin again"
            )

    def _check_learnt(self, learnt):
        if self._learnt is not learnt:
            raise ValueError("leave-one-out: images were taken away or learnt anew; begin again")

    def leave_one_out_steps(self):
        """A generator: fitted and leave-one-out labels of all images of `network`, as a Trainer
        computes them, into it, yielding the part done. ValueError where there is no network, and
        where images were taken away or learnt meanwhile."""
        learnt = self._learnt
        if not learnt:
            raise ValueError("leave-one-out: there is no network; solve() first")
        images, network, solver = learnt
        labels, group = images.labels, 1 + images.options.copies
        layer, info, n = network.layer, network.info, len(labels)
        fitted, left_out = bytearray(n), LeftOut(n)
        for last in layer.fitted_steps(solver, group, fitted):
            yield last / n / 10
            self._check_learnt(learnt)
        for last in solver.leave_groups(left_out, group):
            yield 0.1 + 0.9 * (last / n)
            self._check_learnt(learnt)
        network.fitted = fitted
        info.fitted_correct = sum(1 for i in range(n) if fitted[i] == labels[i])
        info.loo_correct = left_out.correct(labels)
        network.loo_labels = left_out.predicted
        network.residuals, network.margins = left_out.residuals, left_out.margins

    def _check_label(self, label):
        if not 0 <= label < len(self.names):
            raise ValueError("label: want 0 to %d, got %d" % (len(self.names) - 1, label))

    def _check_number(self, i):
        if not 0 <= i < len(self):
            raise ValueError("image: want 0 to %d, got %d" % (len(self) - 1, i))


def _check(layer1, embedding, options):
    check_kept(layer1, options, embedding)
    if options.class_layer.NAME != "kernel" or options.choose_lambda:
        raise ValueError(
            "learning image by image wants a kernel class layer and a given lambda2, got %s"
            % options.network
        )
