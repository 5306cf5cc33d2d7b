"""Training: closed form, layer by layer, in slices of known work.

trainer = Trainer(samples, Options(network="uff2"))
for stage, done in trainer.steps():     # done: 0 to 1 of the whole work, so the time left is right
    ...                                 # keep a screen alive
trainer.network
"""

import time
from array import array

import ridge
from ridge import crc32

from .classlayer import ClassSolver, Statistics, packed
from .contrast import contrast_pairs
from .embed import LabelEmbedding
from .network import Network
from .plan import Options, Plan

SLICE = 16  # images, neurons or rows handled between two steps


class Trainer:
    """One training of `samples` (height, width, names, len(), labels, read_into()) with Options.

    alloc(bytes) gives a zeroed buffer: bytearray, or something that takes memory outside the
    collected heap; where it has alloc.fast(bytes), the workspace, which nothing keeps, comes from
    there. ValueError where a class has no images, there is only one class, or there are
    more than 8,191 images. Ctrl-C or any error leaves samples and saved files as they were.
    """

    def __init__(self, samples, options=None, alloc=bytearray):
        self.samples = samples
        self.options = options or Options()
        self.embedding = LabelEmbedding(samples.height, samples.width)
        self.classes = len(samples.names)
        self.images = len(samples)
        seen = set(samples.labels)
        for c, name in enumerate(samples.names):
            if c not in seen:
                raise ValueError(
                    'class %d "%s" has no images; capture some or remove the class' % (c, name)
                )
        if len(seen) > self.classes:
            raise ValueError("labels: want 0 to %d, got %d" % (self.classes - 1, max(seen)))
        self.plan = Plan(self.images, self.embedding.features, self.classes, self.options)
        self.network = None
        self.statistics = None
        self.gram1 = None
        self.x = None  # the encoded images, int16, images x features
        self._alloc = alloc
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
        options, alloc, n = self.options, self._alloc, self.images
        network = Network(
            self.embedding.height, self.embedding.width, self.samples.names, options.hidden
        )
        facts = network.facts
        facts.images = n
        facts.seed = options.seed
        facts.strength = options.strength
        facts.lambda1 = options.lambda1
        facts.lambda_chosen = options.choose_lambda
        facts.dual1, facts.dual2 = self.plan.dual1, self.plan.dual2
        for stage in self.plan.stages:
            stage.seconds = 0.0
        self._stages = iter(self.plan.stages)
        self._work_done = 0

        # Big arrays first, each once; factor, panel and workspace serve both layers.
        order = max(self.plan.order1, self.plan.order2)
        x = alloc(2 * n * network.features)
        h = alloc(2 * n * network.hidden) if network.hidden else x
        factor = alloc(4 * packed(order))
        panel = alloc(4 * ridge.PANEL * network.features) if network.hidden else None
        self._work = getattr(alloc, "fast", alloc)(self.plan.work_bytes)

        self.x = x
        yield from self._encode(x)
        if network.hidden:
            network.w1 = alloc(2 * network.hidden * network.features)
            yield from self._contrast_layer(network, x, factor, panel)
            yield from self._hidden_values(network, x, h)
        yield from self._class_layer(network, h, factor)
        yield from self._fitted(network, h)
        self.network = network

    # ---- stages ----

    def _stage(self, done_units, units):
        """What steps() yields when done_units of units of the present stage are done."""
        if done_units == units and self._now is self.plan.stages[-1]:
            return self._now.name, 1.0  # the sum of rounded parts may miss it
        done = (self._work_done + self._now.work * done_units / units) / self._work_all
        return self._now.name, min(done, 1.0)

    def _begin(self):
        self._now = next(self._stages)
        self._started = time.ticks_ms()

    def _end(self):
        self._now.seconds = time.ticks_diff(time.ticks_ms(), self._started) / 1000
        self._work_done += self._now.work

    def _slices(self, count, size=SLICE):
        """Begins the next stage and yields (first, last) of its slices, then ends it."""
        self._begin()
        for first in range(0, count, size):
            yield first, min(first + size, count)
        self._end()

    def _encode(self, x):
        size, row = self.embedding.size, 2 * self.embedding.features
        # Images pass through the workspace, many at a time: each slice opens their file.
        images, rows = memoryview(self._work), memoryview(x)
        for first, last in self._slices(self.images, len(images) // size):
            batch = images[: (last - first) * size]
            self.samples.read_into(batch, first, last)
            self.embedding.encode(batch, rows[first * row : last * row])
            yield self._stage(last, self.images)

    def _contrast_layer(self, network, x, factor, panel):
        n, m, q, work = self.images, network.features, network.hidden, self._work
        rows = memoryview(x)
        if self.plan.dual1:
            order = n
            gram = self._alloc(4 * packed(n))
            yield from self._kernel(rows, m, gram)
        else:
            order = m
            gram = self._alloc(4 * packed(m))
            self._begin()
            for first in range(0, n, ridge.BATCH):
                last = min(first + ridge.BATCH, n)
                ridge.gram(rows[2 * m * first : 2 * m * last], gram, work)
                yield self._stage(last, n)
            self._end()
        self.gram1 = gram
        network.facts.gram1_crc = crc32(gram)
        trace = ridge.trace(gram)
        if not trace:
            raise ValueError("all images are blank; there is nothing to learn from")
        lambda_abs = network.facts.lambda1 * (trace / m)
        factor = memoryview(factor)[: 4 * packed(order)]
        for first, last in self._slices(order):
            ridge.factor(gram, factor, work, first=first, last=last, diagonal=lambda_abs)
            yield self._stage(packed(last), packed(order))

        a, b = contrast_pairs(self.samples.labels, self.classes, q, network.facts.seed)
        w1, panel = memoryview(network.w1), memoryview(panel)
        if self.plan.dual1:
            # Once, not for each slice: among big arrays the heap takes long to find a place.
            targets, zeros = (array("f", bytes(4 * n * SLICE)) for _ in range(2))
            targets, zeros = memoryview(targets), memoryview(zeros)
        for first, last in self._slices(q):
            count = last - first
            target = panel[: 4 * m * count]
            if self.plan.dual1:
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
            ridge.unit_rows(target, m, w1[2 * m * first : 2 * m * last])
            yield self._stage(last, q)

    def _kernel(self, rows, m, gram):
        self._begin()
        n = self.images
        for first in range(0, n, SLICE):
            last = min(first + SLICE, n)
            ridge.kernel(rows[: 2 * m * last], m, gram, self._work, first)
            yield self._stage(packed(last), packed(n))
        self._end()

    def _hidden_values(self, network, x, h):
        m, q = network.features, network.hidden
        inputs, outputs = memoryview(x), memoryview(h)
        for first, last in self._slices(self.images, ridge.ROWS):
            network.project(
                inputs[2 * m * first : 2 * m * last],
                outputs[2 * q * first : 2 * q * last],
                self._work,
            )
            yield self._stage(last, self.images)

    def _class_layer(self, network, f, factor):
        n, m = self.images, network.layer.features
        labels = self.samples.labels
        dual_gram = self._alloc(4 * packed(n)) if self.plan.dual2 else None
        statistics = Statistics(m, self.classes, self._alloc, dual_gram, work=self._work)
        rows = memoryview(f)
        if self.plan.dual2:
            statistics.add(f, labels, gram=False)
            yield from self._kernel(rows, m, dual_gram)
        else:
            self._begin()
            for first in range(0, n, ridge.BATCH):
                last = min(first + ridge.BATCH, n)
                statistics.add(rows[2 * m * first : 2 * m * last], labels[first:last])
                yield self._stage(last, n)
            self._end()
        self.statistics = statistics
        facts = network.facts
        if network.hidden:
            facts.gram2_crc = crc32(statistics.gram)
        else:
            facts.gram1_crc = crc32(statistics.gram)
        order = self.plan.order2
        solver = ClassSolver(
            statistics,
            facts.strength,
            memoryview(factor)[: 4 * packed(order)],
            self._work,
            dual_gram,
            f,
            labels,
        )
        yield from self._solve(network, solver, f, labels)

    def _solve(self, network, solver, f, labels):
        """Cholesky, solve and leave-one-out, for every lambda to try; keeps the best."""
        options, facts, n = self.options, network.facts, self.images
        cholesky, solve = next(self._stages), next(self._stages)
        left_out = next(self._stages) if options.leave_one_out else None
        tries = len(options.lambdas)
        best = None
        leverage = array("f", bytes(4 * n))
        predicted, residual, margin = (
            bytearray(n),
            array("f", bytes(4 * n)),
            array("f", bytes(4 * n)),
        )
        layer = network.layer
        rows, row = memoryview(f), 2 * layer.features
        leverages, predictions = memoryview(leverage), memoryview(predicted)
        residuals, margins = memoryview(residual), memoryview(margin)
        for ridge_lambda in options.lambdas:
            self._now, started = cholesky, time.ticks_ms()
            order = self.plan.order2
            for last in solver.factorise(ridge_lambda):
                yield self._stage(packed(last), packed(order) * tries)
            started = self._lap(cholesky, started, tries)
            solver.solve(layer)
            self._now = solve
            yield self._stage(1, tries)
            started = self._lap(solve, started, tries)
            if not left_out:
                facts.lambda2 = ridge_lambda
                continue
            self._now = left_out
            by, targets = solver.left_out(layer)
            first = 0
            for last in solver.leverages(f, leverage):
                ridge.leave_one_out(
                    rows[first * row : last * row],
                    layer.w,
                    layer.v,
                    labels[first:last],
                    leverages[first:last],
                    by,
                    predictions[first:last],
                    residuals[first:last],
                    margins[first:last],
                    targets,
                )
                first = last
                yield self._stage(last, n * tries)
            self._lap(left_out, started, tries)
            correct = sum(1 for i in range(n) if predicted[i] == labels[i])
            # Most right; then least squared error; then the larger lambda, which comes later.
            rank = (correct, -sum(residual))
            if best is None or rank >= best[0]:
                best = rank, ridge_lambda, bytes(layer.w), array("i", layer.v), layer.exponent
                network.left_out, network.residuals = bytearray(predicted), array("f", residual)
                network.margins = array("f", margin)
        if best:
            facts.loo_correct = best[0][0]
            facts.lambda2 = best[1]
            layer.w[:] = best[2]
            layer.v = best[3]
            layer.exponent = best[4]

    def _lap(self, stage, started, tries):
        now = time.ticks_ms()
        stage.seconds += time.ticks_diff(now, started) / 1000
        self._work_done += stage.work / tries
        return now

    def _fitted(self, network, f):
        m, n = network.layer.features, self.images
        network.fitted = bytearray(n)
        rows, fitted = memoryview(f), memoryview(network.fitted)
        good = bytearray(8 * SLICE * self.classes)
        for first, last in self._slices(n):
            network.layer.goodness(
                rows[2 * m * first : 2 * m * last],
                memoryview(good)[: 8 * (last - first) * self.classes],
                fitted[first:last],
            )
            yield self._stage(last, n)
        labels = self.samples.labels
        network.facts.fitted_correct = sum(1 for i in range(n) if network.fitted[i] == labels[i])
