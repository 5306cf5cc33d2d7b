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
    for name in ("m7",):
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


if __name__ == "__main__":
    run(globals())
