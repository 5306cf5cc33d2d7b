"""Variants of `uff_kernel` that were tried and left, beside it as it is built:

    .venv/bin/python host/tools/kernel_variants.py --images 300 --draws 3

Fashion-MNIST, classes 0 to 4 or others, in float32. It trains on draws of the training pool but
for its last 1,000 images a class, and tests on those: no test image is looked at. Prints the mean
accuracy on them, the difference to the network as built with the standard deviation of that
difference, and leave-one-out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from uff_host.datasets import fashion_mnist
from uff_host.datasets.splits import draw, interleave
from uff_host.formats.samples import Samples
from uff_host.reference import patch
from uff_host.reference.class_kernel import LAMBDA
from uff_host.reference.feature_layer import Task

ASKED = 1000  # images of a class that are tested on
FIRST_SEED = 1000  # other draws than those of the table
STRENGTH = 0.2  # of the label
UNIT = np.float32(1 / 512)
BATCH = 128

Real = npt.NDArray[Any]  # float32
Phi = Callable[[Real], Real]  # of inner products
Features = tuple[Real, Real]  # of the images that are learnt and asked: (n, m), (t, m)


def split(
    images: fashion_mnist.FashionMnist, ids: list[int], each: int, seed: int
) -> tuple[Samples, Samples]:
    """Images to learn from and to be asked about, both of the training pool."""
    names = [fashion_mnist.CLASS_NAMES[c] for c in ids]
    pools = [images.pool(c) for c in ids]
    learnt = [
        draw(pool[:-ASKED], each, FIRST_SEED + seed, c) for c, pool in zip(ids, pools, strict=True)
    ]
    return interleave(learnt, names), interleave([pool[-ASKED:] for pool in pools], names)


# ---- features ----


def filters(samples: Samples, seed: int, count: int = 32, ridge: float = 0.6) -> patch.Filters:
    """Those of a patch layer."""
    x = patch.encode(samples.images)
    task = Task(samples.labels, len(samples.class_names), count, ridge, seed, "auto")
    return patch.solve(patch.statistics(x), patch.targets(x, task), ridge)


def pooled(
    images: npt.NDArray[np.uint8],
    by: patch.Filters,
    threshold: float = 0.4,
    grid: int = 4,
    columns: int | None = None,
    power: float = 1.0,
    contrast: float = 0.0,
) -> Real:
    """Means (n, grid, columns or grid, 2 filters) of what passes the threshold, raised to a power.

    contrast: responses are divided by the deviation of the patch and this, in units of the mean
    deviation; 0 leaves that out.
    """
    w, bias = by.w.astype(np.float32), by.bias.astype(np.float32)
    found = []
    for i in range(0, len(images), BATCH):
        x = patch.encode(images[i : i + BATCH])
        side = x.shape[1] - patch.SIDE + 1
        patches = np.ascontiguousarray(patch.patches(x)).reshape(-1, patch.SIZE) * UNIT
        z = patches @ w.T - bias
        if contrast:
            deviation = patches.std(axis=1, keepdims=True)
            mean = deviation.mean()
            z *= (1 + contrast) * mean / (deviation + contrast * mean)
        z = z.reshape(len(x), side, side, -1)
        passed = np.maximum(np.concatenate([z - threshold, -z - threshold], axis=3), 0) ** power
        down, across = (patch.borders(side, count) for count in (grid, columns or grid))
        cells = np.add.reduceat(np.add.reduceat(passed, down[:-1], 1), across[:-1], 2)
        area = np.outer(np.diff(down), np.diff(across))
        found.append((cells / area[:, :, None]).astype(np.float32))
    return np.concatenate(found)


def unit(f: Real) -> Real:
    """Rows of length 1."""
    lengths = np.linalg.norm(f, axis=1, keepdims=True)
    return np.asarray(f / np.maximum(lengths, np.float32(1e-9)))


def flat(means: Real, root: float = 0.5) -> Real:
    """Features of pooled means: a root, unit length."""
    return unit(means.reshape(len(means), -1) ** np.float32(root))


def beside(first: Real, second: Real, weight: float) -> Real:
    """Both, the second of another length."""
    return unit(np.hstack([first, np.float32(weight) * second]))


def small(images: npt.NDArray[np.uint8]) -> Real:
    """The encoded images at half their size, as features."""
    n, height, width = images.shape
    x = patch.encode(images).astype(np.float32).reshape(n, height // 2, 2, width // 2, 2)
    return unit(x.mean(axis=(2, 4)).reshape(n, -1))


def overlapping(means: Real) -> Real:
    """Of an 8 x 8 grid the means of 4 x 4 windows that lie half over one another, with the
    weights 1 3 3 1."""
    windows = np.zeros((4, 8), np.float32)
    for cell in range(4):
        for offset, weight in enumerate((1, 3, 3, 1)):
            if 0 <= (at := 2 * cell - 1 + offset) < 8:
                windows[cell, at] = weight
    windows /= windows.sum(axis=1, keepdims=True)
    return np.asarray(np.einsum("ia,jb,nabc->nijc", windows, windows, means, optimize=True))


def with_mirrored(by: patch.Filters) -> patch.Filters:
    """The filters, then their mirror images."""
    turned = by.w.reshape(-1, patch.SIDE, patch.SIDE)[:, :, ::-1].reshape(by.w.shape)
    return patch.Filters(np.concatenate([by.w, turned]), np.concatenate([by.bias, by.bias]))


def folded(images: npt.NDArray[np.uint8], by: patch.Filters, grid: int, columns: int) -> Real:
    """Features of images together with their mirror images, by filters and mirrored ones."""
    both = with_mirrored(by)
    own, mirrored = (
        pooled(each, both, grid=grid, columns=columns) for each in (images, images[:, :, ::-1])
    )
    return flat((own + mirrored)[:, :, : columns // 2])


def blocks(means: Real, part: float) -> Real:
    """Features whose cells are divided by a power of their own lengths."""
    f = np.sqrt(means)
    length = np.maximum(np.linalg.norm(f, axis=3, keepdims=True), np.float32(1e-6))
    return unit((f / length ** np.float32(part)).reshape(len(f), -1))


# ---- class layer ----


def power(degree: int) -> Phi:
    """((1 + u)/2)^degree."""
    return lambda u: ((1 + u) / 2) ** degree


def learnt(
    square: Real, asked: Real, labels: npt.NDArray[np.intp], truth: npt.NDArray[np.intp]
) -> tuple[float, float]:
    """Accuracy, and by leave-one-out, of the class layer on kernel matrices (n, n), (t, n)."""
    n, k = len(labels), int(labels.max()) + 1
    ridge = LAMBDA["patch"]
    inverse: npt.NDArray[Any] = np.linalg.inv(
        square.astype(np.float64) + STRENGTH**2 + ridge * np.eye(n)
    )
    counts = np.bincount(labels, minlength=k)
    targets = np.eye(k)[labels] * (n / (k * counts)) / k
    alpha = inverse @ targets
    left_out = targets - alpha / np.diag(inverse)[:, None]
    share = STRENGTH**2 / (STRENGTH**2 * n + ridge) * n / k
    v = share * (np.eye(k) - 1 / k) + STRENGTH**2 * alpha.sum(axis=0)[:, None]
    good = (np.maximum((asked @ alpha)[:, :, None] + v, 0) ** 2).sum(axis=1)
    return float((good.argmax(1) == truth).mean()), float((left_out.argmax(1) == labels).mean())


# ---- variants ----


class Variant(NamedTuple):
    """features(): computed when it is called; labels: None for those of the images learnt."""

    name: str
    features: Callable[[], Features]
    phi: Phi
    labels: npt.NDArray[np.intp] | None = None


def variants(learn: Samples, ask: Samples, seed: int) -> Iterator[Variant]:
    """The network as built, then each variant of it."""

    def of(how: Callable[[npt.NDArray[np.uint8]], Real]) -> Callable[[], Features]:
        return lambda: (how(learn.images), how(ask.images))

    def each(how: Callable[[Real], Real], given: Features) -> Callable[[], Features]:
        return lambda: (how(given[0]), how(given[1]))

    by, built = filters(learn, seed), power(4)
    means = of(lambda images: pooled(images, by))()
    f = flat(means[0]), flat(means[1])
    yield Variant("as built", lambda: f, built)

    def other_filters(**changed: Any) -> Callable[[], Features]:
        return of(lambda images: flat(pooled(images, filters(learn, **{"seed": seed} | changed))))

    def other_threshold(threshold: float) -> Callable[[], Features]:
        return of(lambda images: flat(pooled(images, by, threshold)))

    yield Variant("other filters (another seed)", other_filters(seed=seed + 77), built)
    for degree in (2, 8):
        yield Variant(f"degree {degree}", lambda: f, power(degree))
    for root in (0.3, 0.7):
        how = partial(flat, root=root)
        yield Variant(f"power {root} instead of the root", each(how, means), built)
    for part in (0.5, 1.0):
        how = partial(blocks, part=part)
        yield Variant(f"cells divided by their length^{part:g}", each(how, means), built)
    mean, deviation = f[0].mean(axis=0), f[0].std(axis=0)
    yield Variant("less the mean, degree 2", each(lambda one: unit(one - mean), f), power(2))
    scale = 1 / np.sqrt(deviation + deviation.mean() / 4)
    yield Variant("divided by root of deviation", each(lambda one: unit(one * scale), f), built)
    for threshold in (0.2, 0.6):
        yield Variant(f"threshold {threshold}", other_threshold(threshold), built)
    yield Variant(
        "mean of roots, power 0.8",
        of(lambda images: flat(pooled(images, by, power=0.5), 0.8)),
        built,
    )
    yield Variant(
        "contrast of each patch normalised",
        of(lambda images: flat(pooled(images, by, contrast=1.0))),
        built,
    )
    yield Variant("lambda1 = 0.1", other_filters(ridge=0.1), built)
    yield Variant("64 filters", other_filters(count=64), built)
    yield Variant(
        "20 filters, grid of 5 x 5",
        of(lambda images: flat(pooled(images, filters(learn, seed, 20), grid=5))),
        built,
    )
    yield Variant(
        "cells that overlap",
        of(lambda images: flat(overlapping(pooled(images, by, grid=8)))),
        built,
    )
    yield Variant(
        "grid of 2 x 2 beside it",
        of(lambda images: beside(flat(pooled(images, by)), flat(pooled(images, by, grid=2)), 0.6)),
        built,
    )
    yield Variant(
        "14 x 14 pixels beside it",
        of(lambda images: beside(flat(pooled(images, by)), small(images), 0.4)),
        built,
    )

    def mirrored_too(grid: int, columns: int) -> Callable[[], Features]:
        return of(
            lambda images: folded(images, filters(learn, seed, 16), grid=grid, columns=columns)
        )

    for grid, columns in ((4, 4), (4, 6), (6, 6)):
        name = f"16 filters, mirrored too, {grid} x {columns} folded"
        yield Variant(name, mirrored_too(grid, columns), built)

    def with_mirrored_images() -> Features:
        mirrored = flat(pooled(learn.images[:, :, ::-1], by))
        return np.concatenate([f[0], mirrored]), f[1]

    twice = np.concatenate([learn.labels, learn.labels]).astype(np.intp)
    yield Variant("mirrored images too", with_mirrored_images, built, twice)


def main() -> None:
    """Print a line for each variant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=300, help="of each class")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--class-ids", default="0,1,2,3,4")
    parser.add_argument("--only", default="", help="variants whose name holds this")
    options = parser.parse_args()
    images = fashion_mnist.load()
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(options.draws):
        ids = [int(number) for number in options.class_ids.split(",")]
        learn, ask = split(images, ids, options.images, seed)
        truth = ask.labels.astype(np.intp)
        for one in variants(learn, ask, seed):
            if options.only not in one.name and one.name != "as built":
                continue
            f, g = one.features()
            own = learn.labels.astype(np.intp) if one.labels is None else one.labels
            scores = learnt(one.phi(f @ f.T), one.phi(g @ f.T), own, truth)
            found.setdefault(one.name, []).append(scores)
    built = np.array(found["as built"])
    for name, figures in found.items():
        these = np.array(figures)
        gain = these[:, 0] - built[:, 0]
        spread = gain.std(ddof=1) if len(gain) > 1 else 0.0
        print(
            f"{name:44} {these[:, 0].mean():.4f} {gain.mean():+.4f} ± {spread:.4f}  "
            f"leave-one-out {these[:, 1].mean():.4f}"
        )


if __name__ == "__main__":
    main()
