"""Cycles of each kernel beside the estimate."""

from array import array

import ridge
from bring_up.bounds import KERNELS
from bring_up.patterns import xorshift16

M, Q, K, N = 768, 500, 10, 64  # features, neurons, classes, images
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
    order, few = M, 32
    found["shape"] = {
        "filters": FILTERS,
        "features": M,
        "neurons": Q,
        "classes": K,
        "images": N,
        "rows": few,
    }
    packed = M * (M + 1) // 2
    x, gram, factor = alloc(2 * N * M), alloc(4 * packed), alloc(4 * packed)
    w1 = alloc(2 * Q * M)
    panel, solution = alloc(4 * M * ridge.PANEL), alloc(4 * M * ridge.PANEL)
    w, v = alloc(2 * K * M), array("i", bytes(4 * K * K))
    small = alloc(2 * N * (N + 1))
    size = ridge.work_bytes(M, Q)
    work = alloc.fast(size) if hasattr(alloc, "fast") else alloc(size)
    keep = array("H", range(16, M + 16))
    images = alloc(N * 784)
    state = 1
    for i in range(len(images)):
        state = xorshift16(state)
        images[i] = state & 255
    labels = bytearray(i % K for i in range(N))
    for i in range(0, len(w1), 2):
        w1[i] = i * 37 >> 1 & 255
        w1[i + 1] = 0 if i & 6 else 255
    for i in range(0, len(w), 2):
        w[i] = i * 11 & 255
    hidden = alloc(2 * few * Q)
    sums, counts = alloc(4 * K * M), array("i", bytes(4 * K))
    good = bytearray(8 * N * K)
    total, leverage = array("f", bytes(4 * M)), array("f", bytes(4 * N))
    a, b = array("H", range(16)), array("H", range(16, 32))
    alpha = array("f", (((i * 7) & 15) - 8 for i in range(N * ridge.PANEL)))
    unit = alloc(2 * ridge.PANEL * M)
    rows = memoryview(x)[: 2 * few * M]
    one = memoryview(x)[: 2 * M]
    one_hidden = memoryview(hidden)[: 2 * Q]
    ridge.encode(images, keep, x)
    ridge.gram(x, gram, work)
    kept = bytearray(small)
    pixels, features = alloc(2 * PATCHED * 784), alloc(2 * PATCHED * 32 * FILTERS)
    ridge.encode(memoryview(images)[: 784 * PATCHED], array("H", range(784)), pixels)
    filters = array("h", ((i * 37 & 255) - 128 for i in range(36 * FILTERS)))
    bias = array("i", (i * 1001 for i in range(FILTERS)))
    patch_work = alloc(max(ridge.patch_work_bytes(), ridge.patch_work_bytes(FILTERS)))
    patch_gram, patch_sums = bytearray(4 * 36 * 37 // 2), bytearray(4 * 36)
    drawn, copied = memoryview(images)[:784], bytearray(15 * 784)
    block = bytearray(4 * ridge.PANEL * ridge.PANEL)
    diagonal = float(ridge.trace(gram) // M)

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
    yield "factor", lambda: ridge.factor(gram, factor, work, last=order, diagonal=diagonal)
    ridge.contrast(x, M, a, b, panel)
    yield "contrast", lambda: ridge.contrast(x, M, a, b, panel)
    yield "solve", lambda: ridge.solve(factor, panel, solution, work)
    yield "leverage", lambda: ridge.leverage(factor, x, total, 0.0, leverage, work)
    yield "combine", lambda: ridge.combine(x, alpha, N, panel)
    yield "unit_rows", lambda: ridge.unit_rows(panel, M, unit)
    yield "inverse block", lambda: ridge.inverse_block(factor, M, 0, ridge.PANEL, block, work)
    ridge.kernel(x, M, small, work)
    kept[:] = small

    def powers():
        small[:] = kept
        ridge.powers(small, 0, N)

    yield "powers", powers
    weights, some = memoryview(w)[: 2 * K * N], bytearray(4 * N)
    yield (
        "kernel goodness",
        lambda: ridge.kernel_goodness(one, x, weights, v, 21, good[: 8 * K], some),
    )
    yield "copies", lambda: ridge.copies(drawn, 28, 28, copied)
    yield (
        "patch gram",
        lambda: ridge.patch_gram(pixels, 28, 28, patch_gram, patch_sums, patch_work),
    )
    yield (
        "patch features",
        lambda: ridge.patch_features(pixels, 28, 28, filters, bias, 1000, features, patch_work),
    )
