"""Every set of kernels that this firmware has gives the bits of the plain one, whatever the
shape: whole tiles and panels, ragged ends, a single row.
"""

from array import array

from uff_checks import Random, Skip, run

import ridge

SHAPES = (
    (1, 1),
    (2, 3),
    (3, 4),
    (4, 5),
    (5, 16),
    (15, 7),
    (16, 15),
    (17, 17),
    (33, 20),
    (65, 6),
    (66, 37),
)


def sets():
    """Names of the sets beside the plain one."""
    found = []
    before = ridge.kernels()
    for name in ("m7", "wasm"):
        try:
            ridge.kernels(name)
            found.append(name)
        except ValueError:
            pass
    ridge.kernels(before)
    if not found:
        raise Skip("this firmware has the plain kernels only")
    return found


def alike(work, *shape):
    """work(*shape) gives buffers: the same bytes from every set."""
    others = sets()
    before = ridge.kernels("plain")
    try:
        want = [bytes(a) for a in work(*shape)]
        for name in others:
            ridge.kernels(name)
            assert [bytes(a) for a in work(*shape)] == want, (name, shape)
    finally:
        ridge.kernels(before)


def rows(n, m, size=700):
    random = Random(n * 100 + m)
    return array("h", (random.below(2 * size) - size for _ in range(n * m)))


def extremes(n, m):
    random = Random(n + m)
    return array("h", (32767 - 65535 * random.below(2) for _ in range(n * m)))


def packed(m):
    return m * (m + 1) // 2


def test_gram_kernel_and_project_are_the_same_in_every_set():
    def work(n, m):
        x, w = rows(n, m), rows(7, m, 9000)
        room = bytearray(ridge.work_bytes(max(n, m), 7))
        g, k, h = bytearray(4 * packed(m)), bytearray(4 * packed(n)), bytearray(2 * 7 * n)
        ridge.gram(x, g, room)
        ridge.gram(x[: m * (n // 2)], g, room, True)
        ridge.kernel(x, m, k, room)
        ridge.kernel(x, m, k, room, n // 2)
        ridge.project(x, w, m, h, room)
        return g, k, h, array("i", ridge.nearest(x[:m], x[m * (n // 2) :]))

    for n, m in SHAPES:
        alike(work, n, m)


def test_the_largest_integers_are_the_same_in_every_set():
    # One element of +-32767 or -32768 in a row: the longest row and weights that project takes.
    def work(n, m):
        x, w = array("h", [0] * (n * m)), extremes(5, m)
        for i in range(n):
            x[i * m + i % m] = 32767 // m - i
        room, h = bytearray(ridge.work_bytes(m, 5)), bytearray(2 * 5 * n)
        ridge.project(x, w, m, h, room)
        g = bytearray(4 * packed(m))
        ridge.gram(extremes(1, m), g, room)
        k = bytearray(4)
        ridge.kernel(extremes(1, min(m, 1)), min(m, 1), k, room)
        return h, g, k

    for n, m in SHAPES:
        alike(work, n, m)


def test_goodness_is_the_same_in_every_set():
    def work(n, m):
        f, w = rows(n, m, 500), rows(10, m, 3000)
        good, labels = bytearray(8 * 10 * n), bytearray(n)
        ridge.goodness(f, w, array("i", range(-50000, 50000, 1000)), good, labels)
        return good, labels

    for n, m in SHAPES:
        alike(work, n, m)


def test_factor_and_all_that_uses_it_are_the_same_in_every_set():
    def work(p, m):
        room = bytearray(ridge.work_bytes(m))
        x = rows(m + 3, m, 300)
        g, factor = bytearray(4 * packed(m)), bytearray(4 * packed(m))
        ridge.gram(x, g, room)
        ridge.factor(g, factor, room, scale=2.0**-18, diagonal=0.1)
        random = Random(p)
        b = array("f", ((random.below(2001) - 1000) / 512 for _ in range(m * p)))
        solution, leverage = bytearray(4 * m * p), bytearray(4 * (m + 3))
        ridge.solve(factor, b, solution, room)
        total, inverse = array("f", range(m)), bytearray(4 * m)
        ridge.leverage(factor, x, total, 0.01, leverage, room)
        ridge.inverse_diagonal(factor, inverse, room)
        out = bytearray(4 * m * p)
        ridge.combine(x[: m * m], b, m, out)
        return factor, solution, leverage, inverse, out

    for p, m in SHAPES:
        alike(work, p, m)


def test_a_factor_in_odd_slices_is_the_same_in_every_set():
    """And that of a system whose first rows are a shorter one's, whose factor is there already."""

    def work(n, m):
        room = bytearray(ridge.work_bytes(m))
        g = bytearray(4 * packed(m))
        ridge.gram(rows(m + 3, m, 300), g, room)
        numbers = {"scale": 2.0**-18, "diagonal": 0.1, "rank1": 0.01}
        whole, sliced, grown = (bytearray(4 * packed(m)) for _ in range(3))
        ridge.factor(g, whole, room, **numbers)
        cuts = sorted({0, 1, min(m, 6), m // 3, m // 2 + 1, max(0, m - 5), m})
        for i, last in enumerate(cuts[1:]):
            first, now = cuts[i], 4 * packed(last)
            ridge.factor(g, sliced, room, first=first, last=last, **numbers)
            part = memoryview(g)[:now], memoryview(grown)[:now]
            ridge.factor(part[0], part[1], room, first=first, **numbers)
        assert sliced == whole
        assert grown == whole
        blocks = [bytearray(4 * min(m, 16) ** 2), bytearray(4 * min(m, 3) ** 2)]
        ridge.inverse_block(whole, m, m - min(m, 16), m, blocks[0], room)
        ridge.leverage_block(
            whole, rows(min(m, 3), m), array("f", range(m)), 0.01, blocks[1], room
        )
        return whole, blocks[0], blocks[1]

    for n, m in SHAPES:
        alike(work, n, m)
    alike(work, 0, 75)


def test_products_of_single_rows_are_the_same_in_every_set():
    """From whole words and from the middle of one, rows of odd and even length."""

    def work(n, m):
        alpha, v = rows(3, n, 9000), array("i", range(0, 900, 100))
        x, w = rows(1, m + 1, 300 // m + 8), rows(n, m, 300 // m + 8)
        shifted = array("h", [0]) + w
        good, room, labels = bytearray(24), bytearray(4 * n), bytearray(1)
        outputs = [bytearray(4 * n) for _ in range(4)]
        for i, (a, b) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
            row = memoryview(x)[a : a + m]
            many = memoryview(shifted)[1:] if b else w
            ridge.outputs(row, many, m, outputs[i])
            ridge.kernel_goodness(row, many, alpha, v, 21, good, room, labels)
            outputs += [bytes(good), bytes(labels)]
        return outputs

    for n, m in SHAPES + ((3, 8), (2, 64), (4, 72), (5, 130), (1, 203)):
        alike(work, n, m)


IMAGES = (9, 9, 4), (9, 20, 8), (28, 28, 32), (33, 17, 12), (11, 30, 4), (10, 13, 64)


def test_the_patch_layer_is_the_same_in_every_set():
    def work(height, width, q, threshold):
        size, n = height * width, 3
        # A third of the images' pixels are 0, the squares of all at most 1.5 * 2^18.
        random = Random(size)
        most = int(600 / size**0.5)
        x = array("h", (random.below(2 * most) - most for _ in range(n * size)))
        for i in range(0, n * size, 3):
            x[i] = 0
        room = bytearray(b"\xff" * ridge.patch_work_bytes(q))
        g, sums = bytearray(4 * packed(36)), bytearray(4 * 36)
        count = ridge.patch_gram(x, height, width, g, sums, room)
        assert ridge.patch_gram(x[:size], height, width, g, sums, room, True) <= 12 < count
        b = array("f", (random.below(2001) - 1000 for _ in range(36 * q)))
        w, bias = array("h", range(36 * q)), array("i", range(q))
        ridge.patch_filters(b, g, sums, count, w, bias)
        f = bytearray(2 * 32 * q * n)
        ridge.patch_features(x, height, width, w, bias, threshold, f, room)
        # The longest filters, with elements of one sign next to each other, and far biases.
        for i in range(len(w)):
            w[i] = (3861, -3861)[i // 36 % 2]
        for i in range(q):
            bias[i] = (1 << 24) - (i % 3 << 24)
        extreme = bytearray(2 * 32 * q * n)
        ridge.patch_features(x, height, width, w, bias, threshold, extreme, room)
        return g, sums, w, bias, f, extreme

    def blank(n):
        x, room = array("h", [0] * (n * 81)), bytearray(ridge.patch_work_bytes(4))
        g, sums = bytearray(4 * packed(36)), bytearray(4 * 36)
        f = bytearray(2 * 128 * n)
        assert ridge.patch_gram(x, 9, 9, g, sums, room) == 0
        ridge.patch_features(x, 9, 9, rows(4, 36, 4000), array("i", [5, 0, -5, 9]), 9, f, room)
        assert not any(g) and not any(sums) and not any(f)
        return (f,)

    for n in (0, 1, 5, 6):
        alike(blank, n)
    for shape in IMAGES:
        for threshold in (0, 1, 90000):
            alike(work, *shape, threshold)


if __name__ == "__main__":
    run(globals())
