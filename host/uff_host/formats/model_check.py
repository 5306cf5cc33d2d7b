"""The checks of a model: each field by itself, the layers, and the arrays against both."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from uff_host.errors import FormatError
from uff_host.formats.model import (
    MAX_COPIES,
    MAX_ROWS,
    MOST_IMAGES,
    MOST_SQUARES,
    POOLINGS,
    IntArray,
    Layer,
    Model,
    image_part,
    inputs_of,
)
from uff_host.formats.model_arrays import TYPECODES, expected_arrays
from uff_host.formats.networks import CLASS_KINDS, is_network
from uff_host.formats.samples import MAX_CLASSES, MAX_SIDE, MIN_SIDE

LEAST, MOST = 2.0**-20, 2.0**20  # of lambdas and parameters: more than any training takes
MAX_NEURONS = 4096  # of a contrast layer
# Squares of the rows of a feature layer, added up: below this
ROW_BOUNDS = {"contrast": 2**30 + 1, "patch": 2**29, "mirror": 2**29}

Need = Callable[[bool, str], None]


def check(model: Model, what: str) -> None:
    """Every field by itself, then the layers, then the arrays against both.

    Raises:
        FormatError: Something does not fit; `what` names the model in the sentence.
    """

    def need(condition: bool, sentence: str) -> None:
        if not condition:
            raise FormatError(f"{what}: {sentence}")

    alone = model.is_feature_layer
    need(
        is_network(model.kinds) or (alone and len(model.layers) == 1),
        f"layers {', '.join(model.kinds)}: wanted a feature layer or none, then a class layer.",
    )
    if alone:
        need(not model.class_names, f"a feature layer alone with {model.n_classes} classes.")
        need(
            not (model.n_images or model.copies or model.fitted_correct)
            and not (model.lambda_chosen or model.kept)
            and model.loo_correct is None,
            "a feature layer alone, but fields of a whole network are set.",
        )
    else:
        least = 1 if model.alone else 2
        need(least <= model.n_classes <= MAX_CLASSES, f"{model.n_classes} classes cannot be.")
        need(model.n_images > 0, "it was trained on no image.")
    need(
        not model.kept or model.feature_layer is not None,
        "its feature layer was kept, but it has none.",
    )
    need(
        min(model.height, model.width) >= MIN_SIDE
        and max(model.height, model.width) <= MAX_SIDE
        and image_part(model.height, model.width) > 0,
        f"images of {model.height}x{model.width} leave no pixels beside the label pixels.",
    )
    need(0 <= model.copies <= MAX_COPIES, f"{model.copies} copies, wanted 0 to {MAX_COPIES}.")
    if model.version == 3:
        _check_merged(model, need)
    need(
        model.n_rows <= MAX_ROWS or model.version == 3,
        f"{model.n_images} images with {model.copies} copies are {model.n_rows} rows, "
        f"wanted {MAX_ROWS} at most.",
    )
    for correct in (model.fitted_correct, model.loo_correct or 0):
        need(0 <= correct <= model.n_images, f"{correct} of {model.n_images} images correct.")
    inputs = inputs_of(model.kinds[0], model.height, model.width)
    for layer in model.layers:
        _check_layer(layer, inputs, model, need)
        inputs = layer.features
    _check_arrays(model, need)
    feature = model.feature_layer
    if feature:
        _check_rows("W1", model.array("W1"), ROW_BOUNDS[feature.kind] - 1, need)
        if feature.kind in POOLINGS:
            _check_filters(model, feature, need)
    if b"ROWS" in model.arrays:
        rows = model.array("ROWS")
        need(int(rows.min()) >= 0, "array b'ROWS' holds features below 0.")
        _check_rows("ROWS", rows, MOST_SQUARES, need)
    if not alone:
        more = 9 if model.alone else model.exponent("V2") - model.exponent("W2")
        # A kernel layer's sums of alpha and phi are shifted right by 30 - more.
        fits = -33 <= more <= 30 if model.class_layer.kind == "kernel" else more == 9
        need(fits, "the exponents of W2 and V2 do not belong together.")


def _check_merged(model: Model, need: Need) -> None:
    """The fields of a file of version 3."""
    need(
        not (model.copies or model.seed or model.fitted_correct or model.lambda_chosen)
        and model.loo_correct is None,
        "statistics were merged, but fields of a training are set.",
    )
    need(
        model.class_layer.kind == "linear" and not model.class_layer.dual,
        "statistics are merged of a linear class layer in primal form.",
    )
    need(
        model.kept == (model.feature_layer is not None),
        "a feature layer beside merged statistics must have been kept.",
    )
    need(model.n_images <= MOST_IMAGES, f"{model.n_images} images, wanted {MOST_IMAGES} at most.")
    need(
        not model.scaled or (model.alone and model.n_images > MAX_ROWS),
        f"statistics of {model.n_images} images, not alone or not many, are scaled down.",
    )
    if b"OFFS" in model.arrays:
        need(model.has_statistics, "there are offsets without statistics.")


def _check_layer(layer: Layer, inputs: int, model: Model, need: Need) -> None:
    kind, is_class = layer.kind, layer.kind in CLASS_KINDS
    need(layer.inputs == inputs, f"the {kind} layer has {layer.inputs} inputs, wanted {inputs}.")
    if is_class:
        need(
            layer.outputs == model.n_classes,
            f"the {kind} layer has {layer.outputs} outputs for {model.n_classes} classes.",
        )
    else:
        need(layer.outputs > 0, f"the {kind} layer has no neurons.")
        need(
            kind != "contrast" or 2 <= layer.outputs <= MAX_NEURONS,
            f"a contrast layer of {layer.outputs} neurons: wanted 2 to {MAX_NEURONS}.",
        )
    need(
        LEAST <= layer.ridge <= MOST,
        f"lambda of the {kind} layer is {layer.ridge}, it must be {LEAST:g} to {MOST:g}.",
    )
    if kind == "contrast":
        need(layer.parameter == 0, f"the contrast layer has a parameter of {layer.parameter}.")
    else:
        name = "strength" if is_class else "threshold"
        need(
            LEAST <= layer.parameter <= MOST,
            f"{name} of the {kind} layer is {layer.parameter}, it must be {LEAST:g} to {MOST:g}.",
        )
    if by := POOLINGS.get(kind):
        need(
            min(model.height, model.width) >= by.least_side,
            f"images of {model.height}x{model.width}: a {kind} layer wants sides of "
            f"{by.least_side} or more.",
        )
        need(
            layer.outputs % 4 == 0 and 4 <= layer.outputs <= by.most,
            f"a {kind} layer of {layer.outputs} filters: wanted a multiple of 4 "
            f"from 4 to {by.most}.",
        )
        need(not layer.dual, f"a {kind} layer has no dual form.")
    if kind == "kernel":
        need(layer.dual, "a kernel layer has no primal form.")


def _check_arrays(model: Model, need: Need) -> None:
    wanted = expected_arrays(model)
    extra = sorted(set(model.arrays) - set(wanted))
    missing = sorted(set(wanted) - set(model.arrays))
    need(not extra, f"it holds {extra}, which this network does not have.")
    need(not missing, f"it lacks {missing}.")
    for tag, (code, exponent, rows, columns) in wanted.items():
        stored = model.arrays[tag]
        need(
            stored.data.shape == (rows, columns),
            f"array {tag!r} is {stored.data.shape}, wanted {(rows, columns)}.",
        )
        need(
            TYPECODES.get(stored.data.dtype.newbyteorder("<")) == code,
            f"array {tag!r} is of type {stored.data.dtype}, wanted {code}.",
        )
        need(
            exponent is None or stored.exponent == exponent,
            f"array {tag!r} has exponent {stored.exponent}, wanted {exponent}.",
        )
    for tag in (b"FIT ", b"LOO "):
        if tag in model.arrays:
            need(
                int(model.arrays[tag].data.max()) < model.n_classes,
                f"array {tag!r} holds a label that no class has.",
            )
    if b"CNT " in model.arrays:
        counts = model.arrays[b"CNT "].data
        total = int(counts.sum(dtype=np.int64))
        merged = model.version == 3
        need(
            int(counts.min()) >= 0 and (total == model.n_images if merged else total <= MAX_ROWS),
            f"it counts {counts[0].tolist()} images of its classes, wanted "
            + (f"{model.n_images}." if merged else f"{MAX_ROWS} at most."),
        )
    if b"OFFS" in model.arrays:
        _check_offsets(model, need)


def _check_offsets(model: Model, need: Need) -> None:
    offsets = [int(value) for value in model.array("OFFS")[0]]
    need(any(offsets), "its offsets are all 0.")
    for c, (offset, count) in enumerate(zip(offsets, model.array("CNT")[0], strict=True)):
        need(
            0 <= c * int(count) + offset < MAX_CLASSES * max(int(count), 1),
            f"an offset of {offset} for {count} images cannot be.",
        )


def _check_rows(tag: str, rows: IntArray, most: int, need: Need) -> None:
    real = rows.astype(np.float64)  # sums of squares are exact in it
    longest = int(np.einsum("ij,ij->i", real, real).max())
    need(
        longest <= most,
        f"a row of {tag} has a length of {math.sqrt(longest):.0f}, "
        f"wanted {math.sqrt(most):.0f} at most.",
    )


def _check_filters(model: Model, layer: Layer, need: Need) -> None:
    e = model.exponent("W1")
    need(-10 <= e <= 20, f"W1 of a {layer.kind} layer has exponent {e}, wanted -10 to 20.")
    need(model.exponent("B1") == e + 9, "the exponents of W1 and B1 do not belong together.")
    largest = int(np.abs(model.array("B1").astype(np.int64)).max())
    need(largest < 2**24, f"a bias of {largest} in B1, wanted less than {2**24}.")
    threshold = math.ldexp(layer.parameter, e + 9)
    need(threshold < 2**24, f"a threshold of {threshold:.0f}, wanted less than {2**24}.")
    if b"NUM1" in model.arrays:
        counted = int(model.array("NUM1")[0, 0])
        need(counted > 0, f"{counted} patches were counted, wanted 1 or more.")
