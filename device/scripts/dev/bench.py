"""Does what training does by several means on the same data, and counts instructions. Parameters:
see JOB below, changed by job.json.

The means: ridge's tuned kernels and its plain ones; ulab, as a MicroPython user would write it
today; CMSIS-DSP and backpropagation from the module baselines, which only the benchmark's image
has (`make m7-bench`). What is not built in is left out with a sentence. Only the emulated
Cortex-M7 counts instructions; elsewhere the counts are none.
"""

import gc
import time
from array import array

import ridge
from uff import Dataset, Options, job
from uff.contrast import Xorshift32
from uff.embed import LabelEmbedding

try:
    from board_m7 import instructions
except ImportError:

    def instructions():
        return None


try:
    import ulab
    from ulab import numpy as np
except ImportError:
    ulab = None
try:
    import baselines
except ImportError:
    baselines = None

JOB = {
    "samples": "train.uffs",
    "parts": "kernels,ulab,backprop",  # of these; ulab: a whole one-layer training
    "order": 768,  # of the systems and features of the kernels, at most what an image has
    "neurons": 500,
    "images": 64,  # of the Gram matrix
    "rate": 0.001,
    "epochs": 1,  # counted one by one; more of them show that the loss falls
}
BATCH = 32
PATCH = ridge.PATCH * ridge.PATCH
NO_ULAB = "ulab is not built in"
NO_BASELINES = "the module baselines is not built in; `make m7-bench` builds the image that has it"
NO_CMSIS = "CMSIS-DSP was out of reach when this image was built"


class Bench:
    """Rows of what was done: task, means, instructions, multiply-adds needed and done, bytes of
    the arrays, a remark."""

    def __init__(self, expected):
        self.rows = []
        self.absent = []
        self._progress = job.Progress(0)
        self._expected = expected

    def run(self, task, means, work, macs, done=None, arrays=0, remark=""):
        """Counts work(). macs are what the task needs, done what these means spend on it."""
        gc.collect()
        started = instructions()
        since = time.ticks_ms()
        try:
            value = work()
        except MemoryError:
            self.absent.append([task, means, "not enough memory for it"])
            return None
        seconds = time.ticks_diff(time.ticks_ms(), since) / 1000
        count = None if started is None else instructions() - started
        self.rows.append(
            {
                "task": task,
                "means": means,
                "instructions": count,
                "macs": macs,
                "macs_done": macs if done is None else done,
                "array_bytes": arrays,
                "seconds": seconds,
                "remark": remark,
            }
        )
        print("%s, %s: %s instructions" % (task, means, count))
        self._progress("%s, %s" % (task, means), min(len(self.rows) / self._expected, 0.99))
        return value

    def skip(self, task, means, why):
        self.absent.append([task, means, why])
        print("%s, %s: left out, %s" % (task, means, why))


def packed(order):
    return order * (order + 1) // 2


def floats(count):
    return bytearray(4 * count)


def kernel_sets():
    names = [ridge.kernels()]
    return names + ["plain"] if names[0] != "plain" else names


def read(samples, count):
    images = bytearray(count * samples.height * samples.width)
    samples.read_into(images, 0, count)
    return images


def transposed(x, rows, columns, kind, scale=1):
    """Column after column of x, as array(kind)."""
    out = array(kind, bytes(rows * columns * (4 if kind == "f" else 2)))
    for i in range(rows):
        for j in range(columns):
            out[j * rows + i] = x[i * columns + j] * scale
    return out


# ---- the kernels ----


def kernels(bench, asked, samples):
    m, q, n = asked.order, asked.neurons, min(asked.images, len(samples))
    keep = LabelEmbedding(samples.height, samples.width).keep[:m]
    m = len(keep)
    x = array("h", bytes(2 * n * m))
    ridge.encode(read(samples, n), keep, x)
    work = bytearray(ridge.work_bytes(m, q))
    few = min(16, n)
    w = array("h", (i * 37 % 4093 - 2046 for i in range(q * m)))

    gram = bytearray(4 * packed(m))
    factor = floats(packed(m))
    panel = floats(m * ridge.PANEL)
    h = bytearray(2 * few * q)
    before = ridge.kernels()
    rows = memoryview(x)[: few * m]
    for name in kernel_sets():
        ridge.kernels(name)
        means = "µFF, plain C" if name == "plain" else "µFF"
        for i in range(0, len(gram), 4):
            gram[i] = gram[i + 1] = gram[i + 2] = gram[i + 3] = 0
        bench.run(
            "Gram matrix", means, lambda: ridge.gram(x, gram, work), n * packed(m), None, len(gram)
        )
        bench.run("projection", means, lambda: ridge.project(rows, w, m, h, work), few * q * m)
        diagonal = 0.01 * ridge.trace(gram) + 1.0
        for i in range(0, len(panel), 4):
            panel[i + 2] = i & 0x7F
            panel[i + 3] = 0x3F
        bench.run(
            "Cholesky",
            means,
            lambda diagonal=diagonal: ridge.factor(gram, factor, work, diagonal=diagonal),
            m * m * m // 6,
            None,
            len(factor),
        )
        bench.run(
            "solve", means, lambda: ridge.solve(factor, panel, panel, work), m * m * ridge.PANEL
        )
    ridge.kernels(before)
    checks = {}
    system = whole(gram, m, diagonal)
    factor_ours = (
        memoryview(factor).cast("f") if hasattr(memoryview, "cast") else array("f", factor)
    )
    cmsis(bench, x, n, w, m, q, few, system, factor_ours, checks)
    ulab_kernels(bench, x, n, w, m, q, few, system, factor_ours, checks)
    return checks


def layers(bench, samples):
    """The steps of the patch layer and of the kernel class layer: ridge alone has them."""
    height, width = samples.height, samples.width
    n, q, stored = min(4, len(samples)), 32, 800
    x = array("h", bytes(2 * n * height * width))
    LabelEmbedding(height, width).encode(read(samples, n), x, True)
    w = array("h", (i * 37 % 4093 - 2046 for i in range(q * PATCH)))
    bias, work = array("i", bytes(4 * q)), bytearray(ridge.patch_work_bytes(q))
    m = 2 * q * ridge.GRID * ridge.GRID
    f = bytearray(2 * n * m)
    rows = bytearray(2 * stored * m)
    alpha, v, good = array("h", [1] * stored), array("i", [0]), bytearray(8)
    products = bytearray(4 * stored)
    places = (height - ridge.PATCH + 1) * (width - ridge.PATCH + 1)
    before = ridge.kernels()
    for name in kernel_sets():
        ridge.kernels(name)
        means = "µFF, plain C" if name == "plain" else "µFF"
        bench.run(
            "patch features",
            means,
            lambda: ridge.patch_features(x, height, width, w, bias, 0, f, work),
            n * places * PATCH * q,
        )
        one = f[: 2 * m]
        for i in range(stored):
            rows[2 * i * m : 2 * (i + 1) * m] = one
        bench.run(
            "kernel row",
            means,
            lambda one=one: ridge.kernel_goodness(one, rows, alpha, v, 30, good, products),
            stored * m,
        )
    ridge.kernels(before)


def whole(gram, m, diagonal):
    """The system as a whole matrix of floats."""
    values = array("i", gram)
    out = array("f", bytes(4 * m * m))
    at = 0
    for i in range(m):
        for j in range(i + 1):
            out[i * m + j] = out[j * m + i] = values[at]
            at += 1
        out[i * m + i] += diagonal
    return out


def apart(ours, theirs, m):
    """Largest relative difference between our packed factor, whose diagonal holds reciprocals,
    and a whole one."""
    worst = 0.0
    at = 0
    for i in range(m):
        for j in range(i):
            worst = max(worst, abs(ours[at + j] - theirs[i * m + j]) * ours[at + i])
        worst = max(worst, abs(1 / ours[at + i] - theirs[i * m + i]) * ours[at + i])
        at += i + 1
    return worst


def cmsis(bench, x, n, w, m, q, few, system, factor, checks):
    tasks = ("Gram matrix", "projection", "Cholesky")
    why = (
        NO_BASELINES
        if baselines is None
        else NO_CMSIS
        if not hasattr(baselines, "mult_f32")
        else None
    )
    if why:
        for task in tasks:
            bench.skip(task, "CMSIS-DSP", why)
        return
    f32, q15 = "CMSIS-DSP f32", "CMSIS-DSP q15"
    whole_square = "the whole square: no symmetric product"
    rounded = "16-bit results: not exact"
    a, b = array("f", x), transposed(x, n, m, "f")
    out = array("f", bytes(4 * m * m))
    bench.run(
        tasks[0],
        f32,
        lambda: baselines.mult_f32(b, m, n, a, m, out),
        n * packed(m),
        n * m * m,
        4 * (m * m + 2 * n * m),
        whole_square,
    )
    bench.run(
        tasks[2],
        f32,
        lambda: baselines.cholesky_f32(system, m, out),
        m * m * m // 6,
        None,
        8 * m * m,
    )
    checks["cmsis_cholesky"] = apart(factor, out, m)
    a, b = array("f", w), transposed(x, few, m, "f")
    bench.run(
        tasks[1],
        f32,
        lambda: baselines.mult_f32(a, q, m, b, few, out),
        few * q * m,
        None,
        4 * (q * m + few * m),
    )
    b = transposed(x, n, m, "h")
    work = bytearray(2 * n * m)
    bench.run(
        tasks[0],
        q15,
        lambda: baselines.mult_q15(b, m, n, x, m, out, work),
        n * packed(m),
        n * m * m,
        2 * (m * m + 3 * n * m),
        whole_square + ", " + rounded,
    )
    b = transposed(x, few, m, "h")
    bench.run(
        tasks[1],
        q15,
        lambda: baselines.mult_q15(w, q, m, b, few, out, work),
        few * q * m,
        None,
        2 * (q * m + 2 * few * m),
        rounded,
    )


def ulab_kernels(bench, x, n, w, m, q, few, system, factor, checks):
    tasks = ("Gram matrix", "projection", "Cholesky")
    if ulab is None:
        for task in tasks:
            bench.skip(task, "ulab", NO_ULAB)
        return
    a = np.frombuffer(array("f", x), dtype=np.float).reshape((n, m))
    bench.run(
        tasks[0],
        "ulab",
        lambda: np.dot(a.transpose(), a),
        n * packed(m),
        n * m * m,
        4 * (m * m + 2 * n * m),
        "the whole square",
    )
    a = a[:few]
    b = np.frombuffer(array("f", w), dtype=np.float).reshape((q, m))
    bench.run(tasks[1], "ulab", lambda: np.dot(a, b.transpose()), few * q * m, None, 4 * q * m)
    a = b = None
    a = np.frombuffer(system, dtype=np.float).reshape((m, m))
    lower = bench.run(
        tasks[2], "ulab", lambda: np.linalg.cholesky(a), m * m * m // 6, None, 8 * m * m
    )
    if lower is not None:
        checks["ulab_cholesky"] = apart(factor, np.frombuffer(lower.tobytes(), dtype=np.float), m)


# ---- a whole one-layer training in ulab ----


def ulab_training(bench, samples):
    task, means = "one-layer training", "ulab"
    if ulab is None:
        bench.skip(task, means, NO_ULAB)
        return None
    n, k, size = len(samples), len(samples.names), samples.height * samples.width
    options = Options(network="uff1")
    s2, ridge_lambda = options.label_scale * options.label_scale, options.lambdas[0]

    def work():
        x = np.zeros((n, size))
        image = bytearray(size)
        for i in range(n):
            samples.read_into(image, i, i + 1)
            row = np.sqrt(np.array(np.frombuffer(image, dtype=np.uint8), dtype=np.float))
            x[i] = row / np.sqrt(np.sum(row * row))
        targets = np.zeros((n, k))
        for i in range(n):
            targets[i, samples.labels[i]] = 1.0
        # The dual form of the class layer (classlayer.py), for fewer images than pixels; ulab has
        # no solve().
        ridge_abs = ridge_lambda * k * n * (1 + s2) / (size + k)
        system = np.dot(x, x.transpose()) + s2 / k
        system += np.eye(n) * (ridge_abs / k)
        alpha = np.dot(np.linalg.inv(system), targets) / k
        return np.dot(x.transpose(), alpha)

    arrays = 4 * (2 * n * size + 4 * n * n)
    return bench.run(
        task,
        means,
        work,
        n * n * size // 2 + n * n * n // 6 + 2 * n * n * k,
        None,
        arrays,
        "dual form",
    )


# ---- backpropagation ----


def backprop(bench, asked, samples):
    task = "epoch of backpropagation"
    if baselines is None:
        bench.skip(task, "C, float32", NO_BASELINES)
        return None
    n, k, size, q = len(samples), len(samples.names), samples.height * samples.width, asked.neurons
    shape = (size, q, k, BATCH)
    weight_bytes, work_bytes = baselines.sizes(shape)
    images = read(samples, n)
    weights, gradient, work = (
        bytearray(weight_bytes),
        bytearray(weight_bytes),
        bytearray(work_bytes),
    )
    macs = n * q * (2 * size + 3 * k)
    order = array("H", range(n))
    losses = {}
    for means, moments, rate in (
        ("gradient descent", None, 0.05),
        ("Adam", bytearray(2 * weight_bytes), asked.rate),
    ):
        baselines.start(shape, 1, weights)
        random = Xorshift32(1)
        arrays = len(images) + 2 * weight_bytes + work_bytes + (2 * weight_bytes if moments else 0)
        losses[means] = []
        steps = 0
        for _ in range(asked.epochs):
            for i in range(n - 1, 0, -1):
                j = random.below(i + 1)
                order[i], order[j] = order[j], order[i]
            loss = bench.run(
                task,
                means,
                lambda given=(moments, work, rate, steps): baselines.epoch(
                    shape, images, samples.labels, order, weights, gradient, *given
                ),
                macs,
                None,
                arrays,
                "batches of %d" % BATCH,
            )
            losses[means].append(loss)
            steps += -(-n // BATCH)
    return losses


def main():
    asked = job.Job(**JOB)
    parts = asked.parts.split(",")
    samples = Dataset.open(asked.samples)
    bench = Bench(
        20 * ("kernels" in parts) + ("ulab" in parts) + 2 * asked.epochs * ("backprop" in parts)
    )
    checks = losses = None
    if "kernels" in parts:
        checks = kernels(bench, asked, samples)
        layers(bench, samples)
    if "ulab" in parts:
        ulab_training(bench, samples)
    if "backprop" in parts:
        losses = backprop(bench, asked, samples)
    if instructions() is None:
        print("this machine has no counter of instructions; the counts are none")
    job.result(
        counted=instructions() is not None,
        classes=len(samples.names),
        images=len(samples),
        rows=bench.rows,
        absent=bench.absent,
        checks=checks,
        losses=losses,
    )


job.main(main)
