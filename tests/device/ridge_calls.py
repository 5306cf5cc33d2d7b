"""One sound call of every function of `ridge`, small enough for any board. The other ridge_*.py
build on these.
"""

from array import array

from uff_checks import Random

import ridge

HEIGHT, WIDTH = 4, 5
N, M, K, Q = 9, 6, 3, 5  # images, features, classes, neurons
PACKED = M * (M + 1) // 2


def zeros(typecode, count):
    return typecode, array(typecode, [0] * count)


class Call:
    """A function's name, its arguments (numbers, or (typecode, array)) and keywords, which
    arguments it writes, which of them is workspace (any type, and as long as the function says
    it wants it) and which else may be longer than it need be.
    """

    def __init__(self, name, args, writes=(), work=None, longer=(), **named):
        self.name = name
        self.args = args
        self.named = named
        self.writes = writes
        self.work = work
        self.longer = longer
        if work is not None:
            args[work] = "B", bytearray(0)
            try:
                self()
            except ValueError as error:
                least = int(str(error).split("at least ")[1].split(" ")[0])
            args[work] = zeros("h", least // 2)

    def copies(self):
        """The arguments, arrays as fresh copies."""
        return [array(a[0], bytes(a[1])) if is_array(a) else a for a in self.args]

    def __call__(self, args=None, **others):
        """Calls it, with other arguments where given."""
        named = {key: a[1] if is_array(a) else a for key, a in self.named.items()}
        named.update(others)
        if args is None:
            args = [a[1] if is_array(a) else a for a in self.args]
        return getattr(ridge, self.name)(*args, **named)


def is_array(a):
    return isinstance(a, tuple) and isinstance(a[0], str)


def calls():
    """Yields a Call for every function (some twice); each is made before the next, which uses
    what it gave.
    """
    random = Random(7)
    size = HEIGHT * WIDTH
    images = "B", array("B", (random.below(256) for _ in range(N * size)))
    for i in range(size):
        images[1][i] = 0  # a blank one
    keep = "H", array("H", [0, 3, 7, 8, 11, 19])
    labels = "B", array("B", (i % K for i in range(N)))
    x = zeros("h", N * M)
    call = Call("encode", [images, keep, x], [2])
    yield call
    call()

    g = zeros("i", PACKED)
    call = Call("gram", [x, g, None], [1, 2], 2)
    yield call
    call()
    yield Call("gram", [x, g, None, True], [1, 2], 2)
    yield Call("trace", [g])
    k = zeros("i", N * (N + 1) // 2)
    call = Call("kernel", [x, M, k, None], [2, 3], 3, [2])
    yield call
    call()
    yield Call("kernel", [x, M, k, None, 4], [2, 3], 3, [2])
    other = ("i", array("i", range(-9, PACKED - 9)))
    yield Call("merge", [g, other], [0])
    yield Call("merge", [g, other, True], [0])
    sums, counts = zeros("i", K * M), zeros("i", K)
    call = Call("class_sums", [x, labels, sums, counts], [2, 3])
    yield call
    call()
    yield Call("class_sums", [x, labels, sums, counts, True], [2, 3])

    # Dual weights, one column a neuron, then unit rows.
    a, b = ("H", array("H", [1, 2, 3, 4, 5])), ("H", array("H", [2, 3, 4, 5, 7]))
    targets = zeros("f", M * Q)
    call = Call("contrast", [x, M, a, b, targets], [4])
    yield call
    call()
    floats = "f", array("f", (value / 262144 for value in g[1]))
    factor = zeros("f", PACKED)
    yield Call("factor", [floats, factor, None], [1, 2], 2, diagonal=0.125)
    call = Call("factor", [g, factor, None], [1, 2], 2, scale=2.0**-18, diagonal=0.5)
    yield call
    call()
    solution = zeros("f", M * Q)
    call = Call("solve", [factor, targets, solution, None], [2, 3], 3)
    yield call
    call()
    w1 = zeros("h", Q * M)
    call = Call("unit_rows", [solution, M, w1], [2])
    yield call
    call()
    h = zeros("h", N * Q)
    yield Call("project", [x, w1, M, h, None], [3, 4], 4)
    yield Call("nearest", [("h", x[1][2 * M : 3 * M]), x], [])
    yield Call("extent", [w1, M])

    ratio = 0.0625
    total, right = zeros("f", M), zeros("f", M * K)
    call = Call("class_targets", [sums, counts, ratio, total, right], [3, 4])
    yield call
    call()
    call = Call(
        "factor", [g, factor, None], [1, 2], 2,
        scale=3 * 2.0**-18, diagonal=0.75, rank1=-0.125, v=total, first=0, last=M,
    )  # fmt: skip
    yield call
    call()
    weights = zeros("f", M * K)
    call = Call("solve", [factor, right, weights, None], [2, 3], 3)
    yield call
    call()
    dots = zeros("f", K)
    yield Call("total_dot", [total, weights, dots], [2])
    w = zeros("h", K * M)
    call = Call("quantise", [weights, M, w, 12], [2])
    yield call
    call()
    v = "i", array("i", (random.below(1 << 18) - (1 << 17) for _ in range(K * K)))
    good, best = zeros("q", N * K), zeros("B", N)
    yield Call("goodness", [x, w, v, good, best], [3, 4])
    leverage = zeros("f", N)
    call = Call("leverage", [factor, x, total, ratio, leverage, None], [4, 5], 5)
    yield call
    call()
    yield Call("inverse_diagonal", [factor, zeros("f", M), None], [1, 2], 2)
    yield Call("inverse_diagonal", [factor, zeros("f", M), None, 2, 5], [1, 2], 2)
    alpha = "f", array("f", ((random.below(2001) - 1000) / 512 for _ in range(N * K)))
    yield Call("combine", [x, alpha, N, zeros("f", M * K)], [3])
    numbers = (1 - ratio, -float(K), 2.0**-21, 1 - ratio)
    outputs = [zeros("B", N), zeros("f", N), zeros("f", N)]
    yield Call("leave_one_out", [x, w, v, labels, leverage, numbers] + outputs, [6, 7, 8])
    numbers = "f", array("f", ((i * 7 % 5 + 1) / 8 for i in range(4 * K)))
    block = zeros("f", 6 * 6)
    call = Call(
        "leverage_block", [factor, ("h", x[1][: 6 * M]), total, ratio, block, None], [4, 5], 5
    )
    yield call
    call()
    for i in range(6):
        block[1][7 * i] += 0.5
    outputs = [zeros("B", 3), zeros("f", 3), zeros("f", 3)]
    residual = "f", array("f", alpha[1][: 6 * K])
    three = "B", array("B", [1, 2, 0])
    yield Call("leave_group_out", [block, residual, 2, three, numbers] + outputs, [5, 6, 7])
    yield Call("inverse_block", [factor, M, 2, 5, zeros("f", 9), None], [4, 5], 5, [0])
    yield Call("work_bytes", [M])
    yield Call("work_bytes", [M, Q])
    for call in kernel_layer(x, v):
        yield call
    for call in patch_layer():
        yield call


def kernel_layer(x, v):
    """Calls of the kernel class layer; x has a blank row, and twice the same one."""
    rows = "h", array("h", x[1])
    rows[1][2 * M : 3 * M] = rows[1][M : 2 * M]
    k = zeros("i", N * (N + 1) // 2)
    kernel = Call("kernel", [rows, M, k, None], [2, 3], 3, [2])
    kernel()
    yield Call("powers", [k, 3, N], [0], None, [0])
    call = Call("powers", [k, 0, N], [0], None, [0])
    yield call
    call()
    alpha = "h", array("h", (i * 37 % 101 * 60 - 3000 for i in range(K * N)))
    outputs = [zeros("q", N * K), None, zeros("B", N)]
    yield Call("kernel_goodness", [rows, rows, alpha, v, 21] + outputs, [5, 6, 7], 6)
    outputs = [zeros("q", 4 * K), None, zeros("B", 4)]
    yield Call("gram_goodness", [k, N, 2, 6, alpha, v, 21] + outputs, [7, 8, 9], 8, [0])
    yield Call("outputs", [rows, ("h", array("h", x[1][: 4 * M])), M, zeros("i", N * 4)], [3])


PATCHED = 11, 12  # height and width of images for the patch layer
FILTERS = 4


def patch_layer():
    """Calls of the patch layer, from copies of an image on."""
    height, width = PATCHED
    size = height * width
    random = Random(11)
    image = "B", array("B", (random.below(256) * (i % 7 > 1) for i in range(size)))
    images = zeros("B", 3 * size)
    call = Call("copies", [image, height, width, images, 2], [3])
    yield call
    call()
    yield Call("copies", [image, height, width, zeros("B", size)], [3])
    x = zeros("h", 3 * size)
    Call("encode", [images, ("H", array("H", range(size))), x], [2])()
    g, sums = zeros("i", 36 * 37 // 2), zeros("i", 36)
    call = Call("patch_gram", [x, height, width, g, sums, None], [3, 4, 5], 5)
    yield call
    patches = call()
    yield Call("patch_gram", [x, height, width, g, sums, None, True], [3, 4, 5], 5)
    a, b = ("H", array("H", [0, 1, 2, 0])), ("H", array("H", [1, 2, 0, 2]))
    differences = zeros("f", 36 * FILTERS)
    call = Call("patch_contrast", [x, height, width, a, b, 12345, differences], [6])
    yield call
    call()
    w, bias = zeros("h", FILTERS * 36), zeros("i", FILTERS)
    call = Call("patch_filters", [differences, g, sums, patches, w, bias], [4, 5])
    yield call
    threshold = int(0.4 * 2.0 ** (call() + 9))
    outputs = [zeros("h", 3 * 32 * FILTERS), None]
    yield Call("patch_features", [x, height, width, w, bias, threshold] + outputs, [6, 7], 7)
    yield Call("patch_work_bytes", [])
    yield Call("patch_work_bytes", [FILTERS])
    outputs = [zeros("h", 3 * 48 * FILTERS), None]
    yield Call("mirror_features", [x, height, width, w, bias, threshold] + outputs, [6, 7], 7)
    yield Call("mirror_work_bytes", [FILTERS])
