"""Checks that both class layers share: exponent, weights, leave-one-out, counts."""

from __future__ import annotations

import numpy as np

from uff_host.formats.model import Layer, Model
from uff_host.reference import class_layer, training
from uff_host.reference.arithmetic import Int16
from uff_host.reference.class_layer import ClassLayer, ClassProblem
from uff_host.verification.case import ROUNDING, Case
from uff_host.verification.report import Report

# Leave-one-out goodness is about 1 for a sure label. Where a label differed, float64 saw the two
# labels at most 0.008 apart (9 images in all); from 250 images on less than 0.0001. An image whose
# divisor is near 0 multiplies the error of float32, once by its size and once by its own error.
LOO_TIE, LOO_FLOAT32 = 0.02, 1e-5
# Weights so near to the limit of an exponent may have the next one.
NEARLY_ONE = (1 - 1e-4, 1.0, 1 + 1e-4)
V_PART = 2.0**-21  # a few roundings of a label weight itself


def weights(
    layer: Layer,
    model: Model,
    report: Report,
    solved: ClassLayer,
    float32: float,
    v_float32: float,
) -> None:
    """Compare exponents and integer weights.

    float32: what it may add to the rounding of w2, in steps; v_float32: to a label weight.
    """
    integers = training.CLASS_LAYERS[layer.kind].integers
    e, v_exponent = model.exponent("W2"), model.exponent("V2")
    near = [integers(ClassLayer(solved.w * by, solved.v * by)) for by in NEARLY_ONE]
    fits = {(one.e, one.v_exponent) for one in near}
    report.add(
        "class layer exponents",
        (e, v_exponent) in fits,
        f"{e}, {v_exponent}",
        " or ".join(sorted(f"{one}, {other}" for one, other in fits)),
    )
    off = float(np.abs(model.array("W2") - np.ldexp(solved.w, e)).max())
    report.within("class layer weights", off, ROUNDING + float32)
    wanted = np.ldexp(solved.v, v_exponent)
    off = float(np.abs(model.array("V2") - wanted).max())
    bound = ROUNDING + np.ldexp(v_float32, v_exponent) + V_PART * float(np.abs(wanted).max())
    report.within("label weights", off, bound)


def counts(case: Case) -> None:
    """Compare the rows of each class."""
    rows = [(1 + case.model.copies) * count for count in case.samples.counts()]
    if case.model.has_statistics:
        report = case.report
        report.equal("class counts", [int(n) for n in case.model.array("CNT")[0]], rows)


def leave_one_out(layer: Layer, problem: ClassProblem, case: Case) -> None:
    """Compare leave-one-out labels, but for near ties, their count, and the lambda they chose."""
    report, model, labels = case.report, case.model, case.samples.labels
    if model.loo_correct is None:
        return
    left_out = problem.leave_one_out(layer.ridge)
    theirs = model.array("LOO")[0]
    differ = theirs != left_out.labels
    rows = np.arange(len(labels))
    best = left_out.goodness[rows, left_out.labels]
    gap = best - left_out.goodness[rows, theirs]
    tie = LOO_TIE + LOO_FLOAT32 / np.maximum(left_out.slack, 1e-9) ** 2
    clear = int((differ & (gap > tie)).sum())
    report.add(
        "leave-one-out labels",
        clear == 0,
        f"{int(differ.sum())} differ, {clear} of them clearly",
        f"only near ties (goodness within {LOO_TIE:g})",
    )
    report.equal("leave-one-out count", model.loo_correct, int((theirs == labels).sum()))
    if model.lambda_chosen:
        ties = int((best - np.sort(left_out.goodness, axis=1)[:, -2] <= LOO_TIE).sum())
        best_lambda = problem.best_lambda()
        own = int((left_out.labels == labels).sum())
        right = problem.leave_one_out(best_lambda).labels == labels
        report.add(
            "lambda by leave-one-out",
            int(right.sum()) - own <= max(1, ties // 10),
            f"{layer.ridge:g}: {own} right",
            f"{best_lambda:g}: {int(right.sum())} right",
        )


def fitted(f: Int16, case: Case) -> None:
    """Compare the labels of the training images; f: int16 (n, f), without copies."""
    report, model, labels = case.report, case.model, case.samples.labels
    own = class_layer.predict(training.class_goodness(model, f))
    if b"FIT " in model.arrays:
        report.differ("fitted labels", int((model.array("FIT")[0] != own).sum()), len(own))
    report.equal("fitted count", model.fitted_correct, int((own == labels).sum()))
