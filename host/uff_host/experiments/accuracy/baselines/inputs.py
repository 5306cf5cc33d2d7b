"""The forms in which baselines get their pixels. All are float32 (n, pixels), nothing is cut off.

A baseline may have what µFF has (square roots at unit length) and what µFF does not have (pixels
standardised by the training images); each is tried where it helps.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from uff_host.experiments.accuracy.baselines.baseline import Float32, Pixels, Split

Form = Literal["raw", "encoded", "centred", "standardised"]


def inputs(split: Split, form: Form) -> tuple[Float32, Float32]:
    """Training and test inputs, float32 (n, pixels) each, with a mean square of about 1 or below.

    raw: p / 255. encoded: sqrt(p), each image scaled to length sqrt(pixels), which is what a
    gradient with Adam wants; closed forms do not mind a scale. centred: encoded, less the mean of
    each pixel. standardised: centred, then divided by the deviation of each pixel.
    """
    train_pixels, test_pixels = (
        images.reshape(len(images), -1) for images in (split.train_images, split.test_images)
    )
    if form == "raw":
        return _raw(train_pixels), _raw(test_pixels)
    train, test = _encoded(train_pixels), _encoded(test_pixels)
    if form == "encoded":
        return train, test
    mean = train.mean(axis=0)
    train, test = train - mean, test - mean
    if form == "standardised":
        # 0.3 of an average pixel: one that is almost always black is not blown up
        deviation = train.std(axis=0) + np.float32(0.3)
        train, test = train / deviation, test / deviation
    return train, test


def _raw(pixels: Pixels) -> Float32:
    return pixels.astype(np.float32) / np.float32(255)


def _encoded(pixels: Pixels) -> Float32:
    """A blank image is all zeros."""
    roots = np.sqrt(np.arange(256, dtype=np.float32))[pixels]
    total = pixels.sum(axis=1, keepdims=True, dtype=np.int64)
    scale = np.sqrt(pixels.shape[1] / np.maximum(total, 1)).astype(np.float32)
    scaled: Float32 = roots * scale
    return scaled
