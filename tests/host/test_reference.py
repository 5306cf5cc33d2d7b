"""The numpy reference: each formula against the plain way of writing it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uff_host import reference
from uff_host.datasets import shapes
from uff_host.errors import DataError
from uff_host.formats.samples import Samples
from uff_host.reference import Options, arithmetic, class_layer, class_linear, contrast, encoding
from uff_host.reference.class_linear import LinearProblem
from uff_host.reference.xorshift import Xorshift32


def test_label_pixels_start_with_the_four_outermost_corners():
    assert encoding.label_pixels(28, 28)[:6] == [0, 27, 756, 783, 1, 26]
    assert len(set(encoding.label_pixels(4, 4))) == 16
    assert len(encoding.kept_pixels(28, 28)) == 768


def test_encoding_follows_float32_step_by_step():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (20, 6, 5), np.uint8)
    images[3] = 0
    encoded = reference.encode(images)
    for image, row in zip(images, encoded, strict=True):
        kept = image.reshape(-1)[encoding.kept_pixels(6, 5)]
        total = np.float32(int(kept.sum()))
        for pixel, value in zip(kept, row, strict=True):
            if total == 0:
                assert value == 0
                continue
            scale = np.float32(512) / np.sqrt(total)
            product = np.float32(np.sqrt(np.float32(pixel)) * scale)
            assert value == math.floor(float(product) + 0.5)


def test_label_pixels_do_not_reach_the_encoding():
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8), np.uint8)
    drawn = images.copy()
    drawn.reshape(4, -1)[:, encoding.label_pixels(8, 8)] = 255
    assert np.array_equal(reference.encode(images), reference.encode(drawn))


def test_hidden_values_follow_integers_and_float32_step_by_step():
    random = np.random.default_rng(1)
    x = random.integers(0, 200, (5, 7)).astype(np.int16)
    w1 = random.integers(-16384, 16385, (6, 7)).astype(np.int16)
    x[2] = 0
    for row, found in zip(x, contrast.hidden(x, w1), strict=True):
        z = [max(0, sum(int(a) * int(b) for a, b in zip(row, w, strict=True))) for w in w1]
        squares = np.float32(sum(r * r for r in z))
        scale = np.float32(512) / np.sqrt(squares) if squares else np.float32(0)
        wanted = [math.floor(float(np.float32(np.float32(r) * scale)) + 0.5) for r in z]
        assert found.tolist() == wanted


def test_gram_and_kernel_are_exact_and_refuse_too_many_images():
    x = np.full((10, 3), 512, np.int16)
    assert arithmetic.gram(x)[1, 2] == 10 * 512 * 512
    assert arithmetic.kernel(x)[0, 9] == 3 * 512 * 512
    with pytest.raises(DataError):
        arithmetic.gram(np.zeros((8192, 1), np.int16))


def test_packed_triangle_goes_row_by_row():
    square = np.array([[1, 9, 9], [2, 3, 9], [4, 5, 6]])
    assert arithmetic.pack_lower(square).tolist() == [1, 2, 3, 4, 5, 6]


def test_random_numbers_are_those_of_xorshift32():
    # xorshift32 from state 1 is a published sequence: its 9th number follows 8 thrown away.
    s = 1
    for _ in range(9):
        s ^= (s << 13) % 2**32
        s ^= s >> 17
        s ^= (s << 5) % 2**32
    assert Xorshift32(0).next() == s
    assert Xorshift32(1).next() != s


@given(st.lists(st.integers(1, 6), min_size=2, max_size=5), st.integers(1, 40), st.integers(0, 9))
def test_each_pair_is_of_two_classes_and_images_are_used_evenly(counts, q, seed):
    labels = np.concatenate([np.full(n, c) for c, n in enumerate(counts)])
    a, b = contrast.pairs(labels, len(counts), q, seed)
    k = len(counts)
    order = [(c, (c + shift) % k) for shift in range(1, k) for c in range(k)]
    assert [(labels[i], labels[j]) for i, j in zip(a, b, strict=True)] == [
        order[j % len(order)] for j in range(q)
    ]
    uses = np.bincount(a + b, minlength=len(labels))
    for c in range(k):
        assert np.ptp(uses[labels == c]) <= 1


@pytest.mark.parametrize(("k", "n"), [(2, 50), (3, 100), (3, 300), (5, 100)])
def test_pairs_do_not_come_round_again(k, n):
    a, b = contrast.pairs(np.tile(np.arange(k), n), k, 500, 0)
    # Independent draws of 500 among k(k-1)n^2 ordered pairs would repeat 25 at k=2, n=50.
    assert len(set(zip(a, b, strict=True))) > 500 - 25 * 2


def test_pairs_need_two_classes_with_images():
    for labels, k in (([0, 0], 1), ([0, 0], 2), ([1, 1], 2)):
        with pytest.raises(DataError):
            contrast.pairs(np.array(labels), k, 4, 0)


@pytest.mark.parametrize(("n", "m"), [(6, 20), (30, 12)])
def test_both_forms_of_layer_1_are_one_and_the_same(n, m):
    random = np.random.default_rng(n)
    x = random.integers(0, 100, (n, m)).astype(np.int16)
    a, b = [0, 1, 2], [3, 4, 5]
    primal = contrast.solve(x, a, b, 5.0, dual=False)
    dual = contrast.solve(x, a, b, 5.0, dual=True)
    assert np.abs(primal - dual).max() < 1e-12
    assert np.allclose((primal**2).sum(axis=1), 1)


def full_problem(f, y, k, strength, lambda2, images=None):
    """All positive and negative data written out, and its ridge solution: weights and goodness.

    Positive data of a class counts the less the more there is: images / (k n_c) is its target.
    """
    n, m = f.shape
    class_targets = (images or n) / (k * np.bincount(y, minlength=k))
    rows, targets = [], []
    for i in range(n):
        for label in range(k):
            rows.append(np.concatenate([f[i] / 512, strength * np.eye(k)[label]]))
            targets.append(np.eye(k)[label] * (label == y[i]) * class_targets[label])
    a, b = np.array(rows), np.array(targets)
    ridge = lambda2 * k * n * (1 + strength**2) / (m + k)
    return np.linalg.solve(a.T @ a + ridge * np.eye(m + k), a.T @ b)


@pytest.mark.parametrize(("n", "m"), [(7, 20), (40, 12)])
@pytest.mark.parametrize("lambda2", [0.01, 0.3])
def test_the_class_layer_solves_the_regression_over_all_data(n, m, lambda2):
    random = np.random.default_rng(n)
    k, s = 3, 0.5
    f = random.integers(0, 200, (n, m)).astype(np.int16)
    y = np.arange(n) % k
    layer = LinearProblem(f, y, k, s).solve(lambda2)
    w = full_problem(f, y, k, s, lambda2)
    assert np.abs(layer.w - w[:m].T).max() < 1e-9
    assert np.abs(layer.v - s * w[m:].T).max() < 1e-9


@pytest.mark.parametrize(("n", "m"), [(7, 20), (25, 12)])
def test_leave_one_out_is_training_without_the_image(n, m):
    random = np.random.default_rng(n)
    k, s, lambda2 = 3, 0.2, 0.1
    f = random.integers(0, 200, (n, m)).astype(np.int16)
    y = np.arange(n) % k
    found = LinearProblem(f, y, k, s).leave_one_out(lambda2)
    for i in range(n):
        rest = np.arange(n) != i
        # The same absolute lambda and mean number of images a class: those of all n images.
        w = full_problem(f[rest], y[rest], k, s, lambda2 * n / (n - 1), n)
        own = np.array([np.concatenate([f[i] / 512, s * np.eye(k)[label]]) for label in range(k)])
        goodness = (np.maximum(own @ w, 0) ** 2).sum(axis=1)
        assert np.allclose(found.goodness[i], goodness, atol=1e-9)


@settings(max_examples=50)
@given(st.floats(1e-6, 100), st.floats(1e-6, 100))
def test_quantised_weights_use_all_of_int16_and_label_weights_fit(largest, label):
    layer = class_layer.ClassLayer(np.array([[largest, -largest / 3]]), np.array([[label]]))
    found = class_linear.integers(layer)
    e, w2, v2 = found.e, found.w2, found.v2
    assert found.v_exponent == e + 9
    assert w2[0, 0] == int(arithmetic.round_half_away(np.array(largest * 2.0**e)))
    assert abs(int(v2[0, 0])) <= 2**28
    up = arithmetic.round_half_away(np.array(largest * 2.0 ** (e + 1)))
    assert up > 32767 or e == 40 or label * 2.0 ** (e + 10) >= 2**28


def test_halves_are_rounded_away_from_zero():
    assert arithmetic.round_half_away(np.array([0.5, -0.5, 1.5, -2.5, 0.49])).tolist() == [
        1,
        -1,
        2,
        -3,
        0,
    ]


def test_the_first_label_of_most_goodness_is_predicted():
    assert reference.predict(np.array([[1, 3, 3], [0, 0, 0]])).tolist() == [1, 0]


@pytest.mark.parametrize("network", ["uff1", "uff2"])
def test_the_reference_learns_drawn_glyphs(network):
    model = reference.train(shapes.samples(60, 0), Options(network=network, hidden=100))
    test = shapes.samples(100, 1)
    right = reference.predict(reference.infer(model, test.images)) == test.labels
    assert right.mean() > 0.85
    assert model.fitted_correct / model.n_images > 0.9


def test_lambda_is_chosen_by_leave_one_out():
    model = reference.train(shapes.samples(20, 0), Options(hidden=50, lambda2="loo"))
    assert model.lambda_chosen
    assert any(
        math.isclose(model.class_layer.ridge, grid, rel_tol=1e-4) for grid in LinearProblem.grid
    )


def test_training_says_what_it_cannot_use():
    image = np.zeros((1, 8, 8), np.uint8)
    for samples in (
        Samples(["a"], image, np.zeros(1, np.uint8)),
        Samples(["a", "b"], image, np.zeros(1, np.uint8)),
        Samples(
            ["a", "b"],
            np.zeros((8192, 4, 5), np.uint8),
            (np.arange(8192) % 2).astype(np.uint8),
        ),
    ):
        with pytest.raises(DataError):
            reference.train(samples)


def test_images_of_another_shape_are_not_predicted():
    model = reference.train(shapes.samples(3, 0), Options(hidden=5))
    with pytest.raises(DataError):
        reference.infer(model, np.zeros((1, 8, 8), np.uint8))
