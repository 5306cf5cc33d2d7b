"""Cycles of each kernel beside the estimate."""

from array import array

import ridge
from bring_up.bounds import KERNELS
from bring_up.patterns import xorshift16

M, Q, K, N = 768, 500, 10, 64  # features, neurons, classes, images
FEW = 32  # rows of a projection
PATCHED, FILTERS = 16, 32  # images and filters of the patch kernels


def kernels(test):
    """Cycles of every kernel, beside the estimate's bounds. On the emulated Cortex-M7 instead
    instructions, elsewhere microseconds."""
    counter, mask, unit = test.counter_of_work()
    alloc = test.arena()
    found = {"unit": unit, "kernels": {}}
    outside = []
    for name, work in kernel_calls(alloc, found):
        work()  # once, for the caches
        counts = []
        for _ in range(1 if unit == "instructions" else 3):
            first = counter()
            work()
            counts.append((counter() - first) & mask)
        row = {"least": min(counts), "most": max(counts)}
        if name in KERNELS:
            instructions, low, high = KERNELS[name]
            row["instructions_emulated"] = instructions
            row["estimate"] = [low, high]
            if unit == "cycles" and not low <= row["least"] <= high:
                outside.append(name)
        found["kernels"][name] = row
        test.say(
            "%s: %d %s, estimated cycles %s" % (name, row["least"], unit, row.get("estimate"))
        )
    found["outside_the_estimate"] = outside
    return found


def kernel_calls(alloc, found):
    """(name, function) of each kernel on deterministic data; big arrays from alloc."""
    found["shape"] = {
        "filters": FILTERS,
        "features": M,
        "neurons": Q,
        "classes": K,
        "images": N,
        "rows": FEW,
    }
    data = Data(alloc)
    yield from layer_calls(data)
    yield from solver_calls(data)
    yield from kernel_layer_calls(data)
    yield from patch_calls(data)


class Data:
    """Images at random, their features and Gram matrix, weights that repeat, and work space."""

    def __init__(self, alloc):
        self.alloc = alloc
        self.x, self.gram = alloc(2 * N * M), alloc(4 * (M * (M + 1) // 2))
        self.panel = alloc(4 * M * ridge.PANEL)
        self.w, self.v = alloc(2 * K * M), array("i", bytes(4 * K * K))
        self.small = alloc(2 * N * (N + 1))
        size = ridge.work_bytes(M, Q)
        self.work = alloc.fast(size) if hasattr(alloc, "fast") else alloc(size)
        self.images, self.keep = alloc(N * 784), array("H", range(16, M + 16))
        state = 1
        for i in range(len(self.images)):
            state = xorshift16(state)
            self.images[i] = state & 255
        for i in range(0, len(self.w), 2):
            self.w[i] = i * 11 & 255
        self.good = bytearray(8 * N * K)
        self.one = memoryview(self.x)[: 2 * M]
        ridge.encode(self.images, self.keep, self.x)
        ridge.gram(self.x, self.gram, self.work)


def layer_calls(data):
    """From images to goodness."""
    images, keep, x, gram, work = data.images, data.keep, data.x, data.gram, data.work
    w, v, small, good, one = data.w, data.v, data.small, data.good, data.one
    w1 = data.alloc(2 * Q * M)
    for i in range(0, len(w1), 2):
        w1[i] = i * 37 >> 1 & 255
        w1[i + 1] = 0 if i & 6 else 255
    hidden = data.alloc(2 * FEW * Q)
    rows, one_hidden = memoryview(x)[: 2 * FEW * M], memoryview(hidden)[: 2 * Q]
    sums, counts = data.alloc(4 * K * M), array("i", bytes(4 * K))
    labels = bytearray(i % K for i in range(N))

    yield "encode", lambda: ridge.encode(images, keep, x)
    yield "gram add", lambda: ridge.gram(x, gram, work)
    yield "gram remove", lambda: ridge.gram(x, gram, work, True)
    yield "kernel", lambda: ridge.kernel(x, M, small, work)
    yield "project", lambda: ridge.project(rows, w1, M, hidden, work)
    yield "project one", lambda: ridge.project(one, w1, M, one_hidden, work)
    yield "class_sums", lambda: ridge.class_sums(x, labels, sums, counts)
    yield "goodness", lambda: ridge.goodness(x, w, v, good)
    yield "nearest", lambda: ridge.nearest(one, x)
    yield "crc32", lambda: ridge.crc32(gram)


def solver_calls(data):
    """The factor of the Gram matrix, and what is solved with it."""
    x, gram, panel, work = data.x, data.gram, data.panel, data.work
    factor, solution = data.alloc(4 * (M * (M + 1) // 2)), data.alloc(4 * M * ridge.PANEL)
    total, leverage = array("f", bytes(4 * M)), array("f", bytes(4 * N))
    a, b = array("H", range(16)), array("H", range(16, 32))
    alpha = array("f", (((i * 7) & 15) - 8 for i in range(N * ridge.PANEL)))
    unit = data.alloc(2 * ridge.PANEL * M)
    block = bytearray(4 * ridge.PANEL * ridge.PANEL)
    diagonal = float(ridge.trace(gram) // M)

    yield "factor", lambda: ridge.factor(gram, factor, work, last=M, diagonal=diagonal)
    ridge.contrast(x, M, a, b, panel)
    yield "contrast", lambda: ridge.contrast(x, M, a, b, panel)
    yield "solve", lambda: ridge.solve(factor, panel, solution, work)
    yield "leverage", lambda: ridge.leverage(factor, x, total, 0.0, leverage, work)
    yield "combine", lambda: ridge.combine(x, alpha, N, panel)
    yield "unit_rows", lambda: ridge.unit_rows(panel, M, unit)
    yield "inverse block", lambda: ridge.inverse_block(factor, M, 0, ridge.PANEL, block, work)


def kernel_layer_calls(data):
    """A kernel class layer, and the copies of an image that it learns."""
    x, v, small, good, one = data.x, data.v, data.small, data.good, data.one
    ridge.kernel(x, M, small, data.work)
    kept = bytearray(small)

    def powers():
        small[:] = kept
        ridge.powers(small, 0, N)

    yield "powers", powers
    weights, some = memoryview(data.w)[: 2 * K * N], bytearray(4 * N)
    yield (
        "kernel goodness",
        lambda: ridge.kernel_goodness(one, x, weights, v, 21, good[: 8 * K], some),
    )
    drawn, copied = memoryview(data.images)[:784], bytearray(15 * 784)
    yield "copies", lambda: ridge.copies(drawn, 28, 28, copied)


def patch_calls(data):
    """A patch layer."""
    pixels = data.alloc(2 * PATCHED * 784)
    features = data.alloc(2 * PATCHED * 32 * FILTERS)
    ridge.encode(memoryview(data.images)[: 784 * PATCHED], array("H", range(784)), pixels)
    filters = array("h", ((i * 37 & 255) - 128 for i in range(36 * FILTERS)))
    bias = array("i", (i * 1001 for i in range(FILTERS)))
    work = data.alloc(max(ridge.patch_work_bytes(), ridge.patch_work_bytes(FILTERS)))
    gram, sums = bytearray(4 * 36 * 37 // 2), bytearray(4 * 36)
    yield "patch gram", lambda: ridge.patch_gram(pixels, 28, 28, gram, sums, work)
    yield (
        "patch features",
        lambda: ridge.patch_features(pixels, 28, 28, filters, bias, 1000, features, work),
    )
