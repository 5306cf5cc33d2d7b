"""Training: closed form, layer by layer, in slices of known work.

trainer = Trainer(samples, Options(network="uff2"))
for stage, done in trainer.steps():     # done: 0 to 1 of the whole work, so the time left is right
    ...                                 # keep a screen alive
trainer.network
"""

import time

import ridge

from .embed import LabelEmbedding
from .network import Network, check_kept
from .plan import Options, Plan
from .stage import packed

SLICE = 16  # images, neurons or rows handled between two steps


def check_labels(samples):
    """ValueError where a class has no images, or a label is of none."""
    seen = set(samples.labels)
    for c, name in enumerate(samples.names):
        if c not in seen:
            raise ValueError(
                'class %d "%s" has no images; capture some or remove the class' % (c, name)
            )
    if len(seen) > len(samples.names):
        raise ValueError("labels: want 0 to %d, got %d" % (len(samples.names) - 1, max(seen)))


class Trainer:
    """One training of `samples` (height, width, names, len(), labels, read_into()) with Options.

    alloc(bytes) gives a zeroed buffer: bytearray, or something that takes memory outside the
    collected heap; where it has alloc.fast(bytes), the workspace, which nothing keeps, comes from
    there. ValueError where a class has no images, there is only one class, or there are
    more than 8,191 images. Ctrl-C or any error leaves samples and saved files as they were.

    layer1: a trained feature layer that is kept, so that only the class layer is trained.

    After the training: network; statistics, of the class layer, and statistics1, of layer 1, for
    the model file; f, the inputs of the class layer (int16, rows x features); x, the encoded
    images, where the layers keep them.
    """

    def __init__(self, samples, options=None, alloc=bytearray, layer1=None):
        self.samples = samples
        self.options = options or Options()
        self.embedding = LabelEmbedding(samples.height, samples.width)
        self.classes = len(samples.names)
        self.images = len(samples)
        self.copies = self.options.copies
        check_labels(samples)
        if layer1:
            check_kept(layer1, self.options, self.embedding)
        self.layer1 = layer1
        self.plan = Plan(
            self.images, self.embedding, self.classes, self.options, layer1 is not None
        )
        self.rows = self.plan.rows
        self.network = None
        self.statistics = None
        self.statistics1 = None
        self.f = self.x = None
        self.alloc = alloc
        self._work_all = sum(stage.work for stage in self.plan.stages)

    def run(self, progress=None):
        """Trains and returns the Network; progress(stage name, done) is called after every
        slice."""
        for stage, done in self.steps():
            if progress:
                progress(stage, done)
        return self.network

    def steps(self):
        """A generator: trains, yielding (stage name, done) after each slice, of less than 20
        million multiply-adds for images of 28x28 and 500 neurons."""
        alloc = self.alloc
        network = self._untrained()
        first, last = network.layer1, network.layer
        last.dual = self.plan.last.dual
        self.left_out = None
        self._factor = None
        self.work, work = self._workspaces()
        if first:
            f = yield from (first.apply if self.layer1 else first.fit)(self)
        else:
            f = self.x = alloc(2 * self.rows * self.embedding.features)
            self.factor  # noqa: B018  big arrays first
            yield from self.encode(f)
        self.f, self.work = f, work
        yield from last.fit(self, f)
        network.fitted = bytearray(self.images)
        yield from last.fitted(self, f, network.fitted)
        labels, info = self.labels_of_images, network.info
        info.fitted_correct = sum(
            1 for i, label in enumerate(labels) if network.fitted[i] == label
        )
        if self.left_out:
            info.loo_correct = self.left_out.correct(labels)
            network.loo_labels = self.left_out.predicted
            network.residuals = self.left_out.residuals
            network.margins = self.left_out.margins
        self.network = network

    def layer1_steps(self):
        """A generator: trains a patch layer alone and returns it. It yields as steps() does, the
        part done of this layer."""
        layer1 = self._untrained().layer1
        self._work_all = sum(stage.work for stage in self.plan.first.stages[:-1])  # no features
        self.work = getattr(self.alloc, "fast", self.alloc)(self.plan.work_bytes)
        yield from layer1.learn(self)
        return layer1

    def _untrained(self):
        """The network before its training, which begins now."""
        network = Network.of_options(
            self.embedding, self.samples.names, self.options, self.images, self.layer1
        )
        if network.layer1 and not self.layer1:
            network.layer1.dual = self.plan.first.dual
        for stage in self.plan.stages:
            stage.seconds = 0.0
        self._stages = iter(self.plan.stages)
        self._work_done = 0
        self.labels_of_images = self.samples.labels
        self.labels = self._labels_of_rows()
        return network

    # ---- what the layers use ----

    @property
    def seed(self):
        return self.options.seed

    @property
    def factor(self):
        """Room for the Cholesky factor of every layer: float32, packed."""
        if self._factor is None:
            self._factor = memoryview(self.alloc(4 * packed(self.plan.order)))
        return self._factor

    def stage(self, done_units, units):
        """What steps() yields when done_units of units of the present stage are done."""
        if done_units == units and self._now is self.plan.stages[-1]:
            return self._now.name, 1.0  # the sum of rounded parts may miss it
        done = (self._work_done + self._now.work * done_units / units) / self._work_all
        return self._now.name, min(done, 1.0)

    def next_stage(self):
        """The next Stage of the plan."""
        return next(self._stages)

    def begin(self, stage=None):
        """Begins a stage, the next one where none is given."""
        self._now = stage or self.next_stage()
        self._started = time.ticks_ms()

    def end(self, tries=1):
        """Ends one of `tries` passes of the present stage."""
        self._now.seconds += time.ticks_diff(time.ticks_ms(), self._started) / 1000
        self._work_done += self._now.work / tries

    def slices(self, count, size=SLICE):
        """Begins the next stage and yields (first, last) of its slices, then ends it."""
        self.begin()
        for first in range(0, count, size):
            yield first, min(first + size, count)
        self.end()

    def encode(self, x):
        """A generator: the next stage; encodes all rows into x (int16, rows x features)."""
        row = 2 * self.embedding.features
        rows = memoryview(x)
        for first, last in self.slices(self.images, self._batch(len(self.work))):
            group = 1 + self.copies
            self._encode(first, last, rows[first * group * row : last * group * row], False)
            yield self.stage(last, self.images)

    def batches(self, x):
        """Begins the next stage and yields (first, last, rows first..last-1 encoded with all
        pixels), a few rows at a time, in the buffer x; then ends it."""
        row, group = 2 * self.embedding.size, 1 + self.copies
        images = min(max(len(x) // row // group, 1), self._batch(len(self.work)))
        rows = memoryview(x)
        for first, last in self.slices(self.images, images):
            batch = rows[: (last - first) * group * row]
            self._encode(first, last, batch, True)
            yield first * group, last * group, batch

    def kernel(self, rows, m, gram, phi=False):
        """A generator: the next stage; inner products of all rows (int16, rows x m) into gram
        (int32, packed), or phi of them."""
        n = self.rows
        for first, last in self.slices(n):
            ridge.kernel(rows[: 2 * m * last], m, gram, self.work, first)
            if phi:
                ridge.powers(gram, first, last)
            yield self.stage(packed(last), packed(n))

    # ---- its own ----

    def _workspaces(self):
        """Buffers for layer 1 and for the class layer: one for both, in fast memory; where that is
        too small, layer 1 alone has it."""
        fast = getattr(self.alloc, "fast", self.alloc)
        free = getattr(self.alloc, "fast_free", None)
        need, first = self.plan.work_bytes, self.plan.first
        if first is None or free is None or need <= free:
            work = fast(need)
            return work, work
        size = self.embedding.size * (1 + self.copies)
        return fast(max(first.work, size)), self.alloc(need)

    def _labels_of_rows(self):
        group, labels = 1 + self.copies, self.labels_of_images
        if group == 1:
            return labels
        rows = bytearray(self.rows)
        for i, label in enumerate(labels):
            for row in range(i * group, (i + 1) * group):
                rows[row] = label
        return rows

    def _batch(self, work_bytes):
        """Images read at a time: each slice opens their file."""
        return max(work_bytes // self.embedding.size - self.copies, 1)

    def _encode(self, first, last, x, whole):
        """Images first..last-1 and their copies into x (int16, rows x features)."""
        embedding, copies = self.embedding, self.copies
        size = embedding.size
        # They pass through the workspace.
        images = memoryview(self.work)[: (last - first) * size]
        self.samples.read_into(images, first, last)
        if not copies:
            embedding.encode(images, x, whole)
            return
        row, at = len(x) // ((last - first) * (1 + copies)), 0
        distorted = memoryview(self.work)[len(images) : len(images) + copies * size]
        for i in range(last - first):
            image = images[i * size : (i + 1) * size]
            ridge.copies(image, embedding.height, embedding.width, distorted)
            embedding.encode(image, x[at : at + row], whole)
            embedding.encode(distorted, x[at + row : at + (1 + copies) * row], whole)
            at += (1 + copies) * row
