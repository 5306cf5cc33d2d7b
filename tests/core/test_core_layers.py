"""The C core's patch layer, kernel class layer and copies of images, against exact integers, numpy
float64 and retraining; see test_core.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from core.arrays import (
    F32,
    U,
    blank,
    cholesky_of,
    encoded,
    factor,
    gamma,
    packed,
    panel,
    same,
    unpacked,
    with_condition,
)
from core.cores import (
    LABEL,
    NOT_ADDED,
    NOT_FINITE,
    NOT_POSDEF,
    OK,
    OVERFLOW,
    UNIT,
    Answer,
    Cores,
)
from core.layers import (
    LENGTH,
    ONE,
    contrast_by_hand,
    copy_by_hand,
    counted_patches,
    features_by_hand,
    mirror_features_by_hand,
    phi,
)

PACKED = LENGTH * (LENGTH + 1) // 2
SHAPES = [(9, 9), (9, 20), (28, 28), (33, 17), (198, 9)]  # 198 x 9: 193 divides the places


# ---- copies ----


def copies(cores: Cores, image: np.ndarray, first: int, count: int) -> np.ndarray:
    out = blank((count, *image.shape), np.uint8)
    answer = cores.call("copies", image, *image.shape, first, count, out)
    assert same(answer[0], image)
    return answer[5]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (28, 28), (9, 64)])
def test_copies_are_the_integer_formula(
    cores: Cores, rng: np.random.Generator, shape: tuple[int, int]
) -> None:
    for image in (rng.integers(0, 256, shape).astype(np.uint8), np.full(shape, 255, np.uint8)):
        made = copies(cores, image, 1, 255)
        for number in (1, 2, 128, 255):
            assert made[number - 1].tolist() == copy_by_hand(image, number)
            assert same(copies(cores, image, number, 1)[0], made[number - 1])


def test_copies_are_turned_scaled_and_shifted_as_far_as_they_should_be(cores: Cores) -> None:
    """Of a square, by its moments: the middle moves by up to 1.5 pixels each way, the area by a
    factor of up to 1.2^2, and all of it is used.
    """
    image = np.zeros((28, 28), np.uint8)
    image[8:20, 8:20] = 255
    made = copies(cores, image, 1, 255).astype(float)
    mass = made.sum((1, 2))
    y, x = np.mgrid[:28, :28] - 13.5
    middle = np.stack([(made * x).sum((1, 2)), (made * y).sum((1, 2))]) / mass
    # What lies at the middle of the copy is shifted by up to 1.5 in the image, so by that over the
    # scale in the copy; turned and sheared too.
    assert 1.4 < np.max(np.abs(middle)) < 1.5 / 0.8 * 1.35
    assert np.all(np.abs(middle.mean(1)) < 0.25)
    area = mass / mass.mean()
    assert 0.6 < area.min() < 0.8
    assert 1.3 < area.max() < 1.7
    tilt = (made * x * y).sum((1, 2)) / (made * y * y).sum((1, 2))
    assert tilt.min() < -0.25
    assert tilt.max() > 0.25
    assert len({copy.tobytes() for copy in made}) == 255


@pytest.mark.parametrize("shape", [(4096, 15), (15, 4096), (255, 257)])
def test_big_images_have_copies_too(
    cores: Cores, rng: np.random.Generator, shape: tuple[int, int]
) -> None:
    image = rng.integers(0, 256, shape).astype(np.uint8)
    assert copies(cores, image, 7, 1)[0].tolist() == copy_by_hand(image, 7)


# ---- the patch layer ----


def images(rng: np.random.Generator, n: int, shape: tuple[int, int]) -> np.ndarray:
    """Encoded images with a blank border, flat."""
    h, w = shape
    some = np.zeros((n, h, w))
    some[:, 1 : h - 1, 1 : w - 1] = rng.random((n, h - 2, w - 2)) ** 3
    x = some.reshape(n, h * w)
    return np.round(UNIT * x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.int16)


def patch_gram(
    cores: Cores,
    x: np.ndarray,
    shape: tuple[int, int],
    g: np.ndarray | None = None,
    sums: np.ndarray | None = None,
    remove: bool = False,
) -> tuple[int, np.ndarray, np.ndarray]:
    g = np.zeros(PACKED, np.int32) if g is None else g
    sums = np.zeros(LENGTH, np.int32) if sums is None else sums
    work = blank(cores.call("patch_gram_work_bytes").result // 2, np.int16)
    answer = cores.call("patch_gram", x, len(x), *shape, int(remove), g, sums, work)
    assert same(answer[0], x)
    return answer.result, answer[5], answer[6]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [0, 1, 5, 6, 23])
def test_patch_gram_is_exact(
    cores: Cores, rng: np.random.Generator, shape: tuple[int, int], n: int
) -> None:
    x = images(rng, n, shape)
    count, g, sums = patch_gram(cores, x, shape)
    p = counted_patches(x, shape)
    assert count == len(p)
    assert np.array_equal(g, packed(p.T @ p))
    assert np.array_equal(sums, p.sum(0))


def test_patch_gram_does_not_depend_on_order_and_gives_back_what_it_took(
    cores: Cores, rng: np.random.Generator
) -> None:
    shape = (28, 28)
    x = images(rng, 17, shape)
    whole = patch_gram(cores, x, shape)
    count, g, sums = patch_gram(cores, x[rng.permutation(17)], shape)
    assert (count, g.tobytes(), sums.tobytes()) == (whole[0], *(a.tobytes() for a in whole[1:]))
    first = patch_gram(cores, x[:6], shape)
    both = patch_gram(cores, x[6:], shape, *first[1:])
    assert same(both[1], g)
    left = patch_gram(cores, x[6:], shape, *both[1:], remove=True)
    assert first[0] + both[0] == count
    assert left[0] == both[0]
    assert same(left[1], first[1])
    assert same(left[2], first[2])


def test_patch_gram_leaves_out_blank_patches(cores: Cores) -> None:
    shape = (9, 9)
    for value in (0, 5, -5):
        count, g, sums = patch_gram(cores, np.full((3, 81), value, np.int16), shape)
        assert (count, bool(g.any()), bool(sums.any())) == (0, False, False)
    x = np.zeros((1, 81), np.int16)
    x[0, 40] = 500  # the middle: in each of the 16 patches, always elsewhere
    count, g, _ = patch_gram(cores, x, shape)
    assert count == 12
    assert np.trace(unpacked(g, LENGTH)) == 12 * 500**2


def test_patch_gram_refuses_before_it_writes(cores: Cores, rng: np.random.Generator) -> None:
    shape = (9, 9)
    x = images(rng, 3, shape)
    _, g, sums = patch_gram(cores, x, shape)
    most = np.zeros((1, 81), np.int16)
    most[0, 40] = -32768
    for bad in (np.repeat(most, 3, 0), np.full((1, 81), 13378, np.int16)):
        error, g_after, sums_after = patch_gram(cores, bad, shape, g, sums)
        assert error == OVERFLOW
        assert same(g_after, g)
        assert same(sums_after, sums)
    room = 2**31 - 1 - 12 * 500**2
    spot = np.where(most, 500, 0).astype(np.int16)
    for where, value in ((0, room), (1, room), (1, -room)):
        full = np.zeros(PACKED, np.int32), np.zeros(LENGTH, np.int32)
        full[where][-1] = value
        assert patch_gram(cores, spot, shape, full[0], full[1])[0] == 12
        full[where][-1] += 1 if value > 0 else -1
        assert patch_gram(cores, spot, shape, full[0], full[1])[0] == OVERFLOW
    error, g_after, sums_after = patch_gram(cores, images(rng, 4, shape), shape, g, sums, True)
    assert error == NOT_ADDED
    assert same(g_after, g)
    assert same(sums_after, sums)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_patch_contrast_takes_the_first_place_that_differs(
    cores: Cores, rng: np.random.Generator, shape: tuple[int, int], seed: int
) -> None:
    x = images(rng, 6, shape)
    x[4] = x[5]  # equal everywhere: zeros
    x[3] = x[2]
    x[3, shape[1] * shape[0] // 2] += 9  # equal at most places
    a, b = np.array([0, 4, 2, 3, 1, 2, 0], np.uint16), np.array([1, 5, 3, 2, 5, 3, 2], np.uint16)
    out = blank((LENGTH, len(a)), F32)
    out = cores.call("patch_contrast", x, *shape, a, b, len(a), seed, out)[7]
    assert same(out, contrast_by_hand(x, shape, a, b, seed))
    assert not out[:, 1].any()


def patch_filters(
    cores: Cores, b: np.ndarray, g: np.ndarray, sums: np.ndarray, count: int
) -> tuple[int, np.ndarray, np.ndarray]:
    """(error, or 1000 + exponent), w, bias"""
    q = b.shape[1]
    w, bias = blank((q, LENGTH), np.int16), blank(q, np.int32)
    answer = cores.call("patch_filters", b, g, sums, count, q, w, bias)
    return answer.result, answer[5], answer[6]


@pytest.mark.parametrize("q", [4, 32, 64])
def test_patch_filters_have_responses_of_variance_1(
    cores: Cores, rng: np.random.Generator, q: int
) -> None:
    shape = (28, 28)
    x = images(rng, 40, shape)
    x[:, 300:420] += 20  # means far from 0
    count, g, sums = patch_gram(cores, x, shape)
    p = counted_patches(x, shape) / UNIT
    b = rng.standard_normal((LENGTH, q)).astype(F32) * np.exp(rng.normal(0, 3, q)).astype(F32)
    result, w, bias = patch_filters(cores, b, g, sums, count)
    e = result - 1000
    z = p @ b.astype(float)
    exact = b / z.std(0) * 2.0**e
    # 1/2 from rounding; the variance is a sum of 36 x 36 products of one sign of largest size
    # |b|' |C| |b|, which its square root halves.
    c = np.cov(p.T, bias=True)
    size = np.einsum("ij,ik,kj->j", np.abs(b), np.abs(c), np.abs(b)) / z.var(0)
    share = gamma(80) * size / 2 + gamma(10)
    assert np.all(np.abs(w.T - exact) <= 0.5 + share * np.abs(exact))
    mean = z.mean(0) / z.std(0) * 2.0 ** (e + 9)
    slack = share * np.abs(mean) + gamma(40) * (np.abs(p).mean(0) @ np.abs(exact)) * 512
    assert np.all(np.abs(bias - mean) <= 0.5 + slack)
    squares = (w.astype(np.int64) ** 2).sum(1).max()
    assert 2**27 - 2**20 <= squares < 2**29  # the largest exponent: twice as long is too long
    # Columns do not know of each other but for the exponent, nor of their own scale.
    scaled = b * 2.0 ** rng.integers(-80, 80, q).astype(F32)
    assert same(patch_filters(cores, scaled, g, sums, count)[1], w)


def test_patch_filters_of_special_columns(cores: Cores, rng: np.random.Generator) -> None:
    x = images(rng, 20, (28, 28))
    count, g, sums = patch_gram(cores, x, (28, 28))
    b = rng.standard_normal((LENGTH, 8)).astype(F32)
    b[:, 1] = 0
    b[:, 2] = 1e-39  # denormal
    b[:, 3] = -0.0
    b[:, 4] = np.finfo(F32).max
    b[:, 5] = np.finfo(F32).tiny
    result, w, bias = patch_filters(cores, b, g, sums, count)
    assert 1000 < result <= 1014
    assert not w[1:4].any()
    assert not bias[1:4].any()
    assert same(w[4], w[5])
    assert np.all(w[[0, 4, 6, 7]].any(1))
    result, w, bias = patch_filters(cores, np.zeros_like(b), g, sums, count)
    assert (result, bool(w.any()), bool(bias.any())) == (1014, False, False)
    # All patches alike: no variance.
    alike = np.full(PACKED, 9 * 25, np.int32), np.full(LENGTH, 9 * 5, np.int32)
    result, w, bias = patch_filters(cores, b, *alike, 9)
    assert (result, bool(w.any()), bool(bias.any())) == (1014, False, False)
    for bad in (math.nan, math.inf, -math.inf):
        b[35, 7] = bad
        result, w, bias = patch_filters(cores, b, g, sums, count)
        assert result == NOT_FINITE
        assert same(w, blank((8, LENGTH), np.int16))
        assert same(bias, blank(8, np.int32))


def test_patch_filters_keep_biases_below_2_to_the_24(cores: Cores) -> None:
    """One element that hardly varies about a large mean: the bias decides the exponent."""
    g, sums = np.zeros(PACKED, np.int32), np.zeros(LENGTH, np.int32)
    values = np.array([5000, 5001] * 10, np.int64)
    g[0], sums[0] = (values**2).sum(), values.sum()
    b = np.zeros((LENGTH, 4), F32)
    b[0] = (1, -1, 2, 0.5)
    result, w, bias = patch_filters(cores, b, g, sums, 20)
    e = result - 1000
    assert np.max(np.abs(bias)) < 2**24 <= 2 * np.max(np.abs(bias))
    assert bias.tolist() == pytest.approx(np.array([1, -1, 1, 1]) * 10001 * 2.0 ** (e + 9))
    assert w[:, 0].tolist() == (np.array([1, -1, 1, 1]) * 1024 * 2.0**e).tolist()
    assert not w[:, 1:].any()


MIXED = [(11, 30), (64, 41)]

# A function of the core, its features of a filter, and what it computes.
Pooling = tuple[str, int, Callable[..., np.ndarray]]
PATCH: Pooling = "patch_features", 32, features_by_hand
MIRROR: Pooling = "mirror_features", 48, mirror_features_by_hand
POOLINGS = pytest.mark.parametrize("pooling", [PATCH, MIRROR], ids=["patch", "mirror"])


def pooled(
    cores: Cores,
    pooling: Pooling,
    x: np.ndarray,
    shape: tuple[int, int],
    w: np.ndarray,
    bias: np.ndarray,
    threshold: int,
) -> tuple[int, np.ndarray]:
    name, each = pooling[:2]
    n, q = len(x), len(w)
    work = blank(cores.call(f"{name}_work_bytes", q).result // 4, np.int32)
    f = blank((n, each * q), np.int16)
    args = (x, n, *shape, w, bias, q, threshold, f, work)
    answer = cores.call(name, *args)
    for i in (0, 4, 5):
        given = answer.arrays[i]
        assert given is not None
        assert same(given, np.asarray(args[i]))
    return answer.result, answer[8]


def filters_at_random(rng: np.random.Generator, q: int, length: float) -> np.ndarray:
    w = rng.standard_normal((q, LENGTH))
    w *= length / np.linalg.norm(w, axis=1, keepdims=True)
    return np.trunc(w).astype(np.int16)


@pytest.mark.parametrize(
    ("pooling", "shape", "q"),
    [
        *((PATCH, shape, q) for shape in [*SHAPES, *MIXED, (10, 13)] for q in (4, 12, 64)),
        *((MIRROR, shape, q) for shape in [(11, 11), (28, 28), *MIXED] for q in (4, 12, 32)),
    ],
)
def test_features_are_the_integer_formula(
    cores: Cores, rng: np.random.Generator, pooling: Pooling, shape: tuple[int, int], q: int
) -> None:
    x = images(rng, 3, shape)
    w = filters_at_random(rng, q, 23170)
    bias = rng.integers(-(2**19), 2**19, q).astype(np.int32)
    for threshold in (0, 1, 400000):
        error, f = pooled(cores, pooling, x, shape, w, bias, threshold)
        assert error == OK
        want = pooling[2](x, shape, w, bias, threshold)
        assert same(f, want)
    assert np.all(np.abs(np.linalg.norm(want.astype(float), axis=1) - UNIT) < 20)


@POOLINGS
def test_features_without_a_response_are_zeros(
    cores: Cores, rng: np.random.Generator, pooling: Pooling
) -> None:
    shape = (28, 28)
    x = images(rng, 3, shape)
    x[1] = 0
    w, bias = filters_at_random(rng, 8, 20000), np.full(8, 1000, np.int32)
    error, f = pooled(cores, pooling, x, shape, w, bias, 1000)
    assert error == OK
    assert not f[1].any()
    assert f[0].any()
    assert not pooled(cores, pooling, x, shape, w, bias, 2**25 - 1000)[1].any()


@pytest.mark.parametrize(
    ("pooling", "shape"),
    [
        *((PATCH, shape) for shape in [(9, 9), (28, 28), (198, 9), (64, 41), (40, 300)]),
        *((MIRROR, shape) for shape in [(11, 11), (28, 28), (198, 12), (40, 300)]),
    ],
)
def test_features_at_the_bounds_and_beyond(
    cores: Cores, rng: np.random.Generator, pooling: Pooling, shape: tuple[int, int]
) -> None:
    """The longest filters, images and biases: sums of a cell fit, whatever its size."""
    size = shape[0] * shape[1]
    spot, flat = np.zeros(size, np.int16), np.zeros(size, np.int16)
    spot[size // 2 + shape[1] // 2] = 627  # 627^2 <= 393216 < 628^2
    flat[:] = int(math.sqrt(393216 / size))
    w = np.zeros((8, LENGTH), np.int16)
    w[0], w[1] = 3861, -3861  # 36 x 3861^2 < 2^29 <= 36 x 3862^2
    w[2, 7], w[3, 7] = 23170, -23170
    w[4:] = filters_at_random(rng, 4, 23169)
    bias = np.array([2**25, -(2**25)] * 4, np.int32)
    x = np.stack([spot, -spot, flat, -flat])
    for threshold, b in ((0, bias), (2**25, 0 * bias), (2**24, bias // 2)):
        error, f = pooled(cores, pooling, x, shape, w, b, threshold)
        assert error == OK
        assert same(f, pooling[2](x, shape, w, b, threshold))
    nothing = blank((4, 8 * pooling[1]), np.int16)
    for bad in range(4):
        x_bad, w_bad, b_bad, threshold = x.copy(), w.copy(), bias.copy(), 0
        if bad == 0:
            x_bad[3][size // 2] = 628
        elif bad == 1:
            w_bad[0] = 3862
        elif bad == 2:
            b_bad[7] -= 1
        else:
            threshold = 1
        error, f = pooled(cores, pooling, x_bad, shape, w_bad, b_bad, threshold)
        assert error == OVERFLOW
        assert same(f, nothing)
    b_bad[0] = -(2**31)
    assert pooled(cores, pooling, x, shape, w, b_bad, 0)[0] == OVERFLOW
    assert pooled(cores, pooling, x, shape, w, 0 * bias, 2**31 - 1)[0] == OVERFLOW


@pytest.mark.parametrize("shape", [(11, 11), (12, 33), (28, 28), (31, 64)])
def test_an_image_and_its_mirror_image_have_the_same_mirror_features(
    cores: Cores, rng: np.random.Generator, shape: tuple[int, int]
) -> None:
    x = images(rng, 3, shape)
    turned = np.ascontiguousarray(x.reshape(3, *shape)[:, :, ::-1]).reshape(3, -1)
    w, bias = filters_at_random(rng, 8, 20000), np.arange(8, dtype=np.int32) * 1000
    f, g = (pooled(cores, MIRROR, each, shape, w, bias, 1000)[1] for each in (x, turned))
    assert same(f, g)
    assert not same(f[0], f[1])
    by_patch = [pooled(cores, PATCH, each, shape, w, bias, 1000)[1] for each in (x, turned)]
    assert not same(*by_patch)


# ---- the kernel class layer ----


def test_powers_are_exact_and_close_to_the_fourth(cores: Cores, rng: np.random.Generator) -> None:
    u = rng.integers(-ONE, ONE + ONE // 4 + 1, 7 * 8 // 2).astype(np.int32)
    u[:5] = -ONE, ONE + ONE // 4, 0, ONE, -ONE + 1
    for first, last in ((0, 7), (0, 0), (3, 3), (1, 2), (2, 6)):
        answer = cores.call("powers", u, first, last)
        assert answer.result == OK
        rows = slice(first * (first + 1) // 2, last * (last + 1) // 2)
        want = u.copy()
        want[rows] = phi(u[rows])
        assert same(answer[0], want)
    # Rounding down twice costs at most 2 p2 2^-30 and 1 in units of 2^-30.
    exact = ((1 + u / ONE) / 2) ** 4 * 2.0**30
    assert np.all((exact - phi(u) >= 0) & (exact - phi(u) <= 3.6))
    assert phi(np.array([ONE])).tolist() == [2**30]


def test_powers_refuse_what_is_no_inner_product_of_unit_vectors(cores: Cores) -> None:
    for bad in (-ONE - 1, ONE + ONE // 4 + 1, 2**31 - 1, -(2**31)):
        u = np.full(10, 1000, np.int32)
        u[7] = bad
        answer = cores.call("powers", u, 0, 4)
        assert answer.result == OVERFLOW
        assert same(answer[0], u)
        assert cores.call("powers", u, 0, 3).result == OK  # rows 0 to 2 end at element 5


LARGEST_PHI = int(phi(np.array([ONE + ONE // 4]))[0])
SHIFT = 21


def kernel_goodness(
    cores: Cores,
    f: np.ndarray,
    rows: np.ndarray,
    alpha: np.ndarray,
    v: np.ndarray,
    shift: int = SHIFT,
) -> Answer:
    """Answers good as [9], labels as [10]."""
    n, k, stored = len(f), len(v), len(rows)
    good, labels, work = blank((n, k), np.int64), blank(n, np.uint8), blank(stored, np.int32)
    args = (f, n, f.shape[1], rows, stored, alpha, v, k, shift, good)
    answer = cores.call("kernel_goodness", *args, labels, work)
    bare = cores.call("kernel_goodness", *args, None, work)
    assert bare.result == answer.result
    assert same(bare[9], answer[9])
    return answer


@pytest.mark.parametrize("k", [1, 2, 10, 16])
@pytest.mark.parametrize(("stored", "m"), [(1, 1), (7, 33), (60, 1024)])
def test_kernel_goodness_is_exact(
    cores: Cores, rng: np.random.Generator, k: int, stored: int, m: int
) -> None:
    f, rows = encoded(rng, 5, m), encoded(rng, stored, m)
    small = np.int16(max(1, stored // 16))
    for shift, least in ((21, small), (22, small), (30, 1), (63, 1)):
        alpha = rng.integers(-32768, 32768, (k, stored)).astype(np.int16) // np.int16(least)
        v = rng.integers(-(2**26), 2**26, (k, k)).astype(np.int32)
        answer = kernel_goodness(cores, f, rows, alpha, v, shift)
        assert answer.result == OK
        u = f.astype(np.int64) @ rows.T.astype(np.int64)
        z = phi(u) @ alpha.T.astype(np.int64) >> shift
        out = np.maximum(z[:, :, None] + v, 0)
        want = [[sum(int(value) ** 2 for value in column) for column in a.T] for a in out]
        assert answer[9].tolist() == want
        assert answer[10].tolist() == [row.index(max(row)) for row in want]


def test_goodness_of_stored_images_is_that_of_their_features(
    cores: Cores, rng: np.random.Generator
) -> None:
    n, k, m = 23, 3, 50
    rows = encoded(rng, n, m)
    alpha = rng.integers(-9999, 9999, (k, n)).astype(np.int16)
    v = rng.integers(-(2**26), 2**26, (k, k)).astype(np.int32)
    gram = packed(phi(rows.astype(np.int64) @ rows.T.astype(np.int64))).astype(np.int32)
    want = kernel_goodness(cores, rows, rows, alpha, v)
    work = blank(n, np.int32)
    for first, last in ((0, n), (0, 0), (5, 6), (7, 20), (22, 23)):
        good, labels = blank((last - first, k), np.int64), blank(last - first, np.uint8)
        args = (gram, n, first, last, alpha, v, k, SHIFT, good)
        answer = cores.call("gram_goodness", *args, labels, work)
        assert answer.result == OK
        assert same(answer[8], want[9][first:last])
        assert same(answer[9], want[10][first:last])
        assert same(cores.call("gram_goodness", *args, None, work)[8], answer[8])
    good = blank((n, k), np.int64)
    for bad in (-1, LARGEST_PHI + 1):
        gram[-1] = bad
        answer = cores.call("gram_goodness", gram, n, 0, n, alpha, v, k, SHIFT, good, None, work)
        assert answer.result == OVERFLOW


def test_outputs_are_exact(cores: Cores, rng: np.random.Generator) -> None:
    for n, m, q in ((0, 3, 2), (1, 1, 1), (5, 33, 3), (9, 1024, 16)):
        f = encoded(rng, n, m) if n else np.zeros((0, m), np.int16)
        w = rng.integers(-32768, 32768, (q, m)).astype(np.int16)
        answer = cores.call("outputs", f, n, m, w, q, blank((n, q), np.int32))
        assert answer.result == OK
        assert same(answer[5], (f.astype(np.int64) @ w.T.astype(np.int64)).astype(np.int32))
    f[3] = 32767
    answer = cores.call("outputs", f, n, m, w, q, blank((n, q), np.int32))
    assert answer.result == OVERFLOW
    assert same(answer[5], blank((n, q), np.int32))


def test_kernel_goodness_at_the_bounds_and_beyond(cores: Cores) -> None:
    """16 classes whose outputs are as large as may be."""
    f, rows = np.array([[512, 0]], np.int16), np.array([[640, 0]] * 30, np.int16)
    v = np.zeros((16, 16), np.int32)
    most = (7 * 10**8 << SHIFT) // (30 * LARGEST_PHI)
    while 30 * (most + 1) * LARGEST_PHI >> SHIFT < 7 * 10**8:
        most += 1
    alpha = np.full((16, 30), most, np.int16)
    answer = kernel_goodness(cores, f, rows, alpha, v)
    assert answer.result == OK
    z = LARGEST_PHI * 30 * most >> SHIFT
    assert answer[9].tolist() == [[16 * z * z] * 16]
    assert answer[10].tolist() == [0]
    room = 7 * 10**8 - z
    for sign in (1, -1):
        v[3, 5] = sign * (room - 1)
        assert kernel_goodness(cores, f, rows, alpha, v).result == OK
        v[3, 5] = sign * room
        answer = kernel_goodness(cores, f, rows, alpha, v)
        assert answer.result == OVERFLOW
        assert same(answer[9], blank((1, 16), np.int64))
        assert same(answer[10], blank(1, np.uint8))
    v[3, 5] = 0
    assert kernel_goodness(cores, f, rows, alpha + np.int16(1), v).result == OVERFLOW
    assert kernel_goodness(cores, f, rows, -alpha, v)[9].tolist() == [[0] * 16]
    for bad in (641, -513):
        rows[29, 0] = bad
        assert kernel_goodness(cores, f, rows, alpha, v).result == OVERFLOW
    rows[29, 0] = -512
    assert kernel_goodness(cores, f, rows, alpha, v).result == OK
    f[0] = 32767
    assert kernel_goodness(cores, f, rows, alpha, v).result == OVERFLOW


# ---- blocks of an inverse, and leaving groups out ----


@pytest.mark.parametrize("m", [1, 2, 5, 16, 17, 40, 100])
def test_blocks_of_the_inverse_are_those_of_the_inverse(
    cores: Cores, rng: np.random.Generator, m: int
) -> None:
    condition = 100.0
    g = with_condition(rng, m, condition)
    inverse = np.linalg.inv(unpacked(g, m))
    _, _, chol = factor(cores, g, m)
    diagonal = cores.call("inverse_diagonal", chol, m, 0, m, blank(m, F32), panel(m))[4]
    bound = 4 * U * condition  # as for leverages, of the larger of the two diagonal elements
    for first, last in (
        (0, 1),
        (m - 1, m),
        (0, min(m, 16)),
        (max(0, m - 16), m),
        (m // 3, m // 3 + 2),
    ):
        if last > m:
            continue
        r = last - first
        out = cores.call("inverse_block", chol, m, first, last, blank((r, r), F32), panel(m))[4]
        assert same(out, out.T.copy())
        want = inverse[first:last, first:last]
        size = np.maximum.outer(np.diag(want), np.diag(want))
        assert np.all(np.abs(out - want) <= bound * size)
        alone = cores.call("inverse_diagonal", chol, m, first, last, blank(m, F32), panel(m))[4]
        assert same(np.diag(out).copy(), alone[first:last])
        assert np.allclose(alone[first:last], diagonal[first:last], rtol=bound)
    for r in (1, 3, 16):
        f, total = encoded(rng, r, m), rng.random(m).astype(F32)
        args = (chol, m, f, r, total, 0.25)
        out = cores.call("leverage_block", *args, blank((r, r), F32), panel(m))[6]
        assert same(out, out.T.copy())
        assert same(np.diag(out).copy(), cores.call("leverage", *args, blank(r, F32), panel(m))[6])
        u = f / UNIT - 0.25 * total.astype(float)
        want = u @ inverse @ u.T
        long = np.sum(np.abs(f / UNIT) + 0.25 * total, 1)
        slack = gamma(4) * np.outer(long, long) * condition
        size = np.maximum.outer(np.diag(want), np.diag(want))
        assert np.all(np.abs(out - want) <= bound * size + slack)


def outputs_without(
    kernel: np.ndarray,
    labels: np.ndarray,
    class_targets: np.ndarray,
    s: float,
    ridge: float,
    out: list[int],
) -> np.ndarray:
    """Outputs (neuron, label) for the first image of `out` by kernel ridge regression on all
    positive and negative data of the other images, each datum with its label: the kernel of two
    data is kernel[i, j] + s^2 [labels equal]. class_targets (k): the targets of positive data.
    """
    k = len(class_targets)
    kept = [i for i in range(len(labels)) if i not in out]
    whole = np.kron(kernel[np.ix_(kept, kept)], np.ones((k, k)))
    whole += s * s * np.kron(np.ones((len(kept), len(kept))), np.eye(k))
    target = np.zeros((len(kept), k, k))  # image, label, neuron
    target[np.arange(len(kept)), labels[kept], labels[kept]] = class_targets[labels[kept]]
    weights = np.linalg.solve(whole + ridge * np.eye(len(whole)), target.reshape(-1, k))
    test = np.kron(kernel[np.ix_(out[:1], kept)], np.ones((k, k)))
    test += s * s * np.kron(np.ones((1, len(kept))), np.eye(k))
    return (test @ weights).T


@pytest.mark.parametrize(("r", "k"), [(1, 2), (1, 5), (2, 3), (7, 3), (16, 2)])
def test_leaving_a_group_out_is_retraining_without_it(
    cores: Cores, rng: np.random.Generator, r: int, k: int
) -> None:
    s, ridge, own = 0.5, 0.3, np.repeat(np.arange(3 * k), r)  # r rows of each of 3 k images
    n = len(own)
    labels = rng.integers(0, k, 3 * k)
    labels[: 2 * k] = np.arange(2 * k) % k
    labels = labels[own]
    f = encoded(rng, 3 * k, 60)[own] + rng.integers(-9, 10, (n, 60)) + 25 * (labels[:, None] == 1)
    f = np.round(UNIT * f / np.linalg.norm(f, axis=1, keepdims=True))
    kernel = ((1 + np.minimum(f @ f.T / ONE, 1)) / 2) ** 4
    counts = np.bincount(labels, minlength=k)
    class_targets = n / k / counts
    system = kernel + s * s / k + ridge / k * np.eye(n)
    targets = (np.arange(k) == labels[:, None]) * class_targets / k
    _, _, chol = factor(cores, packed(system).astype(F32), n)
    alpha = np.linalg.solve(system, targets)
    left = counts[:, None] - r * np.eye(k, dtype=int)  # [neuron, class of the group]
    across = s * s * class_targets[:, None] * np.stack([counts, np.diag(left)], 1)
    across /= s * s * (n - r) + ridge
    # n / k stays what it was: the targets of a class are larger where fewer of its rows are left.
    gains = counts / np.maximum(np.diag(left), 1)
    numbers = np.concatenate([class_targets, gains, across[:, 0], across[:, 1]]).astype(F32)
    seen = []
    step = 16 // r * r  # as many groups as fill a panel
    for begin in range(0, n, step):
        end = min(begin + step, n)
        size = end - begin
        args = (chol, n, begin, end, blank((size, size), F32), panel(n))
        block = cores.call("inverse_block", *args)[4]
        groups = size // r
        answer = cores.call(
            "leave_group_out",
            block,
            size,
            alpha[begin:end].astype(F32),
            labels[begin:end:r].astype(np.uint8),
            r,
            k,
            numbers,
            blank(groups, np.uint8),
            blank(groups, F32),
            blank(groups, F32),
        )
        assert answer.result == OK
        for group in range(groups):
            first = begin + group * r
            label = int(labels[first])
            gain = gains[label]
            class_targets_now = class_targets * np.where(np.arange(k) == label, gain, 1)
            out = list(range(first, first + r))
            exact = outputs_without(kernel, labels, class_targets_now, s, ridge, out)
            target = np.zeros((k, k))
            target[label, label] = class_targets[label]
            goodness = np.sum(np.maximum(exact, 0) ** 2, 0)
            margin = goodness[label] - np.delete(goodness, label).max()
            error = 4 * U * np.linalg.cond(system) * gain  # of an output of size 1
            assert error < 0.01
            squares = np.sum((target - exact) ** 2)
            bound = k * error * (2 * math.sqrt(squares) + k * error)
            assert abs(answer[8][group] - squares) <= bound
            assert abs(answer[9][group] - margin) <= 4 * error * np.abs(exact).sum(0).max()
            if abs(margin) > 0.01:
                assert answer[7][group] == goodness.argmax()
                seen.append(answer[7][group] == label)
    assert len(seen) > n // r // 2


def test_leave_group_out_refuses_what_it_cannot_use_and_survives_what_it_can(
    cores: Cores,
) -> None:
    def run(block: np.ndarray, label: int = 1, changed: str = "", to: float = 1) -> Answer:
        r = len(block)
        residual, numbers = np.ones((r, 3), F32), np.ones((4, 3), F32)
        for name, array in (("residual", residual), ("targets", numbers[0]), ("own", numbers[3])):
            array.flat[-1] = to if name == changed else 1
        out = blank(1, np.uint8), blank(1, F32), blank(1, F32)
        labels = np.array([label], np.uint8)
        args = (block.astype(F32), r, residual, labels, r, 3, numbers)
        return cores.call("leave_group_out", *args, *out)

    def untouched(answer: Answer) -> bool:
        return same(answer[7], blank(1, np.uint8)) and same(answer[8], blank(1, F32))

    assert run(np.eye(2)).result == OK
    for bad in (math.nan, math.inf, -math.inf):
        for name in ("residual", "targets", "own"):
            answer = run(np.eye(2), changed=name, to=bad)
            assert answer.result == NOT_FINITE
            assert untouched(answer)
        assert run(np.array([[1, bad], [bad, 1]])).result == NOT_FINITE
    for diagonal in (0.0, -1.0):
        answer = run(np.diag([1.0, diagonal]))
        assert answer.result == NOT_POSDEF
        assert untouched(answer)
    answer = run(np.eye(2), label=3)
    assert answer.result == LABEL
    assert untouched(answer)
    # Copies that are all alike to rounding: large errors, but numbers.
    for block in (np.ones((16, 16)), np.full((2, 2), 1.5) - 0.5 * np.eye(2)):
        answer = run(block)
        assert answer.result == OK
        assert np.isfinite(answer[8][0])
        assert np.isfinite(answer[9][0])
    # No inverse of anything: pivots far below 0, errors beyond float32 (found by fuzzing).
    indefinite = [
        [1.08e6, -6.01e5, -6.05e5, -6.68e5],
        [-1.47e6, 1.60e6, -3.42e4, -1.00e6],
        [-3.26e5, -2.17e6, 6.96e5, -1.35e6],
        [-1.45e6, 5.68e5, -1.71e5, 4.21e5],
    ]
    answer = run(np.array(indefinite))
    assert answer.result == NOT_POSDEF
    assert untouched(answer)


def test_rows_appended_to_a_factor_are_those_of_a_factor_from_the_start(
    cores: Cores, rng: np.random.Generator
) -> None:
    """The rows of a longer system, whose first rows are the shorter one's, behind its factor."""
    m = 75
    x = encoded(rng, m, 90)
    k = packed(phi((x.astype(np.int64) @ x.T.astype(np.int64)).clip(max=ONE))).astype(np.int32)
    solve = partial(factor, cores, scale=2.0**-30, diagonal=0.03, rank1=0.01)
    _, _, whole = solve(k, m)
    sizes = [1, 2, 7, 16, 33, 34, 59, 75]
    chol = np.zeros(0, F32)
    for before, now in pairwise([0, *sizes]):
        count = now * (now + 1) // 2
        chol = np.concatenate([chol, blank(count - len(chol), F32)])
        error, _, chol = solve(k[:count], now, first=before, chol=chol)
        assert error == OK
        assert same(chol, whole[:count])
    last = packed(cholesky_of(whole, m) @ cholesky_of(whole, m).T)
    assert np.allclose(last, k * 2.0**-30 + 0.01 + 0.03 * packed(np.eye(m)), atol=1e-5)
