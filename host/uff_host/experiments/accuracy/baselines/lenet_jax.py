"""The network of lenet.py trained by backpropagation with Adam, in JAX and optax.

Convolutions are products with a matrix of patches: inside a loop XLA takes ten times as long for
its own convolution on a CPU.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from jax import lax, random

from uff_host.experiments.accuracy.baselines.baseline import Float32, Labels, one_hot
from uff_host.experiments.accuracy.baselines.lenet import (
    BORDER,
    FILTER,
    GROUP,
    POOL,
    Setting,
    layers,
)

PART = 250  # images in one call

Array = Any  # jax.Array, which mypy does not follow
Weights = list[tuple[Array, Array]]  # of each layer (inputs, outputs), and biases

OPTIMIZER = optax.inject_hyperparams(optax.adam)(learning_rate=0.0)


def train(
    setting: Setting, x: Float32, labels: Labels, classes: int, seed: int, *, mirror: bool
) -> Weights:
    """The network after all steps of a setting, on images x (n, height, width) and labels (n,).

    `seed` draws first weights, batches, dropout and distortions. mirror: whether every other
    distorted image is mirrored too.
    """
    start, noise = random.split(random.key(seed))
    weights = first_weights(
        start, [(a.inputs, a.outputs) for a in layers(x.shape[1], x.shape[2], classes)]
    )
    state = OPTIMIZER.init(weights)
    even = np.float32(setting.smoothing / classes)
    targets = one_hot(labels, classes) * np.float32(1 - setting.smoothing) + even
    steps = setting.steps(len(x))
    rates = np.asarray(optax.cosine_decay_schedule(setting.rate, steps)(np.arange(steps)))
    fixed = {"dropout": setting.dropout}
    if setting.distortion:
        fixed |= vars(setting.distortion) | {"mirror": mirror}
    given = {name: np.float32(value) for name, value in fixed.items()}
    order = _order(len(x), steps * setting.batch, seed).reshape(steps, setting.batch)
    for first in range(0, steps, GROUP):
        chosen, part = order[first : first + GROUP], rates[first : first + GROUP]
        key = random.fold_in(noise, first)
        weights, state = _steps(weights, state, (x[chosen], targets[chosen], part), key, given)
    return weights


def outputs(weights: Weights, x: Float32) -> Float32:
    """Before the softmax: images (n, height, width) -> (n, classes)."""
    parts = -(-len(x) // PART)
    padded = np.zeros((parts * PART, *x.shape[1:]), np.float32)
    padded[: len(x)] = x
    found = [np.asarray(_outputs(weights, part)) for part in np.split(padded, parts)]
    result: Float32 = np.concatenate(found)[: len(x)]
    return result


def first_weights(key: Array, sizes: Sequence[tuple[int, int]]) -> Weights:
    """Normal weights of He's deviation for the layers with ReLU, zeros for the biases."""
    gains = [2.0] * (len(sizes) - 1) + [1.0]
    keys = random.split(key, len(sizes))
    return [
        (random.normal(key, size) * np.float32(np.sqrt(gain / size[0])), jnp.zeros(size[1]))
        for key, size, gain in zip(keys, sizes, gains, strict=True)
    ]


def loss(weights: Weights, x: Array, targets: Array, mask: Array) -> Array:
    """Mean cross-entropy of a batch."""
    return optax.softmax_cross_entropy(forward(weights, x, mask), targets).mean()


def forward(weights: Weights, x: Array, mask: Array | float = 1.0) -> Array:
    """Before the softmax: images (n, height, width) -> (n, classes).

    mask: what the maxima of the second layer are multiplied by.
    """
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = weights
    framed = jnp.pad(x, ((0, 0), (BORDER, BORDER), (BORDER, BORDER)))[..., None]
    h = jax.nn.relu(_pooled(_filtered(framed, w1)) + b1)
    h = jax.nn.relu(_pooled(_filtered(h, w2)) + b2)
    h = jax.nn.relu((h.reshape(len(x), -1) * mask) @ w3 + b3)
    return h @ w4 + b4


def _filtered(x: Array, filters: Array) -> Array:
    """x (n, height, width, channels) by filters (9 channels, outputs), without padding."""
    n, height, width, _ = x.shape
    down, across = height - FILTER + 1, width - FILTER + 1
    patches = jnp.concatenate(
        [
            x[:, i : i + down, j : j + across]
            for i, j in itertools.product(range(FILTER), repeat=2)
        ],
        axis=-1,
    )
    found = patches.reshape(n * down * across, -1) @ filters
    return found.reshape(n, down, across, -1)


def _pooled(x: Array) -> Array:
    """The maximum of 2x2 places; an odd last row or column is left out."""
    n, height, width, channels = x.shape
    down, across = height // POOL, width // POOL
    cut = x[:, : down * POOL, : across * POOL]
    return cut.reshape(n, down, POOL, across, POOL, channels).max(axis=(2, 4))


def distorted(key: Array, x: Array, how: dict[str, Array]) -> Array:
    """Each image (n, height, width) by an affine map of its own, bilinear, 0 outside.

    `how` has the fields of Distortion, and mirror.
    """
    n, height, width = x.shape
    draws = random.uniform(key, (7, n, 1), minval=-1, maxval=1)
    rotation, shear = draws[0] * how["rotation"], draws[1] * how["shear"]
    across, down = (1 + draw * how["scale"] for draw in draws[2:4])
    mirror = jnp.where((draws[4] < 0) & (how["mirror"] > 0), -1, 1)
    cosine, sine = jnp.cos(rotation), jnp.sin(rotation)
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    places = np.mgrid[:height, :width].reshape(2, -1).astype(np.float32)
    v, u = places[0] - middle_y, (places[1] - middle_x) * mirror
    # from a place of the new image to one of the old: rotation x shear x scale, then shift
    u, v = across * u + shear * down * v, down * v
    u, v = cosine * u - sine * v, sine * u + cosine * v
    return _bilinear(
        x,
        v + middle_y + draws[5] * how["shift"],
        u + middle_x + draws[6] * how["shift"],
    )


def _bilinear(x: Array, rows: Array, columns: Array) -> Array:
    """Values at places (n, height width) of images that are 0 beyond their edges."""
    n, height, width = x.shape
    stride = width + 3
    flat = jnp.pad(x, ((0, 0), (1, 2), (1, 2))).reshape(n, -1)
    rows, columns = jnp.clip(rows, -1, height) + 1, jnp.clip(columns, -1, width) + 1
    top, left = jnp.floor(rows), jnp.floor(columns)
    below, right = rows - top, columns - left
    corner = (top * stride + left).astype(jnp.int32)

    def at(offset: int) -> Array:
        return jnp.take_along_axis(flat, corner + offset, axis=1)

    upper = at(0) * (1 - right) + at(1) * right
    lower = at(stride) * (1 - right) + at(stride + 1) * right
    return (upper * (1 - below) + lower * below).reshape(x.shape)


def _order(n: int, wanted: int, seed: int) -> npt.NDArray[np.intp]:
    """Numbers of images, (wanted,): each once before one comes again."""
    chance = np.random.default_rng([seed, 0x434E4E])
    return np.concatenate([chance.permutation(n) for _ in range(-(-wanted // n))])[:wanted]


def _many_steps(
    weights: Weights,
    state: Any,
    batches: tuple[Array, Array, Array],
    key: Array,
    fixed: dict[str, Array],
) -> tuple[Weights, Any]:
    """A group of steps. batches: images, targets and rate of each."""

    def step(carried: tuple[Weights, Any], given: Any) -> tuple[tuple[Weights, Any], None]:
        weights, state = carried
        (x, targets, rate), key = given
        warp_key, mask_key = random.split(key)
        if "mirror" in fixed:
            x = distorted(warp_key, x, fixed)
        kept = 1 - fixed["dropout"]
        mask = random.bernoulli(mask_key, kept, (len(x), len(weights[2][0]))) / kept
        gradient = jax.grad(loss)(weights, x, targets, mask)
        state = state._replace(hyperparams=state.hyperparams | {"learning_rate": rate})
        changes, state = OPTIMIZER.update(gradient, state, weights)
        return (optax.apply_updates(weights, changes), state), None

    keys = random.split(key, GROUP)
    (weights, state), _ = lax.scan(step, (weights, state), (batches, keys))
    return weights, state


_steps = jax.jit(_many_steps)
_outputs = jax.jit(forward)
