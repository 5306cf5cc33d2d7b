"""The numpy reference's patch and kernel layers, copies, and leave-one-out of images with their
copies: each against the plain way of writing it."""

from __future__ import annotations

import math
import zlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uff_host import reference
from uff_host.datasets import shapes
from uff_host.errors import DataError
from uff_host.formats import networks
from uff_host.formats.model import POOLINGS, Array, Layer
from uff_host.formats.model_arrays import layer_alone
from uff_host.formats.samples import Samples
from uff_host.reference import Options, class_kernel, class_layer, copies, mirror, patch
from uff_host.reference.class_kernel import KernelProblem
from uff_host.reference.class_linear import LinearProblem
from uff_host.reference.feature_layer import Task
from uff_host.reference.xorshift import Xorshift32

# --- Names of networks ---------------------------------------------------------------------------


def test_a_network_has_one_name_and_its_layers_say_it_too():
    assert networks.every_name() == [
        "uff1",
        "uff2",
        "uff_conv",
        "uff_kernel",
        "uff_mirror",
        "kernel",
        "contrast+kernel",
        "mirror+linear",
    ]
    for name in networks.every_name():
        kinds = networks.kinds_of(name)
        assert networks.name_of(kinds) == name
        assert networks.kinds_of("+".join(kinds)) == kinds


@pytest.mark.parametrize(
    "name", ["", "uff3", "patch", "linear+patch", "patch+contrast+linear", "+"]
)
def test_a_name_of_no_network_is_refused_with_those_there_are(name):
    with pytest.raises(DataError, match="uff_conv, uff_kernel"):
        networks.kinds_of(name)


# --- Copies --------------------------------------------------------------------------------------


def smooth(height: int, width: int, seed: int) -> np.ndarray:
    """A picture of three soft spots, whose greys differ by at most 30 from pixel to pixel."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    spots = np.zeros((height, width))
    for _ in range(3):
        at = random.uniform(0.2, 0.8, 2) * (height, width)
        spots += 80 * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 16)
    return spots.astype(np.uint8)


def by_real_numbers(image: np.ndarray, number: int) -> np.ndarray:
    """A copy by sines, cosines and real interpolation, from the same five drawn numbers."""
    height, width = image.shape
    random = Xorshift32((zlib.crc32(image.tobytes()) + number) % 2**32)
    theta, scale, shear, down, right = (
        most * ((random.next() >> 16) - 32768) / 32768
        for most in (0.3, 0.2, 0.3, height * 1.5 / 28, width * 1.5 / 28)
    )
    turn = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    by = (1 + scale) * turn @ np.array([[1, shear], [0, 1]])
    y, x = np.mgrid[:height, :width]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    places = np.stack([x, y], axis=2) - middle
    places = places @ by.T + middle + (right, down)
    padded = np.pad(image.astype(float), 2 * max(height, width))
    x, y = places[:, :, 0] + 2 * max(height, width), places[:, :, 1] + 2 * max(height, width)
    row, column = np.floor(y).astype(int), np.floor(x).astype(int)
    low, far = y - row, x - column
    return (
        padded[row, column] * (1 - low) * (1 - far)
        + padded[row, column + 1] * (1 - low) * far
        + padded[row + 1, column] * low * (1 - far)
        + padded[row + 1, column + 1] * low * far
    )


@pytest.mark.parametrize(("height", "width"), [(28, 28), (20, 33)])
def test_a_copy_is_the_image_turned_scaled_sheared_and_shifted(height, width):
    for seed in range(5):
        image = smooth(height, width, seed)
        for number in (1, 2, 15):
            found = copies.copy_of(image, number)
            # Places are 256ths of a pixel, sines a few 2^-16: a grey or two where it is steep.
            assert np.abs(found - by_real_numbers(image, number)).max() < 2


def test_a_blank_image_has_blank_copies_and_a_white_one_stays_white_inside():
    assert not copies.copy_of(np.zeros((9, 12), np.uint8), 3).any()
    found = copies.copy_of(np.full((28, 28), 255, np.uint8), 1)
    assert (found[9:19, 9:19] == 255).all()


def test_copies_come_behind_their_image_and_follow_from_it_alone():
    images = shapes.samples(1, 0).images
    rows = copies.with_copies(images, 2)
    assert rows.shape == (3 * len(images), 28, 28)
    assert np.array_equal(rows[::3], images)
    for i, image in enumerate(images):
        for number in (1, 2):
            assert np.array_equal(rows[3 * i + number], copies.copy_of(image, number))
    assert np.array_equal(copies.with_copies(images[3:4], 2), rows[9:12])
    assert len({row.tobytes() for row in rows}) == len(rows)


# --- The patch layer -----------------------------------------------------------------------------


def some_images(n: int, height: int = 10, width: int = 9, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, height, width), np.uint8)


def test_the_patch_layer_sees_every_pixel_and_no_length_but_one():
    images = some_images(3)
    x = patch.encode(images).astype(float)
    assert x.shape == images.shape
    assert np.allclose((x**2).sum(axis=(1, 2)), 2**18, rtol=0.01)
    assert np.allclose(x[0, 0, 0], 512 * np.sqrt(images[0, 0, 0] / images[0].sum()), atol=0.51)


def test_statistics_are_those_of_twelve_places_drawn_from_the_image_itself():
    images = some_images(4)
    images[1] = 0
    images[2, :8] = 0  # few places of it are not blank
    x = patch.encode(images)
    places = [(row, column) for row in range(5) for column in range(4)]
    step = next(step for step in range(193, 400) if math.gcd(step, 20) == 1)
    gram, sums, count = np.zeros((36, 36), int), np.zeros(36, int), 0
    for image in x:
        first = zlib.crc32(b"".join(int(v).to_bytes(2, "little") for v in image.ravel()))
        for j in range(12):
            row, column = places[(first + j * step) % 20]
            drawn = [int(v) for v in image[row : row + 6, column : column + 6].ravel()]
            if len(set(drawn)) > 1:
                gram += np.outer(drawn, drawn)
                sums += drawn
                count += 1
    found = patch.statistics(x)
    assert np.array_equal(found.gram, gram)
    assert np.array_equal(found.sums, sums)
    assert found.count == count < 36
    backwards = patch.statistics(x[::-1])
    assert np.array_equal(backwards.gram, gram)


def test_a_filter_tells_two_patches_of_one_place_apart():
    x = patch.encode(some_images(6))
    x[5] = x[4]  # no place tells these apart
    differences = patch.differences(x, [0, 2, 4], [1, 3, 5], seed=7)
    for row, (a, b) in zip(differences, ((0, 1), (2, 3)), strict=False):
        everywhere = (patch.patches(x[a : a + 1])[0] - patch.patches(x[b : b + 1])[0]) / 512
        assert (row == everywhere).all(axis=1).any()
    assert not differences[2].any()
    assert not np.array_equal(differences, patch.differences(x, [0, 2, 4], [1, 3, 5], seed=8))


def test_a_place_where_patches_are_equal_is_passed_over():
    x = np.zeros((2, 28, 28), np.int16)
    x[0, 14:, 14:], x[1, :, :3] = 5, 0
    places = 23 * 23
    random = Xorshift32(3)
    drawn = [divmod(random.next() % places, 23) for _ in range(16)]
    first = next((r, c) for r, c in drawn if r > 8 and c > 8)
    assert drawn[0] != first
    r, c = first
    wanted = x[0, r : r + 6, c : c + 6].ravel() / 512
    assert np.array_equal(patch.differences(x, [0], [1], seed=3)[0], wanted)


@pytest.mark.parametrize("ridge", [0.6, 0.01])
def test_filters_solve_their_system_and_answer_with_mean_0_and_variance_1(ridge):
    images = some_images(40, 12, 12)
    x = patch.encode(images)
    seen = patch.statistics(x)
    targets = patch.targets(x, Task(np.arange(40) % 2, 2, 8, ridge, 0, "auto"))
    filters = patch.solve(seen, targets, ridge)
    covariance = seen.gram / 2**18 / seen.count - np.outer(seen.mean, seen.mean)
    assert np.allclose(np.einsum("ji,ik,jk->j", filters.w, covariance, filters.w), 1)
    assert np.allclose(filters.bias, filters.w @ seen.mean)
    back = filters.w @ (covariance + ridge * np.trace(covariance) / 36 * np.eye(36))
    for row, wanted in zip(back, targets, strict=True):
        scale = (row @ wanted) / (wanted @ wanted)
        assert scale > 0 and np.allclose(row, scale * wanted)


def test_filters_use_the_integers_they_have():
    seen = patch.statistics(patch.encode(some_images(30, 12, 12)))
    targets = np.random.default_rng(0).normal(size=(4, 36))
    targets[1] = 0
    filters = patch.solve(seen, targets, 0.6)
    assert not filters.w[1].any() and filters.bias[1] == 0
    e = math.floor(patch.room_of(filters))
    longest = math.sqrt((filters.w**2).sum(axis=1).max())
    assert longest * 2**e < patch.LONGEST < longest * 2 ** (e + 1)


def test_a_filter_that_rounding_makes_too_long_gets_half_the_integers():
    # 36 elements of 3861.6 are shorter than the bound, of 3862 longer.
    filters = patch.Filters(np.full((4, 36), 3861.6 / 2**12), np.zeros(4))
    assert math.floor(patch.room_of(filters)) == 12
    w, bias = patch.integers(filters)
    assert (w.exponent, bias.exponent) == (11, 20)
    assert np.array_equal(w.data, np.full((4, 36), 1931)) and not bias.data.any()


def test_features_follow_integers_place_by_place():
    random = np.random.default_rng(2)
    x = patch.encode(some_images(3, 9, 11))
    x[2] = 0
    w = random.integers(-900, 900, (4, 36)).astype(np.int16)
    bias = random.integers(-9000, 9000, 4).astype(np.int32)
    layer = Layer("patch", 4, 99, 0.6, 0.4, 0)
    arrays = {b"W1  ": Array(w, 5), b"B1  ": Array(bias[None], 14)}
    threshold = math.floor(0.4 * 2**14 + 0.5)
    found = patch.features(layer, arrays, x)
    assert found.shape == (3, 32 * 4)
    for image, features in zip(x, found, strict=True):
        sums = np.zeros((4, 4, 8), int)
        counts = np.zeros((4, 4), int)
        edges = [[(2 * k * p + 4) // 8 for k in range(5)] for p in (4, 6)]
        for row in range(4):
            for column in range(6):
                r = next(k for k in range(4) if row < edges[0][k + 1])
                c = next(k for k in range(4) if column < edges[1][k + 1])
                counts[r, c] += 1
                seen = [int(v) for v in image[row : row + 6, column : column + 6].ravel()]
                for j in range(4):
                    z = sum(int(a) * b for a, b in zip(w[j], seen, strict=True)) - int(bias[j])
                    sums[r, c, j] += max(z - threshold, 0)
                    sums[r, c, 4 + j] += max(-z - threshold, 0)
        means = (sums // counts[:, :, None]).ravel()
        scale = np.float32(512) / np.sqrt(np.float32(means.sum()))
        wanted = [math.floor(float(np.sqrt(np.float32(mean)) * scale) + 0.5) for mean in means]
        assert features.tolist() == wanted
    assert np.abs((found[:2].astype(float) ** 2).sum(axis=1) - 2**18).max() < 2**14


def test_mirror_features_are_of_filters_and_mirrored_ones_folded_in_the_middle():
    random = np.random.default_rng(3)
    x = patch.encode(some_images(3, 11, 17))
    w = random.integers(-900, 900, (4, 36)).astype(np.int16)
    bias = random.integers(-9000, 9000, 4).astype(np.int32)
    layer = Layer("mirror", 4, 187, 0.6, 0.4, 0)
    arrays = {b"W1  ": Array(w, 5), b"B1  ": Array(bias[None], 14)}
    found = mirror.features(layer, arrays, x)
    assert found.shape == (3, layer.features) == (3, 48 * 4)
    assert np.array_equal(mirror.features(layer, arrays, x[:, :, ::-1]), found)
    # A filter over the left half, its mirror image over the right half, whose cells are
    # those of the left as the 12 places in a row are two a cell.
    threshold = patch.threshold_of(layer, 5)
    turned = w.reshape(4, 6, 6)[:, :, ::-1].reshape(4, 36)
    means = [patch.pooled(x, one, bias, threshold, POOLINGS["mirror"]) for one in (w, turned)]
    own, other = (a[:, :, :3] + b[:, :, 5:2:-1] for a, b in (means, means[::-1]))
    every = np.concatenate([own[..., :4], other[..., :4], own[..., 4:], other[..., 4:]], axis=3)
    for features, sums in zip(found, every.reshape(3, -1), strict=True):
        scale = np.float32(512) / np.sqrt(np.float32(sums.sum()))
        roots = np.sqrt(sums.astype(np.float32)) * scale
        assert np.array_equal(features, np.floor(roots.astype(float) + 0.5))


def test_an_image_without_responses_has_features_of_zero():
    layer = Layer("patch", 4, 81, 0.6, 0.4, 0)
    nothing = {
        b"W1  ": Array(np.zeros((4, 36), np.int16), 9),
        b"B1  ": Array(np.zeros((1, 4), np.int32), 18),
    }
    assert not patch.features(layer, nothing, patch.encode(some_images(2, 9, 9))).any()


@pytest.mark.parametrize("count", range(4, 60))
def test_the_cells_of_the_grid_share_the_places_evenly(count):
    edges = patch.borders(count, 4)
    sizes = np.diff(edges)
    assert (edges[0], edges[-1]) == (0, count)
    assert np.ptp(sizes) <= 1 and sizes.min() >= 1


# --- The kernel class layer ----------------------------------------------------------------------


@given(st.integers(-(2**18), 2**18 + 2**16))
def test_powers_are_the_fourth_power_rounded_down_twice(u):
    found = int(class_kernel.powers(np.array([u]))[0])
    exact = (Fraction(u, 2**18) + 1) ** 4 / 16 * 2**30
    assert exact - 4 < found <= exact


def test_a_power_of_1_is_1_and_others_than_those_of_unit_length_are_refused():
    assert class_kernel.powers(np.array([2**18]))[0] == 2**30
    for u in (-(2**18) - 1, 2**18 + 2**16 + 1):
        with pytest.raises(DataError):
            class_kernel.powers(np.array([0, u]))


def unit_rows(n: int, m: int, seed: int) -> np.ndarray:
    """Features int16 (n, m) of length 512, none below 0."""
    real = np.abs(np.random.default_rng(seed).normal(size=(n, m)))
    return np.round(512 * real / np.sqrt((real**2).sum(axis=1, keepdims=True))).astype(np.int16)


def full_kernel(f, g, k, strength):
    """The kernel between all (row, label) data of features f and g, written out: the products of
    the features, and strength^2 k where the labels are the same."""
    phi = ((1 + f.astype(float) @ g.T / 2**18) / 2) ** 4
    return np.kron(phi, np.ones((k, k))) + strength**2 * k * np.kron(np.ones(phi.shape), np.eye(k))


def full_kernel_outputs(f, y, k, strength, ridge, rows, asked):
    """Outputs (len(asked), neuron, label) of kernel ridge regression on all positive and negative
    data of f, by the plain dual solution. rows: how many rows the targets count."""
    class_targets = rows / (k * np.bincount(y, minlength=k))
    targets = np.zeros((len(f) * k, k))
    for i, label in enumerate(y):
        targets[i * k + label, label] = class_targets[label]
    system = full_kernel(f, f, k, strength) + ridge * k * np.eye(len(f) * k)
    solution = np.linalg.solve(system, targets)
    outputs = full_kernel(asked, f, k, strength) @ solution
    return outputs.reshape(len(asked), k, k).transpose(0, 2, 1)


@pytest.mark.parametrize("ridge", [0.003, 0.3])
def test_the_kernel_layer_solves_the_regression_over_all_data(ridge):
    k, s, y = 3, 0.2, np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 1])
    f, asked = unit_rows(10, 30, 0), unit_rows(4, 30, 1)
    layer = KernelProblem(f, y, k, s).solve(ridge)
    phi = ((1 + asked.astype(float) @ f.T / 2**18) / 2) ** 4
    found = (phi @ layer.w.T)[:, :, None] + layer.v
    # Products are rounded to 2^-30, which a small ridge multiplies.
    wanted = full_kernel_outputs(f, y, k, s, ridge, 10, asked)
    assert np.allclose(found, wanted, atol=1e-6)


def test_the_system_depends_neither_on_labels_nor_on_the_number_of_classes():
    f = unit_rows(8, 20, 0)
    two = KernelProblem(f, np.arange(8) % 2, 2, 0.2).system(0.03)
    four = KernelProblem(f, np.arange(8) % 4, 4, 0.2).system(0.03)
    assert np.array_equal(two, four)
    more = KernelProblem(unit_rows(9, 20, 0), np.arange(9) % 2, 2, 0.2).system(0.03)
    assert np.array_equal(KernelProblem(f[:5], np.arange(5) % 2, 2, 0.2).system(0.03), two[:5, :5])
    assert more.shape == (9, 9)


@pytest.mark.parametrize("shift", [21, 24, 17])
def test_goodness_of_the_kernel_layer_follows_integers(shift):
    random = np.random.default_rng(0)
    f, rows = unit_rows(3, 20, 1), unit_rows(7, 20, 2)
    alpha = random.integers(-32767, 32768, (2, 7)).astype(np.int16)
    v = random.integers(-(2**20), 2**20, (2, 2)).astype(np.int32)
    arrays = {b"ROWS": Array(rows, 9), b"W2  ": Array(alpha, 12), b"V2  ": Array(v, 42 - shift)}
    found = class_kernel.goodness(arrays, f)
    for image, good in zip(f, found, strict=True):
        outputs = []
        for weights in alpha:
            total = 0
            for row, weight in zip(rows, weights, strict=True):
                u = sum(int(a) * int(b) for a, b in zip(image, row, strict=True))
                squared = (u + 2**18) ** 2 >> 8
                total += int(weight) * (squared * squared >> 30)
            outputs.append(total >> shift)
        for label in (0, 1):
            wanted = sum(max(0, z + int(v[c, label])) ** 2 for c, z in enumerate(outputs))
            assert good[label] == wanted


@settings(max_examples=60)
@given(st.integers(1, 3000), st.floats(1e-4, 50), st.floats(1e-3, 100))
def test_the_integers_of_a_kernel_layer_leave_room_for_the_sum_of_all_rows(rows, size, label):
    """Exponents are the largest at which alpha fits int16 and, were all products of features as
    large as they may be, an output with its label weight int64's room for goodness."""
    random = np.random.default_rng(rows)
    alpha = np.vstack([random.normal(size=rows), np.ones(rows)]) * size
    v = np.array([[label, -label], [0, label / 2]])
    found = class_kernel.integers(class_layer.ClassLayer(alpha, v))
    assert np.array_equal(found.w2, np.round(np.ldexp(alpha, found.e)))
    assert np.abs(np.ldexp(alpha, found.e + 1)).max() > 32767 or found.e == 40
    assert np.abs(found.v2 - np.ldexp(v, found.v_exponent)).max() <= 0.5

    def most(v_exponent):
        total = max(sum(abs(int(a)) for a in row) for row in found.w2) * 1719926784
        output = total >> 30 + found.e - v_exponent
        return output + int(np.ldexp(label, v_exponent))

    assert most(found.v_exponent) < 7e8
    assert (
        most(found.v_exponent + 1) > 699_999_980
        or found.v_exponent == found.e + 9
        or np.ldexp(label, found.v_exponent + 1) >= 2**28
    )


def test_an_output_too_large_for_exact_squares_is_refused():
    z, v = np.array([[699_999_990, 0]]), np.array([[9, 0], [0, 0]], np.int32)
    assert class_layer.goodness_of(z, v)[0, 0] == 699_999_999**2
    with pytest.raises(DataError, match="700000000"):
        class_layer.goodness_of(z + 1, v)


# --- Leave-one-out -------------------------------------------------------------------------------


def full_linear_outputs(f, y, k, strength, ridge_abs, rows, asked):
    """As full_kernel_outputs(), for the linear layer; ridge_abs: lambda in absolute terms."""
    class_targets = rows / (k * np.bincount(y, minlength=k))

    def data(f):
        labels = np.tile(np.eye(k), (len(f), 1))
        return np.hstack([np.repeat(f / 512, k, axis=0), strength * labels])

    x, targets = data(f), np.zeros((len(f) * k, k))
    for i, label in enumerate(y):
        targets[i * k + label, label] = class_targets[label]
    system = x.T @ x + ridge_abs * np.eye(x.shape[1])
    outputs = data(asked) @ np.linalg.solve(system, x.T @ targets)
    return outputs.reshape(len(asked), k, k).transpose(0, 2, 1)


def retrained(problem, f, y, k, group, ridge, strength):
    """Goodness of each image by training without it and its copies, with the ridge and the
    sum of the targets that they have with it."""
    rows, m = f.shape
    found = []
    for i in range(rows // group):
        left_out = (np.arange(rows) // group) == i
        rest, asked = ~left_out, f[i * group : i * group + 1]
        if problem is KernelProblem:
            outputs = full_kernel_outputs(f[rest], y[rest], k, strength, ridge, rows, asked)
        else:
            ridge_abs = ridge * k * rows * (1 + strength**2) / (m + k)
            outputs = full_linear_outputs(f[rest], y[rest], k, strength, ridge_abs, rows, asked)
        found.append((np.maximum(outputs[0], 0) ** 2).sum(axis=0))
    return np.array(found)


@pytest.mark.parametrize("group", [1, 2, 4])
@pytest.mark.parametrize(
    ("problem", "m"), [(KernelProblem, 15), (LinearProblem, 8), (LinearProblem, 60)]
)
@pytest.mark.parametrize(("k", "ridge"), [(2, 0.03), (3, 0.3)])
def test_leave_one_out_is_training_without_the_image_and_its_copies(problem, m, group, k, ridge):
    """On the data of all rows and labels, written out; classes of 2, 3, ... images."""
    y = np.repeat(np.concatenate([np.full(2 + c, c) for c in range(k)]), group)
    y = np.roll(y, group)  # not in the order of the classes
    f = unit_rows(len(y), m, seed=group)
    for i in range(0, len(y), group):  # copies are like their image
        f[i + 1 : i + group] = np.abs(
            f[i] + np.random.default_rng(i).integers(-9, 10, (group - 1, m))
        )
    found = problem(f, y, k, 0.3, group=group).leave_one_out(ridge)
    wanted = retrained(problem, f, y, k, group, ridge, 0.3)
    assert np.allclose(found.goodness, wanted, atol=2e-7)
    assert np.array_equal(found.labels, wanted.argmax(axis=1))
    assert found.slack.min() > 0


def test_leaving_out_one_copy_would_say_too_much():
    """Why whole groups: an image is easily known by its copies."""
    samples = shapes.samples(2, 3)
    images, labels = reference.rows_of(samples, 5)
    f = reference.encode(images)
    alone = KernelProblem(f, labels, 5, 0.5).leave_one_out(0.03).labels == labels
    together = KernelProblem(f, labels, 5, 0.5, group=6).leave_one_out(0.03).labels
    assert alone.mean() > (together == samples.labels).mean() + 0.1


def test_the_only_image_of_a_class_cannot_be_known_without_it():
    samples = shapes.samples(3, 0)
    chosen = (samples.labels != 0) | (np.cumsum(samples.labels == 0) == 1)
    few = Samples(samples.class_names, samples.images[chosen], samples.labels[chosen])
    for network in ("uff_kernel", "uff1"):
        model = reference.train(few, Options(network=network, hidden=8, copies=2))
        left_out = model.array("LOO")[0]
        assert few.counts()[0] == 1 and (left_out[few.labels == 0] != 0).all()


def test_the_kernel_s_lambda_is_chosen_by_leave_one_out():
    samples = shapes.samples(4, 0)
    model = reference.train(samples, Options(network="kernel", lambda2="loo"))
    right = {}
    for ridge in (0.003, 0.01, 0.03, 0.1):
        one = reference.train(samples, Options(network="kernel", lambda2=ridge))
        assert one.loo_correct is not None
        right[reference.snap(ridge)] = one.loo_correct
    assert right[model.class_layer.ridge] == max(right.values()) == model.loo_correct


# --- All of it -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "network", ["uff_conv", "uff_kernel", "uff_mirror", "kernel", "contrast+kernel"]
)
def test_every_network_learns_drawn_glyphs(network):
    model = reference.train(shapes.samples(20, 0), Options(network=network))
    test = shapes.samples(40, 1)
    right = reference.predict(reference.infer(model, test.images)) == test.labels
    assert right.mean() > 0.9
    assert model.fitted_correct / model.n_images > 0.95
    assert model.network == network


@pytest.mark.parametrize("network", ["uff_conv", "uff_kernel", "uff_mirror", "uff1", "uff2"])
def test_labels_are_those_of_images_and_copies_teach(network):
    """Two drawings of each: with copies of them more unseen ones are known."""
    few, test = shapes.samples(2, 5), shapes.samples(60, 1)
    right = {}
    for count in (0, 8):
        model = reference.train(few, Options(network=network, copies=count))
        assert model.array("FIT").shape == model.array("LOO").shape == (1, len(few))
        assert model.n_rows == len(few) * (1 + count)
        right[count] = (
            reference.predict(reference.infer(model, test.images)) == test.labels
        ).mean()
    assert right[8] > right[0]


def test_a_kept_layer_is_used_as_it_is():
    first = reference.train(shapes.samples(6, 0), Options(network="uff_conv", hidden=8))
    samples = shapes.samples(3, 1)
    kept = layer_alone(first)
    model = reference.train(samples, Options(network="uff_kernel"), layer1=kept)
    assert model.kept and model.layers[0] == first.layers[0]
    assert np.array_equal(model.array("W1"), first.array("W1"))
    features = reference.class_features(first, samples.images)
    assert np.array_equal(model.array("ROWS"), features)
    small = Samples(["a", "b"], some_images(4, 12, 12), np.arange(4).astype(np.uint8) % 2)
    for trained, options in (
        (samples, Options(network="uff2")),
        (samples, Options(network="kernel")),
        (samples, Options(network="uff_conv", hidden=16)),
        (small, Options(network="uff_conv")),
    ):
        with pytest.raises(DataError, match=r"Layer 1|layer as its first"):
            reference.train(trained, options, layer1=kept)


@settings(max_examples=10)
@given(st.permutations(range(8)))
def test_the_patch_statistics_do_not_know_the_order_of_the_images(order):
    x = patch.encode(some_images(8))
    found = patch.statistics(x[list(order)])
    assert np.array_equal(found.gram, patch.statistics(x).gram)


def test_training_says_what_it_cannot_use():
    samples = shapes.samples(2, 0)
    small = Samples(["a", "b"], some_images(4, 8, 9), np.arange(4).astype(np.uint8) % 2)
    blank = Samples(["a", "b"], np.zeros((4, 9, 9), np.uint8), small.labels)
    grey = Samples(["a", "b"], np.full((4, 9, 9), 7, np.uint8), small.labels)
    many = Samples(
        ["a", "b"], np.zeros((600, 9, 9), np.uint8), np.arange(600).astype(np.uint8) % 2
    )
    for trained, options, says in (
        (samples, Options(network="uff3"), "uff_kernel"),
        (samples, Options(network="uff_conv", hidden=6), "multiple of 4"),
        (samples, Options(network="uff_conv", hidden=68), "64"),
        (samples, Options(copies=16), "15"),
        (samples, Options(copies=-1), "15"),
        (many, Options(network="uff1", copies=14), "8191"),
        (small, Options(network="uff_conv"), "9 or more"),
        (blank, Options(network="uff_kernel"), "blank"),
        (grey, Options(network="uff_kernel"), "blank"),
        (blank, Options(network="uff2"), "blank"),
    ):
        with pytest.raises(DataError, match=says):
            reference.train(trained, options)
