"""The C core alone (firmware_build/ridge/ridge_*.c), against exact integers, numpy float64 and
plain loops.

Every call runs in up to five builds: under AddressSanitizer and UBSan, with the processor's fused
multiply-add, with the one of the C library, and twice with the kernels of a Cortex-M7. That all
answer with the same bits is checked in each call (core/cores.py) and so tested throughout. Work
space and outputs start as NaN or as the largest integers: old content must not matter.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

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
    WEIGHT,
    Answer,
    Cores,
    missing_for_m7,
)

INT32_MAX = 2**31 - 1
M7 = ("m7-sanitized", "m7-guarded")
ORDERS = [*range(1, 41), 100, 257]


# ---- helpers ----


def exact_gram(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.int64)
    return packed(x.T @ x)


def half_away(x: np.ndarray) -> np.ndarray:
    """float32 rounded to whole numbers, halves away from zero: in float64 the sum is exact."""
    return np.copysign(np.floor(np.abs(x.astype(float)) + 0.5), x)


def encode(cores: Cores, images: np.ndarray, keep: np.ndarray) -> np.ndarray:
    n, d = images.shape
    x = blank((n, len(keep)), np.int16)
    return cores.call("encode", images, n, d, keep, len(keep), x)[5]


def gram(
    cores: Cores, x: np.ndarray, g: np.ndarray, remove: bool = False
) -> tuple[int, np.ndarray]:
    n, m = x.shape
    work = blank(cores.call("gram_work_len", m).result, np.int16)
    answer = cores.call("gram", x, n, m, int(remove), g, work)
    assert answer[0].tobytes() == x.tobytes()
    return answer.result, answer[4]


def solve(cores: Cores, chol: np.ndarray, m: int, b: np.ndarray) -> np.ndarray:
    answer = cores.call("solve", chol, m, b, b.size // m, blank(b.shape, F32), panel(m))
    assert answer.result == OK
    return answer[4]


# ---- integers ----


def encode_by_numpy(images: np.ndarray, keep: np.ndarray) -> np.ndarray:
    pixels = images[:, keep]
    root = np.sqrt(pixels.astype(F32))
    total = pixels.sum(1, dtype=np.int64).astype(F32)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = half_away(root * (F32(UNIT) / np.sqrt(total))[:, None])
    return np.where(total[:, None] == 0, 0, x).astype(np.int16)


@pytest.mark.parametrize("size", [1, 20, 784])
def test_encode_is_the_float32_formula(cores: Cores, rng: np.random.Generator, size: int) -> None:
    special = [np.zeros(size), np.full(size, 255), np.full(size, 1), np.eye(1, size, size - 1)[0]]
    special += [255 * special[-1], np.arange(size) % 256]
    random = rng.integers(0, 256, (20, size)) * (rng.random((20, size)) < rng.random((20, 1)))
    images = np.vstack([*special, random]).astype(np.uint8)
    keep = rng.permutation(size).astype(np.uint16)
    x = encode(cores, images, keep)
    assert same(x, encode_by_numpy(images, keep))
    # Rounding moves each element by 1/2 at most, so the length by sqrt(size)/2.
    lengths = np.linalg.norm(x.astype(float), axis=1)
    assert np.all(np.abs(lengths[images.any(1)] - UNIT) <= math.sqrt(size) / 2 + 0.1)
    assert not x[0].any()


def test_encode_takes_any_selection_of_pixels(cores: Cores, rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (5, 65535), dtype=np.uint8)
    for chosen in ([65534], [0, 0, 0], [3, 65534, 3], list(range(65535))):
        keep = np.array(chosen, np.uint16)
        assert same(encode(cores, images, keep), encode_by_numpy(images, keep))


def test_encode_sees_only_the_pixels_it_keeps(cores: Cores) -> None:
    images = np.zeros((1, 9), np.uint8)
    images[0, 4] = 255  # not kept: the image counts as blank
    assert not encode(cores, images, np.array([0, 1, 2], np.uint16)).any()


@pytest.mark.parametrize("n", [0, 1, 31, 33, 63, 64, 65, 130])
@pytest.mark.parametrize("m", [1, 2, 3, 4, 7, 16, 37])
def test_gram_is_exact(cores: Cores, rng: np.random.Generator, n: int, m: int) -> None:
    x = rng.integers(-4000, 4000, (n, m)).astype(np.int16)
    start = np.zeros(m * (m + 1) // 2, np.int32)
    error, g = gram(cores, x, start)
    assert error == OK
    assert same(g, exact_gram(x).astype(np.int32))


def test_gram_does_not_depend_on_order_slices_or_detours(
    cores: Cores, rng: np.random.Generator
) -> None:
    x = encoded(rng, 90, 23)
    zero = np.zeros(23 * 24 // 2, np.int32)
    _, whole = gram(cores, x, zero)
    g = zero
    for part in np.array_split(rng.permutation(90), [1, 5, 40, 73]):
        error, g = gram(cores, x[part], g)
        assert error == OK
    assert same(g, whole)
    for remove in (True, False, True):  # away, back, and away again to nothing
        error, g = gram(cores, x[10:75], g, remove)
        assert error == OK
    error, g = gram(cores, np.vstack([x[:10], x[75:]]), g, True)
    assert error == OK
    assert same(g, zero)


def test_gram_takes_8191_images_of_one_bright_pixel_and_refuses_the_next(cores: Cores) -> None:
    images = np.zeros((8192, 3), np.uint8)
    images[:, 1] = 7
    x = encode(cores, images, np.arange(3, dtype=np.uint16))
    assert np.all(x[:, 1] == UNIT)
    zero = np.zeros(6, np.int32)
    error, full = gram(cores, x[:8191], zero)
    assert error == OK
    assert full.tolist() == [0, 0, 8191 * UNIT**2, 0, 0, 0]
    error, after = gram(cores, x[:1], full)
    assert error == OVERFLOW
    assert same(after, full)
    error, after = gram(cores, x, zero)
    assert error == OVERFLOW
    assert same(after, zero)
    error, after = gram(cores, x[:8191], full, True)  # a full matrix can be emptied
    assert error == OK
    assert same(after, zero)


def test_gram_bound_is_the_largest_int32(cores: Cores) -> None:
    x = np.array([[32767], [255], [22], [5]], np.int16)
    g = np.array([2**31 - 1 - 32767**2], np.int32)
    error, after = gram(cores, x[:1], g)
    assert (error, after[0]) == (OK, INT32_MAX)
    error, after = gram(cores, x[:1], g + 1)
    assert error == OVERFLOW
    error, _ = gram(cores, np.full((2, 1), -32768, np.int16), np.zeros(1, np.int32))
    assert error == OVERFLOW  # 2 * 2^30
    error, after = gram(cores, np.full((1, 1), -32768, np.int16), np.zeros(1, np.int32))
    assert (error, after[0]) == (OK, 2**30)


def test_gram_gives_back_no_more_than_it_was_given(cores: Cores, rng: np.random.Generator) -> None:
    x = encoded(rng, 40, 9)
    _, g = gram(cores, x[:39], np.zeros(45, np.int32))
    error, after = gram(cores, x, g, True)
    assert error == NOT_ADDED
    assert same(after, g)


def test_gram_survives_images_that_were_never_added(cores: Cores) -> None:
    # The diagonal cannot tell (a, a) from (a, -a); taking the wrong one away leaves int32 beside
    # the diagonal.
    added = np.full((2, 2), 32767, np.int16)
    other = added * np.array([1, -1], np.int16)
    _, g = gram(cores, added, np.zeros(3, np.int32))
    error, wrong = gram(cores, other, g, True)
    assert error == OK
    error, again = gram(cores, other, wrong)
    assert error == OK
    assert same(again, g)  # so nothing is lost: adding them mends it


def test_kernel_rows_come_one_by_one_as_all_at_once(
    cores: Cores, rng: np.random.Generator
) -> None:
    for n, m in [(1, 1), (5, 3), (16, 17), (17, 16), (33, 40), (64, 7)]:
        x = rng.integers(-3000, 3000, (n, m)).astype(np.int16)
        size = n * (n + 1) // 2
        _, whole = kernel(cores, x, 0, blank(size, np.int32))
        assert same(whole, exact_gram(x.T).astype(np.int32))
        k = blank(size, np.int32)
        cuts = [0, *sorted(rng.integers(0, n + 1, 3).tolist()), n]
        for first, last in pairwise(cuts):
            _, k = kernel(cores, x[:last], first, k)
            rest = last * (last + 1) // 2
            assert np.all(k[rest:] == INT32_MAX)
        assert same(k, whole)


def test_kernel_takes_rows_up_to_int32_and_refuses_longer_ones(cores: Cores) -> None:
    longest = np.array([[-32768, 32767, 255, 22, 5]], np.int16)  # squares sum to 2^31 - 1
    error, k = kernel(cores, longest, 0, blank(1, np.int32))
    assert (error, k[0]) == (OK, INT32_MAX)
    rows = np.vstack([longest, longest])
    rows[1, 4] += 1
    before = blank(3, np.int32)
    error, k = kernel(cores, rows, 0, before)
    assert error == OVERFLOW
    assert same(k, before)


def kernel(cores: Cores, x: np.ndarray, first: int, k: np.ndarray) -> tuple[int, np.ndarray]:
    n, m = x.shape
    work = blank(cores.call("kernel_work_len", m).result, np.int16)
    answer = cores.call("kernel", x, first, n, m, k, work)
    assert same(answer[0], x)
    return answer.result, answer[4]


def class_sums(
    cores: Cores,
    x: np.ndarray,
    labels: np.ndarray,
    sums: np.ndarray,
    counts: np.ndarray,
    remove: bool = False,
) -> Answer:
    args = (x, labels, *x.shape, len(counts), int(remove), sums, counts)
    return cores.call("class_sums", *args)


def test_class_sums_are_exact_and_come_back_to_zero(
    cores: Cores, rng: np.random.Generator
) -> None:
    x = rng.integers(-32768, 32768, (50, 11)).astype(np.int16)
    labels = rng.integers(0, 4, 50).astype(np.uint8)
    zero, none = np.zeros((4, 11), np.int32), np.zeros(4, np.int32)
    answer = class_sums(cores, x, labels, zero, none)
    want = np.array([x[labels == c].sum(0, dtype=np.int64) for c in range(4)])
    assert np.array_equal(answer[6], want)
    assert np.array_equal(answer[7], np.bincount(labels, minlength=4))
    answer = class_sums(cores, x, labels, answer[6], answer[7], True)
    assert answer.result == OK
    assert same(answer[6], zero)
    assert same(answer[7], none)


def test_class_sums_refuses_before_it_writes(cores: Cores) -> None:
    x, labels = np.ones((3, 2), np.int16), np.array([0, 1, 2], np.uint8)
    sums, counts = np.full((2, 2), 5, np.int32), np.array([1, 1], np.int32)
    cases = [
        (x, labels, counts, False, LABEL),
        (x[:2], np.zeros(2, np.uint8), counts, True, NOT_ADDED),
        (x[:1], labels[:1], np.array([65535, 0], np.int32), False, OVERFLOW),
        (x[:1], labels[:1], np.array([INT32_MAX, 0], np.int32), False, OVERFLOW),
        (x[:1], labels[:1], np.array([-1, 0], np.int32), True, NOT_ADDED),
    ]
    for rows, which, before, remove, error in cases:
        answer = class_sums(cores, rows, which, sums, before, remove)
        assert answer.result == error
        assert same(answer[6], sums)
        assert same(answer[7], before)


def test_class_sums_takes_65535_images_of_the_lowest_value(cores: Cores) -> None:
    x, labels = np.full((65535, 1), -32768, np.int16), np.zeros(65535, np.uint8)
    answer = class_sums(cores, x, labels, np.zeros((1, 1), np.int32), np.zeros(1, np.int32))
    assert (answer.result, int(answer[6][0, 0]), int(answer[7][0])) == (OK, -65535 * 32768, 65535)
    # Others taken away leave int32; taking those back mends it.
    wrong = class_sums(cores, ~x, labels, answer[6], answer[7], True)
    assert wrong.result == OK
    again = class_sums(cores, ~x, labels, wrong[6], wrong[7])
    assert again.result == OK
    assert same(again[6], answer[6])


def test_trace_is_exact(cores: Cores, rng: np.random.Generator) -> None:
    for m in (1, 2, 50):
        g = rng.integers(-(2**31), 2**31, m * (m + 1) // 2).astype(np.int32)
        want = sum(int(g[i * (i + 1) // 2 + i]) for i in range(m))
        assert cores.call("trace", g, m).result == want


def test_merge_adds_or_changes_nothing(cores: Cores, rng: np.random.Generator) -> None:
    a, b = (rng.integers(-(2**30), 2**30, 50).astype(np.int32) for _ in range(2))
    a[:2], b[:2] = [INT32_MAX, -(2**31)], [0, 0]
    for remove, sign in ((0, 1), (1, -1)):
        answer = cores.call("merge", a, b, 50, remove)
        assert answer.result == OK
        assert same(answer[0], a + sign * b)
    for first, second, remove in [
        (INT32_MAX, 1, 0),
        (-(2**31), -1, 0),
        (-1, -(2**31), 0),
        (INT32_MAX, -1, 1),
        (-(2**31), 1, 1),
        (0, -(2**31), 1),
    ]:
        a[49], b[49] = first, second
        answer = cores.call("merge", a, b, 50, remove)
        assert answer.result == OVERFLOW
        assert same(answer[0], a)


def project(cores: Cores, x: np.ndarray, w: np.ndarray) -> tuple[int, np.ndarray]:
    n, m, q = *x.shape, len(w)
    before = blank((n, q), np.int16)
    work = blank(cores.call("project_work_len", n, m, q).result, np.int32)
    answer = cores.call("project", x, n, m, w, q, work, before)
    assert same(answer[0], x)
    assert same(answer[3], w)
    return answer.result, answer[6]


def project_exactly(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    r = np.maximum(x.astype(np.int64) @ w.T.astype(np.int64), 0)
    assert r.max() <= INT32_MAX
    total = np.array([sum(int(z) ** 2 for z in row) for row in r], np.uint64)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = F32(UNIT) / np.sqrt(total.astype(F32))  # one rounding from uint64
        h = half_away(r.astype(F32) * scale[:, None])
    return np.where(total[:, None] == 0, 0, h).astype(np.int16)


@pytest.mark.parametrize(("m", "q"), [(1, 1), (7, 5), (768, 50), (33, 500)])
def test_project_is_the_exact_product_rounded_once(
    cores: Cores, rng: np.random.Generator, m: int, q: int
) -> None:
    w = rng.standard_normal((q, m))
    w = np.round(WEIGHT * w / np.linalg.norm(w, axis=1, keepdims=True)).astype(np.int16)
    for n in (0, 1, 3, 4, 15, 16, 17, 33):
        x = encoded(rng, n, m)
        x[1:2] = 0
        error, h = project(cores, x, w)
        assert error == OK
        if n:
            assert same(h, project_exactly(x, w))


def test_project_without_an_active_neuron_gives_zeros(cores: Cores) -> None:
    error, h = project(cores, np.full((2, 3), 9, np.int16), np.full((4, 3), -1, np.int16))
    assert error == OK
    assert not h.any()


def test_project_takes_what_int32_holds_and_refuses_more(cores: Cores) -> None:
    # m * sum x^2 = 4 * (2^30 - 1) = 2^32 - 4, the bound itself; -32768 in w is the worst there is.
    x = np.array([[-32767, 255, 22, 4]], np.int16)
    room = 2**30 - 1 - int((x.astype(np.int64) ** 2).sum())
    assert room == 9
    x = np.array([[-32767, 255, 22, 5]], np.int16)  # 2^30 - 1 exactly
    assert int((x.astype(np.int64) ** 2).sum()) == 2**30 - 1
    w = np.array([[-32768, 32767, 32767, 32767], [32767, -32768, -32768, -32768]], np.int16)
    error, h = project(cores, x, w)
    assert error == OK
    assert same(h, project_exactly(x, w))
    longer = np.array([[-32768, 0, 0, 0]], np.int16)  # 2^30
    error, _ = project(cores, longer, w)
    assert error == OVERFLOW
    error, _ = project(cores, np.full((1, 8), -32768, np.int16), np.ones((1, 8), np.int16))
    assert error == OVERFLOW


def test_project_refuses_hidden_vectors_beyond_2_to_the_63(cores: Cores) -> None:
    x = np.array([[32767]], np.int16)
    w = np.full((9, 1), 32767, np.int16)
    assert project(cores, x, w[:8])[0] == OK  # a little below 8 * 2^60
    assert project(cores, x, w)[0] == OVERFLOW
    x = np.full((1, 2), 32767, np.int16)
    w = np.full((3, 2), 32767, np.int16)
    assert 2 * (x.astype(np.int64) ** 2).sum() < 2**32 - 3
    error, _ = project(cores, x, w)  # 3 * 2^62
    assert error == OVERFLOW
    error, h = project(cores, x, w[:2])
    assert error == OK
    assert same(h, project_exactly(x, w[:2]))


@pytest.mark.parametrize(("m", "n"), [(1, 1), (7, 5), (768, 16), (768, 17), (33, 500)])
def test_nearest_is_the_first_row_of_the_largest_product(
    cores: Cores, rng: np.random.Generator, m: int, n: int
) -> None:
    rows = encoded(rng, n, m)
    x = encoded(rng, 1, m)[0]
    for row in (rows, -rows, np.concatenate([rows, rows])):
        products = row.astype(np.int64) @ x.astype(np.int64)
        answer = cores.call("nearest", x, m, row.astype(np.int16), len(row), blank(1, np.int32))
        assert answer.result == products.argmax()
        assert answer[4][0] == products.max()


def test_extent_is_the_smallest_element_and_the_longest_row(
    cores: Cores, rng: np.random.Generator
) -> None:
    for n, m in [(0, 3), (1, 1), (5, 4), (17, 33)]:
        for x in (rng.integers(-32768, 32768, (n, m)), np.full((n, m), -32768), np.ones((n, m))):
            answer = cores.call("extent", x.astype(np.int16), n, m, blank(1, np.int16))
            squares = (x.astype(np.int64) ** 2).sum(1)
            assert answer.result == squares.max(initial=0)
            assert answer[3] == (x.min() if n else 0)


def test_nearest_takes_what_int32_holds_and_refuses_more(cores: Cores) -> None:
    x = np.array([-32767, 255, 22, 5], np.int16)  # 4 * sum x^2 = 2^32 - 4, the bound itself
    rows = np.array([[32767, -32768, -32768, -32768]], np.int16)
    answer = cores.call("nearest", x, 4, rows, 1, blank(1, np.int32))
    assert (answer.result, answer[4][0]) == (0, int(rows[0].astype(int) @ x.astype(int)))
    x[0] = -32768
    assert cores.call("nearest", x, 4, rows, 1, blank(1, np.int32)).result == OVERFLOW


def goodness(
    cores: Cores, f: np.ndarray, w: np.ndarray, v: np.ndarray, want_labels: bool = True
) -> Answer:
    n, k = len(f), len(w)
    labels = blank(n, np.uint8) if want_labels else None
    return cores.call("goodness", f, *f.shape, w, v, k, blank((n, k), np.int64), labels)


def goodness_exactly(f: np.ndarray, w: np.ndarray, v: np.ndarray) -> list[list[int]]:
    z = f.astype(np.int64) @ w.T.astype(np.int64)
    some = [np.maximum(row[:, None] + v, 0) for row in z]
    return [[sum(int(value) ** 2 for value in column) for column in a.T] for a in some]


@pytest.mark.parametrize("k", [1, 2, 10, 16])
def test_goodness_is_exact(cores: Cores, rng: np.random.Generator, k: int) -> None:
    f = encoded(rng, 30, 60)
    w = rng.integers(-32767, 32768, (k, 60)).astype(np.int16)
    v = rng.integers(-(2**26), 2**26, (k, k)).astype(np.int32)
    answer = goodness(cores, f, w, v)
    assert answer.result == OK
    want = goodness_exactly(f, w, v)
    assert answer[6].tolist() == want
    assert answer[7].tolist() == [row.index(max(row)) for row in want]
    assert same(goodness(cores, f, w, v, want_labels=False)[6], answer[6])


def test_goodness_ties_go_to_the_first_label(cores: Cores) -> None:
    f, w = np.ones((2, 3), np.int16), np.ones((4, 3), np.int16)
    assert goodness(cores, f, w, np.zeros((4, 4), np.int32))[7].tolist() == [0, 0]
    v = np.zeros((4, 4), np.int32)
    v[:, 2:] = 5
    assert goodness(cores, f, w, v)[7].tolist() == [2, 2]
    assert goodness(cores, f, -w, np.zeros((4, 4), np.int32))[6].tolist() == [[0] * 4] * 2


def test_goodness_takes_all_16_classes_at_the_bound_and_refuses_one_more(cores: Cores) -> None:
    f, w = np.array([[20000]], np.int16), np.full((16, 1), 30000, np.int16)
    v = np.full((16, 16), 10**8 - 1, np.int32)
    answer = goodness(cores, f, w, v)
    assert answer.result == OK
    assert answer[6].tolist() == [[16 * (7 * 10**8 - 1) ** 2] * 16]  # 7.84e18, below 2^63
    v[15, 15] += 2
    answer = goodness(cores, f, w, v)
    assert answer.result == OVERFLOW
    assert same(answer[6], blank((1, 16), np.int64))
    v[15, 15] = -(2**31)
    assert goodness(cores, f, w, v).result == OVERFLOW


# ---- floats: the factor and what is solved with it ----


def random_system(rng: np.random.Generator, m: int) -> dict:
    """A ridge system of the class layer's shape: exact Gram matrix, scaled, a diagonal, a
    rank-one part taken away.
    """
    x = encoded(rng, m + 5, m)
    return {
        "g": exact_gram(x).astype(np.int32),
        "scale": 10 / UNIT**2,
        "diagonal": 0.37,
        "rank1": -1e-3,
        "v": (x.sum(0) / UNIT / math.sqrt(m + 5)).astype(F32),
    }


def reference_factor(cores: Cores, g: np.ndarray, m: int, **system: Any) -> np.ndarray:
    where = (g, None) if g.dtype == np.int32 else (None, g)
    numbers = [
        float(system.get(key, default))
        for key, default in (("scale", 1.0), ("diagonal", 0.0), ("rank1", 0.0))
    ]
    return cores.call(
        "reference_factor", *where, *numbers, system.get("v"), m, blank(len(g), F32)
    )[7]


@pytest.mark.slow
@pytest.mark.parametrize("m", [*ORDERS, 768])
def test_factor_and_solve_are_the_plain_loops_bit_by_bit(
    cores: Cores, rng: np.random.Generator, m: int
) -> None:
    system = random_system(rng, m)
    g = system.pop("g")
    for kept in ((), ("diagonal",), ("scale", "diagonal", "rank1", "v"))[2 * (m == 768) :]:
        some = {key: system[key] for key in kept}
        matrix = g if kept else with_condition(rng, m, 100)
        error, _, chol = factor(cores, matrix, m, **some)
        assert error == OK
        assert same(chol, reference_factor(cores, matrix, m, **some))
    if m < 768:
        some = {"scale": 1 / UNIT**2, "diagonal": 0.1, "rank1": 0.5}  # dual: v is all ones
        error, _, chol = factor(cores, g, m, **some)
        assert error == OK
        assert same(chol, reference_factor(cores, g, m, **some))
    for p in (1, 3, 16, 17, 40) if m in (1, 5, 16, 33, 100) else (17,):
        b = rng.standard_normal((m, p)).astype(F32)
        want = cores.call("reference_solve", chol, m, b, p, blank((m, p), F32))[4]
        x = solve(cores, chol, m, b)
        assert same(x, want)
        in_place = cores.call("solve_in_place", chol, m, b, p, panel(m))
        assert in_place.result == OK
        assert same(in_place[2], want)


@pytest.mark.parametrize("m", [1, 15, 16, 17, 33, 40, 100])
def test_factor_in_slices_is_the_factor_at_once(
    cores: Cores, rng: np.random.Generator, m: int
) -> None:
    system = random_system(rng, m)
    _, _, whole = factor(cores, **system, m=m)
    slicings = [range(m + 1), [0, m], [0, *range(16, m, 16), m], [0, 0, m, m]]
    slicings += [[0, *sorted(rng.integers(0, m + 1, 4).tolist()), m] for _ in range(3)]
    for cuts in slicings:
        chol = blank(len(whole), F32)
        for first, last in pairwise(cuts):
            error, _, chol = factor(cores, **system, m=m, first=first, last=last, chol=chol)
            assert error == OK
            assert np.all(np.isnan(chol[last * (last + 1) // 2 :]))  # nothing beyond the slice
        assert same(chol, whole)


def backward_error(a: np.ndarray, chol: np.ndarray, x: np.ndarray, b: np.ndarray) -> float:
    """The largest |b - A x| in units of u |L| |L'| |x|, element by element."""
    chol = np.abs(chol)
    with np.errstate(invalid="ignore"):
        error = np.abs(b - a @ x) / (U * (chol @ (chol.T @ np.abs(x))))
    return float(np.nanmax(error))


SMALL_ORDERS = (2, 3, 5, 8, 13, 21, 40, 100, 257)


@pytest.mark.parametrize(
    ("exponent", "orders"),
    [
        *((exponent, SMALL_ORDERS) for exponent in range(0, 13, 2)),
        pytest.param(6, (768,), marks=pytest.mark.slow),
    ],
)
def test_what_is_solved_is_solved_backward_stably(
    cores: Cores, rng: np.random.Generator, exponent: int, orders: tuple[int, ...]
) -> None:
    """Higham, theorem 10.4: the computed x solves (A + E) x = b with |E| <= gamma(3m+1) |L|
    |L'|. A reciprocal instead of a division adds a rounding or two to each of the three parts:
    3m + 10. This holds whatever the condition.
    """
    for m in orders:
        g = with_condition(rng, m, 10.0**exponent)
        a = unpacked(g, m)
        error, row, chol = factor(cores, g, m)
        smallest = np.linalg.eigvalsh(a / np.sqrt(np.outer(np.diag(a), np.diag(a))))[0]
        if smallest > m * gamma(m + 5):
            # Demmel (Higham, theorem 10.7): Cholesky of A runs to its end.
            assert error == OK, f"order {m}: refused at row {row}"
        if error != OK:
            assert error == NOT_POSDEF
            # Refused only where a pivot is of the size of rounding: a perturbation of gamma(m+5)
            # of A, or of the 8 u that the core asks for, makes it singular.
            assert smallest <= m * gamma(m + 5) + 8 * U
            continue
        b = rng.standard_normal((m, 3)).astype(F32)
        x = solve(cores, chol, m, b)
        found = backward_error(a, cholesky_of(chol, m), x, b)
        print(f"order {m}: {found:.2f} u of {3 * m + 10} u")
        assert found <= 3 * m + 10


def test_matrices_beyond_float32_are_refused(cores: Cores, rng: np.random.Generator) -> None:
    # Half of the eigenvalues are below u: some pivot is nothing but rounding errors.
    for m in (8, 13, 21, 40, 100):
        for condition in (1e14, 1e16):
            error, _, _ = factor(cores, with_condition(rng, m, condition), m)
            assert error == NOT_POSDEF


def test_hilbert_matrices_are_solved_while_float32_can(cores: Cores) -> None:
    outcome = []
    for m in range(2, 13):
        i = np.arange(m)
        g = packed(1 / (1 + i[:, None] + i)).astype(F32)
        error, row, chol = factor(cores, g, m)
        outcome.append(error)
        if error == OK:
            b = np.ones((m, 1), F32)
            x = solve(cores, chol, m, b)
            assert backward_error(unpacked(g, m), cholesky_of(chol, m), x, b) <= 3 * m + 10
        else:
            assert error == NOT_POSDEF
            assert row >= 4  # condition 4.8e5 at order 5 is within float32's 1.7e7
        assert factor(cores, g, m, diagonal=1e-4)[0] == OK  # a ridge helps every one of them
    print("orders 2 to 12:", outcome)
    assert outcome[:4] == [OK] * 4
    assert outcome[-4:] == [NOT_POSDEF] * 4  # condition 5e11 and more


@pytest.mark.parametrize("m", [2, 8, 33, 100])
def test_fewer_images_than_features_need_a_ridge(
    cores: Cores, rng: np.random.Generator, m: int
) -> None:
    x = encoded(rng, m // 2, m)
    g = exact_gram(x).astype(np.int32)
    scale = 1 / UNIT**2
    error, row, _ = factor(cores, g, m, scale=scale)
    assert error == NOT_POSDEF
    assert row >= m // 2
    error, _, chol = factor(cores, g, m, scale=scale, diagonal=1e-3)
    assert error == OK
    a = unpacked(g, m) * scale + float(F32(1e-3)) * np.eye(m)
    b = rng.standard_normal((m, 2)).astype(F32)
    # Building the system rounds each element once or twice more.
    assert backward_error(a, cholesky_of(chol, m), solve(cores, chol, m, b), b) <= 3 * m + 13


def test_a_repeated_feature_is_refused_where_it_repeats(
    cores: Cores, rng: np.random.Generator
) -> None:
    for m, first, second in [(2, 0, 1), (10, 3, 9), (40, 0, 17), (40, 38, 39)]:
        x = encoded(rng, 200, m)
        x[:, second] = x[:, first]
        g = exact_gram(x).astype(np.int32)
        assert factor(cores, g, m)[:2] == (NOT_POSDEF, second)
        assert factor(cores, g, m, diagonal=1e3)[0] == OK


def test_images_twice_need_a_ridge_in_dual_form(cores: Cores, rng: np.random.Generator) -> None:
    x = encoded(rng, 12, 60)
    k = exact_gram(np.vstack([x, x]).T).astype(np.int32)
    assert factor(cores, k, 24)[:2] == (NOT_POSDEF, 12)
    assert factor(cores, k, 24, diagonal=100.0)[0] == OK


def test_zero_and_negative_systems_are_refused(cores: Cores) -> None:
    for value in (0.0, -0.0, -1.0, -1e-45):
        g = np.array([1, 0, value], F32)
        assert factor(cores, g, 2)[:2] == (NOT_POSDEF, 1)
    assert factor(cores, np.array([1, 2, 1], F32), 2)[:2] == (NOT_POSDEF, 1)
    assert factor(cores, np.zeros(3, np.int32), 2)[:2] == (NOT_POSDEF, 0)
    assert factor(cores, np.zeros(3, np.int32), 2, diagonal=1e-30)[0] == OK


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_not_finite_numbers_in_a_system_are_named_by_row(
    cores: Cores, rng: np.random.Generator, bad: float
) -> None:
    for m in (1, 4, 20, 40):
        good = with_condition(rng, m, 10)
        for i, j in {(0, 0), (m - 1, m - 1), (m // 2, 0), (m - 1, m // 2), (m - 1, m - 1)}:
            g = good.copy()
            g[i * (i + 1) // 2 + j] = bad
            error, row, _ = factor(cores, g, m)
            assert (error, row) == (NOT_FINITE, i)
        v = np.zeros(m, F32)
        v[m - 1] = bad
        assert factor(cores, good, m, rank1=0.5, v=v)[:2] == (NOT_FINITE, m - 1)
        assert factor(cores, good, m, rank1=0.0, v=v)[0] == OK  # not read


def test_a_system_that_overflows_float32_is_refused(cores: Cores) -> None:
    g = np.array([3e38], F32)
    assert factor(cores, g, 1, scale=10.0)[0] == NOT_FINITE
    assert factor(cores, g, 1, diagonal=3e38)[0] == NOT_FINITE
    assert factor(cores, g, 1)[0] == OK
    # Beside the diagonal: 3e38 against 1 is no positive definite matrix.
    assert factor(cores, np.array([1, 3e38, 1], F32), 2)[0] in (NOT_FINITE, NOT_POSDEF)


def test_an_error_leaves_the_rows_above_it(cores: Cores, rng: np.random.Generator) -> None:
    m, rows = 20, 18
    g = with_condition(rng, m, 10)
    _, _, whole = factor(cores, g, m)
    broken = g.copy()
    broken[rows * (rows + 1) // 2 + rows] = -1
    error, row, chol = factor(cores, broken, m)
    assert (error, row) == (NOT_POSDEF, rows)
    done = rows * (rows + 1) // 2
    assert same(chol[:done], whole[:done])


def test_denormal_and_negative_zero_systems_have_the_same_bits_in_every_build(
    cores: Cores, rng: np.random.Generator
) -> None:
    for m in (1, 7, 20):
        g = with_condition(rng, m, 3) * F32(1e-38)
        error, _, chol = factor(cores, g, m)
        assert error == OK
        assert same(chol, reference_factor(cores, g, m))
        b = (rng.standard_normal((m, 17)) * 1e-39).astype(F32)
        b[rng.random(b.shape) < 0.3] = -0.0
        x = solve(cores, chol, m, b)
        # The denormal system loses digits (spacing 1.4e-45 of elements near 1e-39), not the
        # solution's size.
        assert np.all(np.abs(x) < 10)
        g = np.where(rng.random(len(g)) < 0.3, F32(-0.0), with_condition(rng, m, 3) / m)
        g[np.arange(m) * (np.arange(m) + 3) // 2] = 1.0
        error, _, chol = factor(cores, g.astype(F32), m)
        assert error == OK
        assert same(chol, reference_factor(cores, g.astype(F32), m))


def test_solve_refuses_nan_and_infinity_and_leaves_x(
    cores: Cores, rng: np.random.Generator
) -> None:
    m = 9
    _, _, chol = factor(cores, with_condition(rng, m, 10), m)
    for bad in (math.nan, math.inf, -math.inf):
        b = rng.standard_normal((m, 20)).astype(F32)
        b[8, 19] = bad
        before = np.ones((m, 20), F32)
        answer = cores.call("solve", chol, m, b, 20, before, panel(m))
        assert answer.result == NOT_FINITE
        assert same(answer[4], before)
    # A solution beyond float32.
    _, _, tiny = factor(cores, np.array([1e-30], F32), 1)
    answer = cores.call("solve", tiny, 1, np.array([1e20], F32), 1, blank(1, F32), panel(1))
    assert answer.result == NOT_FINITE


def test_solve_of_no_columns_is_nothing(cores: Cores) -> None:
    chol = np.ones(3, F32)
    empty = np.zeros((2, 0), F32)
    assert cores.call("solve", chol, 2, empty, 0, empty, panel(2)).result == OK


@pytest.mark.parametrize("m", [1, 2, 7, 16, 19, 40, 100])
def test_columns_are_solved_alike_alone_and_together(
    cores: Cores, rng: np.random.Generator, m: int
) -> None:
    _, _, chol = factor(cores, with_condition(rng, m, 1e3), m)
    b = rng.standard_normal((m, 40)).astype(F32)
    x = solve(cores, chol, m, b)
    for j in (0, 15, 16, 39):
        assert same(solve(cores, chol, m, b[:, j : j + 1].copy()), x[:, j : j + 1].copy())


@pytest.mark.parametrize("m", [1, 2, 5, 16, 17, 40, 100])
def test_leverages_and_inverse_diagonal_are_those_of_the_inverse(
    cores: Cores, rng: np.random.Generator, m: int
) -> None:
    """|L^-1 u|^2. Factor and solve are exact for a system changed by some u |L||L'| (see above:
    1.5 at most were seen, the proven bound never is), which changes the result by that times
    the condition: 4 leaves room.
    """
    condition = 100.0
    g = with_condition(rng, m, condition)
    a = unpacked(g, m)
    inverse = np.linalg.inv(a)
    bound = 4 * U * condition
    worst = 0.0
    _, _, chol = factor(cores, g, m)
    for n in (0, 1, 16, 21):
        f = encoded(rng, n, m)
        total = rng.random(m).astype(F32)
        answer = cores.call("leverage", chol, m, f, n, total, 0.25, blank(n, F32), panel(m))
        u = f / UNIT - 0.25 * total.astype(float)
        want = np.einsum("ij,jk,ik->i", u, inverse, u)
        # Where f and the part of the total cancel, the rounding of u counts against the longer of
        # them.
        slack = gamma(4) * np.sum(np.abs(f / UNIT) + 0.25 * total, 1) ** 2 * condition
        assert np.all(np.abs(answer[6] - want) <= bound * want + slack)
        worst = max(worst, *np.abs(answer[6] / want - 1), 0.0)
    answer = cores.call("inverse_diagonal", chol, m, 0, m, blank(m, F32), panel(m))
    assert np.all(np.abs(answer[4] / np.diag(inverse) - 1) <= bound)
    print(
        "leverage",
        worst,
        "diagonal",
        np.max(np.abs(answer[4] / np.diag(inverse) - 1)),
        "of",
        bound,
    )
    whole, out = answer[4], blank(m, F32)
    cuts = [0, *sorted(rng.integers(0, m + 1, 3).tolist()), m]
    for first, last in pairwise(cuts):
        out = cores.call("inverse_diagonal", chol, m, first, last, out, panel(m))[4]
        assert np.all(np.isnan(out[last:]))
    assert same(out, whole)


# ---- floats: sums ----


@pytest.mark.parametrize(
    ("n", "m", "p"),
    [
        (1, 1, 1),
        (5, 3, 17),
        (33, 6, 16),
        (40, 13, 40),
        (9, 8, 3),
        (64, 8, 5),
        (129, 11, 6),
        (200, 5, 4),
    ],
)
def test_combine_is_a_sum_of_n_roundings(
    cores: Cores, rng: np.random.Generator, n: int, m: int, p: int
) -> None:
    x = rng.integers(-32768, 32768, (n, m)).astype(np.int16)
    c = rng.standard_normal((n, p)).astype(F32)
    out = cores.call("combine", x, n, m, c, p, blank((m, p), F32))[5]
    x = x.astype(float)
    assert np.all(np.abs(out - x.T @ c) <= gamma(n) * (np.abs(x).T @ np.abs(c)))
    assert same(out, combine_by_loop(cores, x, c))


def combine_by_loop(cores: Cores, x: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Row by row: fmaf(x, c, sum) from the core's own total_dot, so the order k ascending is
    checked too.
    """
    n, p = c.shape
    rows = []
    for column in x.T.astype(F32):
        args = (np.ascontiguousarray(column), c, n, p, blank(p, F32))
        rows.append(cores.call("total_dot", *args)[4])
    return np.array(rows)


def test_total_dot_is_a_sum_of_m_roundings(cores: Cores, rng: np.random.Generator) -> None:
    for m, p in [(1, 1), (500, 10), (768, 16)]:
        total, b = rng.standard_normal(m).astype(F32), rng.standard_normal((m, p)).astype(F32)
        out = cores.call("total_dot", total, b, m, p, blank(p, F32))[4]
        exact = total.astype(float) @ b
        assert np.all(np.abs(out - exact) <= gamma(m) * (np.abs(total.astype(float)) @ np.abs(b)))


def test_contrast_is_exact(cores: Cores, rng: np.random.Generator) -> None:
    x = rng.integers(-32768, 32768, (20, 9)).astype(np.int16)
    x[0], x[1] = 32767, -32768
    a, b = (rng.integers(0, 20, 18).astype(np.uint16) for _ in range(2))
    a[0], b[0] = 0, 1
    out = cores.call("contrast", x, 9, a, b, 18, blank((9, 18), F32))[5]
    assert np.array_equal(out, (x[a].astype(int) - x[b].astype(int)).T)


def test_class_targets_are_sums_less_their_share_of_the_total(
    cores: Cores, rng: np.random.Generator
) -> None:
    m, k, ratio = 30, 10, float(F32(0.03))
    sums = rng.integers(-(2**31), 2**31, (k, m)).astype(np.int32)
    counts = rng.integers(0, 800, k).astype(np.int32)
    answer = cores.call(
        "class_targets", sums, counts, m, k, ratio, blank(m, F32), blank((m, k), F32)
    )
    total = sums.sum(0, dtype=np.int64) / UNIT
    assert same(answer[5], total.astype(F32))  # an int64 rounded once; numpy does the same
    share = ratio * np.outer(total, counts)
    bound = gamma(4) * (np.abs(share) + np.abs(sums.T / UNIT))
    assert np.all(np.abs(answer[6] - (sums.T / UNIT - share)) <= bound)


# ---- floats to integers ----


def unit_rows(cores: Cores, b: np.ndarray) -> tuple[int, np.ndarray]:
    answer = cores.call("unit_rows", b, *b.shape, blank(b.T.shape, np.int16))
    assert same(answer[0], b)
    return answer.result, answer[3]


def test_unit_rows_have_length_16384_whatever_the_columns_size(
    cores: Cores, rng: np.random.Generator
) -> None:
    b = rng.standard_normal((50, 12))
    b *= 10.0 ** np.array([0, 1, -1, 5, -5, 20, -20, 37, -35, 3, 2, -30])
    b = b.astype(F32)
    error, w = unit_rows(cores, b)
    assert error == OK
    exact = WEIGHT * b.astype(float) / np.linalg.norm(b.astype(float), axis=0)
    # 1/2 from rounding; the float sum of 50 squares, its root and four more steps: gamma(29) of
    # 16384 = 0.03.
    assert np.max(np.abs(w - exact.T)) <= 0.5 + gamma(29) * WEIGHT


def test_unit_rows_of_special_columns(cores: Cores) -> None:
    b = np.array(
        [[0, -0.0, 1e-45, 3e38, -3e38, 1, 2.0**-126, 2.0**-127], [0, 0, 0, 3e38, 0, 1e-30, 0, 0]],
        F32,
    )
    error, w = unit_rows(cores, b)
    assert error == OK
    half = round(WEIGHT / math.sqrt(2))
    # Zero and denormal columns have no direction; one element alone is the full length.
    assert w.tolist() == [
        [0, 0],
        [0, 0],
        [0, 0],
        [half, half],
        [-WEIGHT, 0],
        [WEIGHT, 0],
        [WEIGHT, 0],
        [0, 0],
    ]
    for bad in (math.nan, math.inf, -math.inf):
        c = b.copy()
        c[1, 7] = bad
        error, w = unit_rows(cores, c)
        assert error == NOT_FINITE
        assert same(w, blank((8, 2), np.int16))


def quantise(cores: Cores, b: np.ndarray, limit: int = 40) -> tuple[int, np.ndarray, int]:
    start = np.array([limit], np.int32)
    answer = cores.call("quantise", b, *b.shape, blank(b.T.shape, np.int16), start)
    assert same(answer[0], b)
    return answer.result, answer[3], int(answer[4][0])


@pytest.mark.parametrize(
    "largest", [1, 0.99999, 1.5, 3e38, 1e-37, 0.1, 32767, 32767.5, 32768, 5e-45]
)
def test_quantise_takes_the_largest_power_of_two_that_fits(
    cores: Cores, rng: np.random.Generator, largest: float
) -> None:
    b = (rng.uniform(-1, 1, (30, 4)) * largest).astype(F32)
    b[3, 2] = -largest
    error, w, exponent = quantise(cores, b, 1000)
    assert error == OK
    size = float(np.abs(b).max())
    assert math.floor(math.ldexp(size, exponent) + 0.5) <= 32767
    assert math.floor(math.ldexp(size, exponent + 1) + 0.5) > 32767
    exact = b.astype(float).T * 2.0**exponent
    assert np.array_equal(w, half_away(exact))


def test_quantise_rounds_a_half_away_from_zero_and_nothing_else(cores: Cores) -> None:
    halves = np.arange(32767, dtype=F32) + F32(0.5)
    near = [halves, np.nextafter(halves, F32(0)), np.nextafter(halves, F32(40000))]
    near += [np.array([0, 0.25, 1, 32767], F32)]
    values = np.concatenate([*near, *(-part for part in near)])
    values = values[np.abs(values) + 0.5 < 32768]
    error, w, exponent = quantise(cores, values[:, None], 0)
    assert (error, exponent) == (OK, 0)
    assert np.array_equal(w[0], half_away(values))
    assert quantise(cores, np.array([[0.49999997], [-0.49999997]], F32), 0)[1].tolist() == [[0, 0]]


def test_quantise_keeps_to_its_limit_and_takes_zeros(cores: Cores) -> None:
    error, w, exponent = quantise(cores, np.full((2, 2), 0.25, F32), 3)
    assert (error, exponent, w.tolist()) == (OK, 3, [[2, 2], [2, 2]])
    error, w, exponent = quantise(cores, np.array([[0.0, -0.0]], F32), 7)
    assert (error, exponent, w.tolist()) == (OK, 7, [[0], [0]])
    error, w, exponent = quantise(cores, np.ones((1, 1), F32), -5)
    assert (error, exponent, w.tolist()) == (OK, -5, [[0]])
    for bad in (math.nan, math.inf, -math.inf):
        error, w, _ = quantise(cores, np.array([[1], [bad]], F32))
        assert error == NOT_FINITE
        assert same(w, blank((1, 2), np.int16))


# ---- leave one out ----


def retrained_without(
    f: np.ndarray,
    labels: np.ndarray,
    class_targets: np.ndarray,
    s: float,
    ridge: float,
    out: int | None,
) -> np.ndarray:
    """Outputs (neuron, label) for image `out` (or for all images) of the class layer trained on
    all positive and negative data of the other images, each datum built with its label: no
    Schur complement, no leverage, no update. class_targets (k): the targets of positive data.
    """
    k = len(class_targets)
    rows, targets = [], []
    for i, x in enumerate(f):
        for label in range(k):
            if i != out:
                rows.append(np.concatenate([x, s * np.eye(k)[label]]))
                targets.append(np.eye(k)[label] * class_targets[label] * (label == labels[i]))
    z, y = np.array(rows), np.array(targets)
    weights = np.linalg.solve(z.T @ z + ridge * np.eye(z.shape[1]), z.T @ y)
    tests = [f[out]] if out is not None else list(f)
    data = [np.concatenate([x, s * np.eye(k)[label]]) for x in tests for label in range(k)]
    return (np.array(data) @ weights).reshape(len(tests), k, k).transpose(0, 2, 1)


@pytest.mark.parametrize(("n", "m", "k"), [(12, 5, 2), (15, 8, 3), (40, 20, 4), (60, 16, 10)])
@pytest.mark.parametrize("ridge_lambda", [0.01, 0.3])
@pytest.mark.parametrize("balanced", [True, False])
def test_leave_one_out_is_retraining_without_the_image(
    cores: Cores,
    rng: np.random.Generator,
    n: int,
    m: int,
    k: int,
    ridge_lambda: float,
    balanced: bool,
) -> None:
    s = 0.5
    labels = (np.arange(n) % k).astype(np.uint8)
    class_targets, more, without = np.ones(k), None, [np.ones(k)] * n
    if balanced:  # classes of unequal size count the same
        labels[labels == 0] = np.where(rng.random((labels == 0).sum()) < 0.5, 0, 1)
        labels[:2] = 0
        counts = np.bincount(labels, minlength=k)
        class_targets = n / k / counts
        without = [n / k / (counts - (np.arange(k) == label)) for label in labels]
        more = np.stack([class_targets, counts / (counts - 1)]).astype(F32)
    f = encoded(rng, n, m)
    shift = rng.integers(0, 600, (k, m))  # classes apart, but not wholly
    f = (f + shift[labels]).astype(np.int32)
    f = np.round(UNIT * f / np.linalg.norm(f, axis=1, keepdims=True)).astype(np.int16)
    lambda_abs = ridge_lambda * k * n * (1 + s * s) / (m + k)
    g = s * s / (s * s * n + lambda_abs)

    # The steps of classlayer.py.
    _, gram_f = gram(cores, f, np.zeros(m * (m + 1) // 2, np.int32))
    sums = class_sums(cores, f, labels, np.zeros((k, m), np.int32), np.zeros(k, np.int32))
    targets = cores.call(
        "class_targets", sums[6], sums[7], m, k, g, blank(m, F32), blank((m, k), F32)
    )
    total = targets[5]
    error, _, chol = factor(
        cores, gram_f, m, scale=k / UNIT**2, diagonal=lambda_abs, rank1=-g * k, v=total
    )
    assert error == OK
    w = solve(cores, chol, m, (targets[6] * class_targets).astype(F32))
    dots = cores.call("total_dot", total, w, m, k, blank(k, F32))[4]
    v = g * (np.diag(class_targets * sums[7]) - dots.astype(float)[:, None])
    _, w_q, exponent = quantise(cores, w, 28 - 9 - math.frexp(np.abs(v).max())[1])
    v_q = half_away(np.ldexp(v, exponent + 9)).astype(np.int32)
    leverage = cores.call("leverage", chol, m, f, n, total, g, blank(n, F32), panel(m))[6]
    unit = 2.0 ** -(exponent + 9)
    args = (f, n, m, w_q, v_q, k, labels, leverage, 1 - g, -float(k), unit, 1 - g)
    outputs = blank(n, np.uint8), blank(n, F32), blank(n, F32)
    extra = () if more is None else (more,)
    answer = cores.call("leave_one_out", *args, *outputs, *extra)
    assert answer.result == OK

    # The same from nothing but data.
    x = f / UNIT
    retrained = retrained_without(x, labels, class_targets, s, lambda_abs, None)
    z = (f.astype(np.int64) @ w_q.T.astype(np.int64))[:, :, None] + v_q
    # Integer weights are off by 1/2 each (w of f in steps, v); float32 costs u times the
    # condition, four times at most here.
    steps = (np.abs(f).sum(1).max() + 1) / 2
    condition = np.linalg.cond(cholesky_of(chol, m)) ** 2
    tolerance = steps * unit + 4 * U * condition * np.abs(retrained).max()
    assert np.max(np.abs(z * unit - retrained)) <= tolerance
    exact = np.stack(
        [retrained_without(x, labels, without[i], s, lambda_abs, i)[0] for i in range(n)]
    )
    target = np.zeros((n, k, k))
    target[np.arange(n), labels, labels] = class_targets[labels]
    residual = np.sum((target - exact) ** 2, (1, 2))
    goodness = np.sum(np.maximum(exact, 0) ** 2, 1)
    right = goodness[np.arange(n), labels]
    others = goodness.copy()
    others[np.arange(n), labels] = -1
    margin = right - others.max(1)
    # Leaving out multiplies an error of the outputs by 1 + k v/((1-g) - k v) at most, over 1 - g.
    slack = (1 - g) - k * leverage.astype(float)
    error = (1 + (1 - g - slack) / slack) / (1 - g) * tolerance
    if more is not None:
        error *= more[1][labels]
    assert np.all(error < 0.02)  # else this test would prove nothing
    size = np.sqrt(residual)
    print("outputs", np.max(np.abs(z * unit - retrained)), "of", tolerance)
    print(
        "residuals",
        np.max(np.abs(answer[13] - residual)),
        "margins",
        np.max(np.abs(answer[14] - margin)),
        "of",
        np.max(error),
    )
    assert np.all(np.abs(answer[13] - residual) <= k * error * (2 * size + k * error))
    doubt = 2 * error * np.abs(exact).sum(1).max(1) + k * error**2  # of a goodness
    assert np.all(np.abs(answer[14] - margin) <= 2 * doubt)
    best = np.sort(goodness)
    clear = best[:, -1] - best[:, -2] > 2 * doubt
    assert clear.sum() > n // 2
    assert np.array_equal(answer[12][clear], goodness.argmax(1)[clear])


def test_leave_one_out_refuses_labels_and_leverages_it_cannot_use(cores: Cores) -> None:
    def run(label: int, leverage: float, weight: int = 1) -> Answer:
        f, w = np.ones((1, 2), np.int16), np.ones((3, 2), np.int16)
        v = np.full((3, 3), weight, np.int32)
        labels, leverages = np.array([label], np.uint8), np.array([leverage], F32)
        outputs = blank(1, np.uint8), blank(1, F32), blank(1, F32)
        args = (f, 1, 2, w, v, 3, labels, leverages, 1.0, -3.0, 0.01, 1.0)
        return cores.call("leave_one_out", *args, *outputs)

    for label, leverage, error in [
        (3, 0.1, LABEL),
        (0, math.nan, NOT_FINITE),
        (0, math.inf, NOT_FINITE),
    ]:
        answer = run(label, leverage)
        assert answer.result == error
        assert same(answer[13], blank(1, F32))
    answer = run(0, 0.1, 2**31 - 1)
    assert answer.result == OVERFLOW
    assert same(answer[13], blank(1, F32))
    # A leverage of 1/3 or more uses up the slack; it counts as 4 epsilon and gives large, finite
    # errors.
    for leverage in (1 / 3, 0.4, 3e38):
        answer = run(2, leverage)
        assert answer.result == OK
        assert np.isfinite(answer[13][0])


# ---- the builds themselves ----


def needs_m7() -> None:
    if missing := missing_for_m7():
        pytest.skip(f"not installed: {' and '.join(missing)} (make core-tools installs them)")


def test_the_kernels_of_a_cortex_m7_run_under_the_sanitizers(cores: Cores) -> None:
    needs_m7()
    assert set(M7) < set(cores.names)


@pytest.mark.parametrize(
    ("build", "rows_of_z", "rows_of_w", "sees"),
    [
        ("m7-sanitized", 7, 4, "heap-buffer-overflow"),  # z is written in C
        ("m7-guarded", 7, 4, "signal 11"),
        ("m7-guarded", 8, 3, "signal 11"),  # w is read in assembler, which no sanitizer sees
    ],
)
def test_an_array_too_short_is_seen(
    cores: Cores, rng: np.random.Generator, build: str, rows_of_z: int, rows_of_w: int, sees: str
) -> None:
    needs_m7()
    f, w = encoded(rng, 8, 64), encoded(rng, 4, 64)
    one = Cores(cores.folder, cores.logs, [build])
    try:
        answer = one.call("outputs", f, 8, 64, w, 4, blank((8, 4), np.int32))
        assert same(answer[5], (f.astype(np.int32) @ w.T.astype(np.int32)))
        with pytest.raises(AssertionError, match=sees):
            one.call("outputs", f, 8, 64, w[:rows_of_w], 4, blank((rows_of_z, 4), np.int32))
    finally:
        one.close()
