"""Training and inference: the layers of a network, one after the other.

A new kind of layer is a file of this package and a line in FEATURE_LAYERS or CLASS_LAYERS.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from uff_host.errors import DataError
from uff_host.formats.model import MAX_COPIES, MAX_ROWS, POOLINGS, Array, Layer, Model
from uff_host.formats.model_arrays import layer_alone
from uff_host.formats.networks import Kinds, kinds_of
from uff_host.formats.samples import MAX_CLASSES, Samples
from uff_host.reference import class_kernel, class_linear, contrast, encoding, mirror, patch
from uff_host.reference.arithmetic import Form, Int16, Int64, UInt8, crc, snap
from uff_host.reference.class_layer import ClassLayerModule, ClassProblem, predict
from uff_host.reference.copies import with_copies
from uff_host.reference.feature_layer import FeatureLayer, Fitted, Task

FEATURE_LAYERS: dict[str, FeatureLayer] = {
    "contrast": contrast,
    "patch": patch,
    "mirror": mirror,
}
CLASS_LAYERS: dict[str, ClassLayerModule] = {"linear": class_linear, "kernel": class_kernel}

PIXEL_STRENGTH, STRENGTH = 0.5, 0.2  # of the label beside pixels, and beside features


@dataclass
class Options:
    """What train.py takes; None stands for the network's own default."""

    network: str = "uff2"
    hidden: int | None = None
    strength: float | None = None
    lambda1: float | None = None
    lambda2: float | Literal["loo"] | None = None
    seed: int = 0
    form: Form = "auto"
    statistics: bool = False
    leave_one_out: bool = True
    copies: int = 0


def train(samples: Samples, options: Options | None = None, layer1: Model | None = None) -> Model:
    """Train as train.py does, but with float64 where the device has float32.

    layer1: holds a feature layer that is kept as it is; then the class layer alone is trained.

    Raises:
        DataError: There are too few or too many images or classes, all images are blank, or
            layer1 does not fit.
    """
    options = options or Options()
    kinds = kinds_of(options.network)
    _check(samples, options, kinds)
    if layer1:
        _check_kept(samples, options, kinds, layer1)
    images, labels = rows_of(samples, options.copies)
    model = Model(
        height=samples.height,
        width=samples.width,
        copies=options.copies,
        n_images=len(samples),
        seed=options.seed,
        class_names=list(samples.class_names),
        layers=[],
        fitted_correct=0,
        loo_correct=None,
        kept=layer1 is not None,
    )
    *first, last = kinds
    f = encoded(kinds, images)
    statistics: dict[bytes, Array] = {}
    for kind in first:
        fitted = _kept(layer1) if layer1 else _fitted(kind, f, labels, model, options)
        model.layers.append(fitted.layer)
        model.arrays |= fitted.weights
        statistics |= fitted.statistics
        f = FEATURE_LAYERS[kind].features(fitted.layer, fitted.weights, f)
    statistics |= _train_class_layer(last, f, labels, samples.labels, model, options)
    if options.statistics:
        model.arrays |= statistics
    return model


def _kept(layer1: Model) -> Fitted:
    """The feature layer of another model, as it is."""
    return Fitted(replace(layer1.layers[0]), layer_alone(layer1).arrays, {})


def _fitted(kind: str, f: Int16, labels: UInt8, model: Model, options: Options) -> Fitted:
    """A feature layer, fitted to the features below it, (rows, features)."""
    module = FEATURE_LAYERS[kind]
    task = Task(
        labels=labels,
        classes=len(model.class_names),
        outputs=options.hidden or module.HIDDEN,
        ridge=snap(options.lambda1 or module.LAMBDA),
        seed=options.seed,
        form=options.form,
    )
    return module.fit(f, task)


def _train_class_layer(
    kind: str,
    f: Int16,
    labels: UInt8,
    image_labels: UInt8,
    model: Model,
    options: Options,
) -> dict[bytes, Array]:
    """Adds the class layer, and what it says of the images it learnt from; its statistics.

    Args:
        f: Features of the images, each followed by its copies, (rows, features).
        labels: Of the rows; image_labels: of the images.
    """
    classes, below = CLASS_LAYERS[kind], model.layers[0].kind if model.layers else None
    k, group = len(model.class_names), 1 + options.copies
    strength = snap(options.strength or (STRENGTH if below else PIXEL_STRENGTH))
    dual = classes.uses_dual(options.form, *f.shape)
    square = classes.square_of(f, dual)
    problem = classes.problem(f, labels, k, strength, group=group)
    model.lambda_chosen = options.lambda2 == "loo"
    if options.lambda2 == "loo":
        ridge = problem.best_lambda()
    else:
        ridge = snap(options.lambda2 or classes.LAMBDA[below])
    model.layers.append(Layer(kind, k, f.shape[1], ridge, strength, crc(square), dual))
    model.arrays |= classes.kept(f) | classes.integers(problem.solve(ridge)).arrays
    fitted_labels = predict(classes.goodness(model.arrays, f[::group]))
    model.arrays[b"FIT "] = Array(fitted_labels[None])
    model.fitted_correct = int((fitted_labels == image_labels).sum())
    if options.leave_one_out or model.lambda_chosen:
        left_out = problem.leave_one_out(ridge).labels
        model.arrays[b"LOO "] = Array(left_out[None])
        model.loo_correct = int((left_out == image_labels).sum())
    return classes.statistics(f, labels, k, square) if options.statistics else {}


def _check(samples: Samples, options: Options, kinds: Kinds) -> None:
    k, n = len(samples.class_names), len(samples)
    if not 2 <= k <= MAX_CLASSES:
        raise DataError(f"{k} classes: training needs 2 to {MAX_CLASSES}.")
    if min(samples.counts()) == 0:
        name = samples.class_names[samples.counts().index(0)]
        raise DataError(f"The class {name} has no image: training needs one of every class.")
    if not 0 <= options.copies <= MAX_COPIES:
        raise DataError(f"{options.copies} copies: 0 to {MAX_COPIES} of each image are possible.")
    if n * (1 + options.copies) > MAX_ROWS:
        raise DataError(
            f"{n} images with {options.copies} copies each: the exact sums of {MAX_ROWS} rows "
            "fit into int32."
        )
    by = POOLINGS.get(kinds[0])
    if by and min(samples.height, samples.width) < by.least_side:
        raise DataError(
            f"Images of {samples.height}x{samples.width}: a {kinds[0]} layer wants sides of "
            f"{by.least_side} or more."
        )


def _check_kept(samples: Samples, options: Options, kinds: Kinds, layer1: Model) -> None:
    layer = layer1.feature_layer
    if layer is None or layer.kind != kinds[0]:
        kind = layer.kind if layer else "no feature"
        raise DataError(f"Network {options.network} cannot keep a {kind} layer as its first one.")
    if (layer1.height, layer1.width) != (samples.height, samples.width):
        raise DataError(
            f"Layer 1 is for images of {layer1.height}x{layer1.width}, "
            f"these are {samples.height}x{samples.width}."
        )
    if options.hidden not in (None, layer.outputs):
        raise DataError(f"Layer 1 has {layer.outputs} outputs, {options.hidden} are asked for.")


def rows_of(samples: Samples, copies: int) -> tuple[UInt8, npt.NDArray[np.uint8]]:
    """All rows of a training: the images, each with its copies behind it, and their labels."""
    images = with_copies(samples.images, copies) if copies else samples.images
    return images, np.repeat(samples.labels, 1 + copies)


def encoded(kinds: Kinds, images: UInt8) -> Int16:
    """What the first layer of a network sees of images."""
    first = FEATURE_LAYERS.get(kinds[0])
    return first.encode(images) if first else encoding.encode(images)


def class_features(model: Model, images: UInt8) -> Int16:
    """What the class layer of `model` sees of uint8 (n, height, width): int16 (n, f)."""
    return features_of(model, encoded(model.kinds, images))


def features_of(model: Model, x: Int16) -> Int16:
    """What the class layer of `model` sees of encoded images, by the model's integers: (n, f)."""
    layer = model.feature_layer
    return FEATURE_LAYERS[layer.kind].features(layer, model.arrays, x) if layer else x


def class_problem(model: Model, f: Int16, labels: npt.NDArray[np.uint8]) -> ClassProblem:
    """The problem that the class layer of `model` solved, over rows of features."""
    layer = model.class_layer
    return CLASS_LAYERS[layer.kind].problem(
        f, labels, model.n_classes, layer.parameter, group=1 + model.copies
    )


def class_goodness(model: Model, f: Int16) -> Int64:
    """Goodness int64 (n, k) of every label, of features int16 (n, f), by the model's integers."""
    return CLASS_LAYERS[model.class_layer.kind].goodness(model.arrays, f)


def infer(model: Model, images: UInt8) -> Int64:
    """Goodness int64 (n, k) of every label of uint8 (n, height, width), as the device computes it.

    Raises:
        DataError: The images have another shape than the model's.
    """
    if images.shape[1:] != (model.height, model.width):
        raise DataError(
            f"The images are {images.shape[1]}x{images.shape[2]}, "
            f"the model is for {model.height}x{model.width}."
        )
    return class_goodness(model, class_features(model, images))
