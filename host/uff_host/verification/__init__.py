"""Checks what a target did: the same training in numpy, integers bit for bit, reals within bounds.

What is exact on every machine (copies, encoding, Gram matrices, features from the model's own
weights, every prediction) must be equal. Where the device solves in float32 and this in float64,
bounds hold; how they were measured stands beside them, in a file for each kind of layer. They are
in steps: one unit of a stored integer weight. They let pass what float32 may do, so a change of a
weight by a step or two can pass where larger ones cannot.
"""

from __future__ import annotations

from collections.abc import Callable

from uff_host import progress
from uff_host import reference as ref
from uff_host.formats.model import Layer, Model
from uff_host.formats.model_arrays import layer_alone
from uff_host.formats.predictions import unpack_predictions
from uff_host.formats.samples import Samples
from uff_host.progress import OnProgress, Steps
from uff_host.reference import training
from uff_host.reference.arithmetic import Int16
from uff_host.verification import classes, contrast, kernel, linear, patch
from uff_host.verification.case import Case
from uff_host.verification.report import Check, Report

__all__ = ["Check", "Report", "verify"]

# The checks of a layer over what it sees, for each kind
_CHECKS: dict[str, Callable[[Layer, Int16, Case], None]] = {
    "contrast": contrast.check,
    "patch": patch.check,
    "mirror": patch.check,
    "linear": linear.check,
    "kernel": kernel.check,
}


def verify(
    samples: Samples,
    model: Model,
    test: Samples | None = None,
    predictions: bytes | None = None,
    on_progress: OnProgress = progress.ignore,
    layer1: Model | None = None,
) -> Report:
    """Compare a model with the samples it was trained on, and predictions with the model.

    Checks that need what a failed one promised are left out. Of a feature layer that was kept,
    its own training is not checked; layer1 holds what it must be.

    Raises:
        DataError: The samples, or the weights of the model, cannot have been trained with.
        FormatError: The predictions file has another size than the test samples ask for.
    """
    report = Report()
    steps = Steps(5, on_progress)
    if not _fits(samples, model, report):
        return report
    images, labels = ref.rows_of(samples, model.copies)
    case = Case(samples, model, labels, report)
    x = training.encoded(model.kinds, images)
    steps.next("Layer 1 in float64")
    if layer1 is not None or model.kept:
        _kept(model, layer1, report)
    if model.feature_layer and not model.kept:
        _CHECKS[model.feature_layer.kind](model.feature_layer, x, case)
        steps.next("Features")
    x = ref.features_of(model, x)
    steps.next("Class layer in float64")
    _CHECKS[model.class_layer.kind](model.class_layer, x, case)
    steps.next("Predictions")
    classes.fitted(x[:: 1 + model.copies], case)
    if test is not None and predictions is not None:
        _predictions(test, model, predictions, report)
    steps.next("Done")
    return report


def _fits(samples: Samples, model: Model, report: Report) -> bool:
    shape, wanted = (samples.height, samples.width), (model.height, model.width)
    report.add("image shape", shape == wanted, "{}x{}".format(*wanted), "{}x{}".format(*shape))
    names = ", ".join(model.class_names)
    same = samples.class_names == model.class_names
    report.add("classes", same, names, ", ".join(samples.class_names))
    n = len(samples)
    report.add("images", model.n_images == n, f"{model.n_images}", f"{n} in the samples file")
    each = bool(n) and min(samples.counts()) > 0
    report.add("images of each class", each, f"{samples.counts()}", "at least 1")
    return report.ok


def _kept(model: Model, layer1: Model | None, report: Report) -> None:
    """That layer 1 came from elsewhere and, where it is known, from there."""
    if layer1 is None or not model.kept:
        report.equal("layer 1", "kept" if model.kept else "trained", "kept")
        return
    own, wanted = layer_alone(model), layer_alone(layer1)
    report.equal("layer 1, how it was trained", own.layers, wanted.layers)
    for tag, array in wanted.arrays.items():
        found = own.arrays.get(tag)
        name = f"layer 1, {tag.decode().strip()}"
        if found is None or found.data.shape != array.data.shape:
            shape = "none" if found is None else f"{found.data.shape}"
            report.add(name, False, shape, f"{array.data.shape}")
            continue
        wrong = int((found.data != array.data).sum())
        ok = wrong == 0 and found.exponent == array.exponent
        report.add(
            name,
            ok,
            f"{wrong} differ, exponent {found.exponent}",
            f"0 of {array.data.size}, exponent {array.exponent}",
        )


def _predictions(test: Samples, model: Model, data: bytes, report: Report) -> None:
    theirs = unpack_predictions(data, len(test), model.n_classes)
    good = ref.infer(model, test.images)
    report.differ("predicted labels", int((theirs.labels != ref.predict(good)).sum()), len(test))
    report.differ("goodness of every label", int((theirs.goodness != good).sum()), good.size)
