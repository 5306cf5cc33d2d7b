"""Convolutional baselines: the network, its gradient, its distortions, and what they learn."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest

from uff_host.errors import DataError
from uff_host.experiments.accuracy.baselines import BASELINES, Split
from uff_host.experiments.accuracy.baselines.convolutional import scores
from uff_host.experiments.accuracy.baselines.lenet import (
    GROUP,
    Distortion,
    Setting,
    layers,
    training_macs,
)

jax = pytest.importorskip("jax", reason="JAX is not installed (`make cnn` does it)")
from jax import random  # noqa: E402

from uff_host.experiments.accuracy.baselines import lenet_jax  # noqa: E402

SIDE = 14
SHORT = Setting(1, 3 * GROUP)
STILL = Distortion(0, 0, 0, 0)


def a_split(n: int, noise: int = 60, seed: int = 0) -> Split:
    """n training images a class: a bar at the left or right edge, or two of them, in noise."""
    chance = np.random.default_rng(seed)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        images = chance.integers(0, noise, (n, 3, SIDE, SIDE))
        for label, columns in enumerate([(2,), (11,), (2, 11)]):
            for column in columns:
                images[:, label, 3:11, column] += chance.integers(100, 180, (n, 1))
        return images.reshape(-1, SIDE, SIDE).astype(np.uint8), np.tile(np.arange(3), n)

    return Split(*draw(n), *draw(40), 3)


def a_network(classes: int = 3):
    sizes = [(layer.inputs, layer.outputs) for layer in layers(SIDE, SIDE, classes)]
    return lenet_jax.first_weights(random.key(0), sizes)


def test_layers_are_those_of_the_network_and_count_its_multiply_adds():
    x = np.zeros((1, 28, 28), np.float32)
    sizes = [(layer.inputs, layer.outputs) for layer in layers(28, 28, 5)]
    assert sizes == [(9, 32), (288, 64), (2304, 128), (128, 5)]
    weights = lenet_jax.first_weights(random.key(0), sizes)

    def dots(function) -> int:
        """Multiply-adds of all matrix products that JAX sees in a function of the weights."""
        total = 0
        for equation in jax.make_jaxpr(function)(weights).jaxpr.eqns:
            if equation.primitive.name == "dot_general":
                ((contracted, _), _) = equation.params["dimension_numbers"]
                left, right = (v.aval.shape for v in equation.invars)
                inner = np.prod([left[axis] for axis in contracted])
                total += int(np.prod(left) * np.prod(right) / inner)
        return total

    forward = sum(layer.macs for layer in layers(28, 28, 5))
    assert dots(lambda w: lenet_jax.forward(w, x)) == forward
    targets = np.ones((1, 5), np.float32)
    gradient = jax.grad(lambda w: lenet_jax.loss(w, x, targets, 1.0))
    assert dots(gradient) == training_macs(28, 28, 5) == 9_300_864


def test_filters_and_maxima_are_what_they_are_called():
    chance = np.random.default_rng(0)
    x = chance.standard_normal((2, 7, 6, 3)).astype(np.float32)
    filters = chance.standard_normal((3, 3, 3, 4)).astype(np.float32)
    found = np.asarray(lenet_jax._filtered(x, filters.reshape(-1, 4)))
    expected = np.zeros((2, 5, 4, 4))
    for i, j in np.ndindex(5, 4):
        patch = x[:, i : i + 3, j : j + 3]
        expected[:, i, j] = np.einsum("nabc,abce->ne", patch, filters)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    pooled = np.asarray(lenet_jax._pooled(found))
    assert pooled.shape == (2, 2, 2, 4)
    assert pooled[1, 1, 0, 2] == found[1, 2:4, 0:2, 2].max()


def test_outputs_do_not_depend_on_how_many_images_are_asked_at_once():
    x = np.random.default_rng(0).random((lenet_jax.PART + 3, SIDE, SIDE), np.float32)
    weights = a_network()
    whole = lenet_jax.outputs(weights, x)
    assert whole.shape == (len(x), 3)
    np.testing.assert_allclose(lenet_jax.outputs(weights, x[-3:]), whole[-3:], rtol=1e-5)


def warp(x: np.ndarray, how: Distortion, *, mirror: bool = False, key: int = 0) -> np.ndarray:
    fields = dataclasses.asdict(how) | {"mirror": mirror}
    return np.asarray(lenet_jax.distorted(random.key(key), x, fields))


def an_image() -> np.ndarray:
    """20 times the same, blank at its edges."""
    image = np.zeros((20, 20), np.float32)
    image[5:15, 7:13] = np.random.default_rng(0).random((10, 6))
    return np.repeat(image[None], 20, axis=0)


def test_no_distortion_gives_the_image_and_mirror_half_of_them_mirrored():
    x = an_image()
    np.testing.assert_allclose(warp(x, STILL), x, atol=1e-6)
    found = warp(x, STILL, mirror=True)
    mirrored = [np.allclose(image, x[0, :, ::-1], atol=1e-5) for image in found]
    same = [np.allclose(image, x[0], atol=1e-5) for image in found]
    assert 3 < sum(mirrored) < 17
    assert sum(mirrored) + sum(same) == 20


@pytest.mark.parametrize("field", ["rotation", "scale", "shear", "shift"])
def test_each_distortion_does_what_it_says_and_no_more(field):
    x = an_image()
    most = {"rotation": 0.3, "scale": 0.2, "shear": 0.3, "shift": 1.5}[field]
    found = warp(x, dataclasses.replace(STILL, **{field: most}))
    assert len({image.tobytes() for image in found}) == 20
    rows, columns = np.mgrid[:20, :20] - 9.5

    def moments(image: np.ndarray) -> np.ndarray:
        """Mass; centre; covariance."""
        weight = image / image.sum()
        y, x = (weight * rows).sum(), (weight * columns).sum()
        pairs = [(rows - y) ** 2, (rows - y) * (columns - x), (columns - x) ** 2]
        return np.array([image.sum(), y, x, *[(weight * pair).sum() for pair in pairs]])

    before = moments(x[0])
    change = np.array([moments(image) for image in found]) - before
    shift = np.abs(change[:, 1:3]).max()
    if field == "shift":
        assert 1 < shift < 1.6
        np.testing.assert_allclose(change[:, 0] / before[0], 0, atol=0.01)
    else:
        assert shift < 0.4  # the centre of mass is not the middle of the image
    if field == "scale":
        assert 0.25 < np.abs(change[:, 0] / before[0]).max() < 0.6  # 0.8 to 1.2 twice
    if field in ("rotation", "shear"):
        np.testing.assert_allclose(change[:, 0] / before[0], 0, atol=0.02)
        assert change[:, 4].min() < -0.5 < 0.5 < change[:, 4].max()


@pytest.mark.parametrize("distortion", [None, Distortion(0.2, 0.1, 0.2, 1)])
def test_it_learns_and_the_seed_decides_all(distortion):
    setting = dataclasses.replace(SHORT, distortion=distortion)
    split = a_split(8, 100)
    once, again, other = (list(scores((setting,), split, seed)) for seed in (3, 3, 4))
    assert once == again
    assert once[0].setting == other[0].setting == str(setting)
    assert min(once[0].accuracy, other[0].accuracy) > 0.85
    x = split.train_images.astype(np.float32) / np.float32(255)
    nets = [
        lenet_jax.train(setting, x, split.train_labels, 3, seed, mirror=False) for seed in (3, 4)
    ]
    assert not np.allclose(nets[0][0][0], nets[1][0][0])


def test_mirrored_images_are_learnt_only_where_they_are_of_their_class():
    # left and right are the classes here: mirrored training images make them one
    setting = dataclasses.replace(SHORT, distortion=STILL)
    split = a_split(8)
    (plain,) = scores((setting,), split, 0)
    (mirrored,) = scores((setting,), dataclasses.replace(split, mirrored=True), 0)
    assert plain.accuracy > 0.9
    assert mirrored.accuracy < 0.8


def test_blank_images_break_nothing():
    images = np.zeros((6, SIDE, SIDE), np.uint8)
    split = Split(images, np.arange(6) % 3, images, np.arange(6) % 3, 3)
    (score,) = scores((dataclasses.replace(SHORT, distortion=STILL),), split, 0)
    assert score.accuracy == pytest.approx(1 / 3)


def test_small_images_get_a_sentence():
    images = np.zeros((6, 7, 20), np.uint8)
    split = Split(images, np.arange(6) % 3, images, np.arange(6) % 3, 3)
    with pytest.raises(DataError, match="7x20 are too small"):
        list(scores((SHORT,), split, 0))


def test_few_images_get_steps_enough_and_all_come_equally_often():
    assert Setting(30, 600).steps(50) == 600
    assert Setting(30, 600).steps(1500) == 2850  # 30 x 1,500 / 16 = 2,812.5, in whole fifties
    order = lenet_jax._order(10, 25, 0)
    assert sorted(order[:10]) == sorted(order[10:20]) == list(range(10))
    assert len(set(order[20:])) == 5


def test_both_baselines_say_what_they_need():
    for name in ("cnn", "cnn_aug"):
        assert BASELINES[name].needs == ("jax", "optax")
        assert BASELINES[name].missing() == []
        assert isinstance(BASELINES[name].scores, partial)
