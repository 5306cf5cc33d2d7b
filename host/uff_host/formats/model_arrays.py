"""The arrays of a model: tags, types, exponents and shapes, which follow from its layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from uff_host.formats.model import MAX_ROWS, PATCH, Layer, Model
from uff_host.formats.networks import FEATURE_KINDS

DTYPES = {"h": "<i2", "i": "<i4", "q": "<i8", "B": "u1"}  # by typecode
TYPECODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}

SUMMED_IMAGES = 2**21  # of which class sums fit int32: a feature is 573 at most

# tag -> (typecode, exponent or None for any, rows, columns)
Wanted = dict[bytes, tuple[str, int | None, int, int]]


def packed(order: int) -> int:
    """Elements of a packed lower triangle."""
    return order * (order + 1) // 2


def _contrast_arrays(layer: Layer, rows: int) -> tuple[Wanted, Wanted]:
    order = rows if layer.dual else layer.inputs
    return (
        {b"W1  ": ("h", 14, layer.outputs, layer.inputs)},
        {b"GRM1": ("i", 18, 1, packed(order))},
    )


def _patch_arrays(layer: Layer, rows: int) -> tuple[Wanted, Wanted]:
    return (
        {b"W1  ": ("h", None, layer.outputs, PATCH), b"B1  ": ("i", None, 1, layer.outputs)},
        {
            b"GRM1": ("i", 18, 1, packed(PATCH)),
            b"SUM1": ("i", 9, 1, PATCH),
            b"NUM1": ("i", 0, 1, 1),
        },
    )


def _linear_arrays(layer: Layer, rows: int) -> tuple[Wanted, Wanted]:
    k, order = layer.outputs, rows if layer.dual else layer.inputs
    return (
        {b"W2  ": ("h", None, k, layer.inputs), b"V2  ": ("i", None, k, k)},
        {
            b"GRAM": ("i", 18, 1, packed(order)),
            b"SUMS": ("i", 9, k, layer.inputs),
            b"CNT ": ("i", 0, 1, k),
        },
    )


def _kernel_arrays(layer: Layer, rows: int) -> tuple[Wanted, Wanted]:
    k = layer.outputs
    return (
        {
            b"ROWS": ("h", 9, rows, layer.inputs),
            b"W2  ": ("h", None, k, rows),
            b"V2  ": ("i", None, k, k),
        },
        {b"GRAM": ("i", 30, 1, packed(rows)), b"CNT ": ("i", 0, 1, k)},
    )


# The arrays of each kind of layer: its weights, and its statistics
_ARRAYS: dict[str, Callable[[Layer, int], tuple[Wanted, Wanted]]] = {
    "contrast": _contrast_arrays,
    "patch": _patch_arrays,
    "mirror": _patch_arrays,
    "linear": _linear_arrays,
    "kernel": _kernel_arrays,
}


def scale_of(images: int) -> tuple[int, int]:
    """Bits by which (Gram matrix, class sums) of so many images are scaled down to fit int32.

    As many as make 2^bits times 8,191 images, or 2^21, so that what is left has as many bits as
    the sums of a training may have.
    """
    gram = sums = 0
    while images > MAX_ROWS << gram:
        gram += 1
    while images > SUMMED_IMAGES << sums:
        sums += 1
    return gram, sums


def _merged_arrays(model: Model) -> Wanted:
    """Those of a file of version 3."""
    wanted: Wanted = {}
    if model.feature_layer:
        wanted |= _ARRAYS[model.feature_layer.kind](model.feature_layer, 0)[0]
    weights, statistics = _linear_arrays(model.class_layer, 0)
    if not model.alone:
        wanted |= weights
        if b"NOTE" in model.arrays:
            wanted[b"NOTE"] = ("B", 0, 1, model.arrays[b"NOTE"].data.size)
    if model.has_statistics or model.alone:
        wide = model.n_images > MAX_ROWS and not model.scaled
        bits = scale_of(model.n_images) if model.scaled else (0, 0)
        for tag, by in zip((b"GRAM", b"SUMS"), bits, strict=True):
            _, exponent, rows, columns = statistics[tag]
            assert exponent is not None
            statistics[tag] = ("q" if wide else "i", exponent - by, rows, columns)
        wanted |= statistics
    if b"OFFS" in model.arrays:
        wanted[b"OFFS"] = ("q", 0, 1, model.n_classes)
    return wanted


def expected_arrays(model: Model) -> Wanted:
    """What `model` must hold, in the order of the file."""
    if model.version == 3:
        return _merged_arrays(model)
    weights: Wanted = {}
    statistics: Wanted = {}
    for layer in model.layers:
        its_weights, its_statistics = _ARRAYS[layer.kind](layer, model.n_rows)
        weights |= its_weights
        held = model.has_statistics
        if layer.kind in FEATURE_KINDS:
            held = b"GRM1" in model.arrays and not model.kept
        if held and not model.is_feature_layer:
            statistics |= its_statistics
    labels: Wanted = {}
    if b"FIT " in model.arrays and not model.is_feature_layer:
        labels[b"FIT "] = ("B", 0, 1, model.n_images)
    if model.loo_correct is not None:
        labels[b"LOO "] = ("B", 0, 1, model.n_images)
    if b"NOTE" in model.arrays:
        labels[b"NOTE"] = ("B", 0, 1, model.arrays[b"NOTE"].data.size)
    return weights | labels | statistics


def layer_alone(model: Model) -> Model:
    """The feature layer of a network that has one, as a model that can be written.

    It tells neither of images nor of seeds, and has no note.
    """
    assert model.feature_layer is not None
    layer = replace(model.feature_layer)
    weights, _ = _ARRAYS[layer.kind](layer, 0)
    return Model(
        height=model.height,
        width=model.width,
        copies=0,
        n_images=0,
        seed=0,
        class_names=[],
        layers=[layer],
        fitted_correct=0,
        loo_correct=None,
        arrays={tag: model.arrays[tag] for tag in weights},
    )
