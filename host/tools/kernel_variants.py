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
from typing import Any

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


def variants(
    learn: Samples, ask: Samples, seed: int
) -> Iterator[tuple[str, Features, Phi, npt.NDArray[np.intp] | None]]:
    """A name, features, phi, and labels where they are not those of `learn`."""

    def of(how: Callable[[npt.NDArray[np.uint8]], Real]) -> Features:
        return how(learn.images), how(ask.images)

    by, built = filters(learn, seed), power(4)
    means = of(lambda images: pooled(images, by))
    f = flat(means[0]), flat(means[1])
    yield "as built", f, built, None
    yield (
        "other filters (another seed)",
        of(lambda images: flat(pooled(images, filters(learn, seed + 77)))),
        built,
        None,
    )
    for degree in (2, 8):
        yield f"degree {degree}", f, power(degree), None
    for root in (0.3, 0.7):
        yield (
            f"power {root} instead of the root",
            (
                flat(means[0], root),
                flat(means[1], root),
            ),
            built,
            None,
        )
    for part in (0.5, 1.0):
        yield (
            f"cells divided by their length^{part:g}",
            (
                blocks(means[0], part),
                blocks(means[1], part),
            ),
            built,
            None,
        )
    mean, deviation = f[0].mean(axis=0), f[0].std(axis=0)
    yield "less the mean, degree 2", (unit(f[0] - mean), unit(f[1] - mean)), power(2), None
    scale = 1 / np.sqrt(deviation + deviation.mean() / 4)
    yield "divided by root of deviation", (unit(f[0] * scale), unit(f[1] * scale)), built, None
    for threshold in (0.2, 0.6):
        other = (pooled(one.images, by, threshold) for one in (learn, ask))
        yield f"threshold {threshold}", (flat(next(other)), flat(next(other))), built, None
    yield (
        "mean of roots, power 0.8",
        of(lambda images: flat(pooled(images, by, power=0.5), 0.8)),
        (built),
        None,
    )
    yield (
        "contrast of each patch normalised",
        of(lambda images: flat(pooled(images, by, contrast=1.0))),
        built,
        None,
    )
    yield (
        "lambda1 = 0.1",
        of(lambda images: flat(pooled(images, filters(learn, seed, ridge=0.1)))),
        built,
        None,
    )
    yield (
        "64 filters",
        of(lambda images: flat(pooled(images, filters(learn, seed, 64)))),
        built,
        None,
    )
    yield (
        "20 filters, grid of 5 x 5",
        of(lambda images: flat(pooled(images, filters(learn, seed, 20), grid=5))),
        built,
        None,
    )
    fine = of(lambda images: pooled(images, by, grid=8))
    yield (
        "cells that overlap",
        (
            flat(overlapping(fine[0])),
            flat(overlapping(fine[1])),
        ),
        built,
        None,
    )
    coarse = of(lambda images: flat(pooled(images, by, grid=2)))
    yield (
        "grid of 2 x 2 beside it",
        (
            beside(f[0], coarse[0], 0.6),
            beside(f[1], coarse[1], 0.6),
        ),
        built,
        None,
    )
    tiny = of(small)
    yield (
        "14 x 14 pixels beside it",
        (
            beside(f[0], tiny[0], 0.4),
            beside(f[1], tiny[1], 0.4),
        ),
        built,
        None,
    )
    half = filters(learn, seed, 16)
    for grid, columns in ((4, 4), (4, 6), (6, 6)):
        yield (
            f"16 filters, mirrored too, {grid} x {columns} folded",
            of(partial(folded, by=half, grid=grid, columns=columns)),
            built,
            None,
        )
    mirrored = flat(pooled(learn.images[:, :, ::-1], by))
    twice = np.concatenate([learn.labels, learn.labels]).astype(np.intp)
    yield "mirrored images too", (np.concatenate([f[0], mirrored]), f[1]), built, twice


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
        for name, (f, g), phi, labels in variants(learn, ask, seed):
            if options.only not in name and name != "as built":
                continue
            own = learn.labels.astype(np.intp) if labels is None else labels
            found.setdefault(name, []).append(learnt(phi(f @ f.T), phi(g @ f.T), own, truth))
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
