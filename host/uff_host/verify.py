"""Checks what a target did: the same training in numpy, integers bit for bit, reals within bounds.

What is exact on every machine (encoding, Gram matrices, hidden values from the model's own
weights, every prediction) must be equal. Where the device solves in float32 and this in float64,
the bounds below hold; how they were measured stands beside them. They are in steps: one unit of a
stored int16 weight. They let pass what float32 may do, so a change of a weight by a step or two
can pass where larger ones cannot.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from uff_host import progress
from uff_host import reference as ref
from uff_host.model import Model
from uff_host.predictions import unpack_predictions
from uff_host.progress import OnProgress, Steps
from uff_host.samples import Samples

# Rounding to int16 moves a weight by half a step; solving in float32 adds to it. What it adds was
# measured with the unix firmware on Fashion-MNIST (2 to 10 classes x 1 to 800 images, 3 seeds) and
# the drawn glyphs, in the form that the device chooses and in the other one.
ROUNDING = 0.5
# Layer 1: at most 0.011 steps at lambda 5, 0.1 at 0.05. The more alike the images of a pair are,
# the more of their difference is rounding.
W1_FLOAT32, W1_LAMBDA = 0.05, 5.0
# Class layer, primal: at most 0.55 steps at lambda 0.05 and 0.1, 1.3 at 0.01. With fewer images
# than features (which the device solves so only if told to) up to 11 at 0.01, growing with their
# ratio.
# Class layer, dual: at most 0.1 steps at lambda 0.05, 0.6 at 0.01, 3.5 at 0.001.
PRIMAL_FLOAT32, DUAL_FLOAT32, W2_LAMBDA = 1.5, 0.4, 0.05
# That was with exponents up to 16. Where weights are smaller (few images, many neurons) a step is
# smaller too, but not the error of float32, which goes with outputs of about 1.
W2_EXPONENT = 16
# Of the loose bound of the dual form at most 0.026 was ever used.
DUAL_SPREAD = 0.05
# One case is known to pass these bounds: images that are all the same, in different classes.
# Leave-one-out goodness is about 1 for a sure label. Where a label differed, float64 saw the two
# labels at most 0.008 apart (9 images in all); from 250 images on less than 0.0001. An image whose
# divisor is near 0 multiplies the error of float32, once by its size and once by its own error.
LOO_TIE, LOO_FLOAT32 = 0.02, 1e-5
PAIR_LIKENESS = 0.99


@dataclass
class Check:
    """One thing that was looked at: what was found, beside what is right."""

    name: str
    ok: bool
    found: str
    wanted: str


@dataclass
class Report:
    """All checks of one verification."""

    checks: list[Check] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def sentence(self) -> str:
        """What to say in one line."""
        failed = [check for check in self.checks if not check.ok]
        if not failed:
            return f"All {len(self.checks)} checks passed."
        names = ", ".join(check.name for check in failed)
        return f"{len(failed)} of {len(self.checks)} checks failed: {names}."

    def add(self, name: str, ok: bool, found: str, wanted: str) -> None:
        self.checks.append(Check(name, bool(ok), found, wanted))


def verify(
    samples: Samples,
    model: Model,
    test: Samples | None = None,
    predictions: bytes | None = None,
    on_progress: OnProgress = progress.ignore,
) -> Report:
    """Compare a model with the samples it was trained on, and predictions with the model.

    Checks that need what a failed one promised are left out.

    Raises:
        FormatError: The predictions file has another size than the test samples ask for.
    """
    report = Report()
    steps = Steps(5 if model.network == 2 else 3, on_progress)
    if not _fits(samples, model, report):
        return report
    x = ref.encode(samples.images)
    f = x
    if model.network == 2:
        _gram("layer 1", x, model.dual1, model.gram1_crc, "GRM1", model, report)
        steps.next("Layer 1 in float64")
        _contrast_layer(samples, model, x, report)
        steps.next("Hidden values")
        f = ref.hidden(x, model.array("W1"))
        _gram("class layer", f, model.dual2, model.gram2_crc, "GRAM", model, report)
    else:
        _gram("class layer", f, model.dual2, model.gram1_crc, "GRAM", model, report)
    _class_sums(samples, model, f, report)
    steps.next("Class layer in float64")
    _class_layer(samples, model, f, report)
    steps.next("Predictions")
    _fitted(samples, model, f, report)
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
    each = bool(n) and min(samples.counts()) > 0 and model.n_classes >= 2 and n <= ref.MAX_IMAGES
    report.add(
        "images of each class", each, f"{samples.counts()}", f"at least 1, {ref.MAX_IMAGES} in all"
    )
    return report.ok


def _gram(
    name: str, x: ref.Int16, dual: bool, crc: int, tag: str, model: Model, report: Report
) -> None:
    own = ref.pack_lower(ref.kernel(x) if dual else ref.gram(x))
    own_crc = zlib.crc32(own.astype("<i4").tobytes())
    what = "kernel" if dual else "Gram"
    report.add(f"{name} {what} CRC", crc == own_crc, f"{crc:08x}", f"{own_crc:08x}")
    if model.has_statistics:
        stored = model.array(tag)[0]
        wrong = int((stored != own).sum())
        report.add(f"{name} {what}", wrong == 0, f"{wrong} elements differ", f"0 of {own.size}")


def _contrast_layer(samples: Samples, model: Model, x: ref.Int16, report: Report) -> None:
    a, b = ref.pairs(samples.labels, model.n_classes, model.n_hidden, model.seed)
    w1 = model.array("W1").astype(np.float64)
    # A row of W1 times the system gives back the difference of the pair it was solved for.
    real = x.astype(np.float64)
    difference = real[a] - real[b]
    diagonal = model.lambda1 * float((real * real).sum()) / model.n_features
    back = (w1 @ real.T) @ real + diagonal * w1
    same = np.sqrt((back * back).sum(axis=1) * (difference * difference).sum(axis=1))
    likeness = (back * difference).sum(axis=1) / np.where(same == 0, 1, same)
    good = int(((likeness > PAIR_LIKENESS) | (same == 0)).sum())
    report.add(
        "pairs from the seed", good == model.n_hidden, f"{good} neurons", f"{model.n_hidden}"
    )
    exact = ref.contrast_layer(x, a, b, model.lambda1)
    length = np.sqrt((difference * difference).sum(axis=1))
    apart = length > 0  # the weights of a pair of equal images have no direction
    off = np.abs(w1 - ref.W1_UNIT * exact).max(axis=1)[apart]
    bound = np.full(len(off), W1_FLOAT32) * max(1.0, W1_LAMBDA / model.lambda1)
    bound = ROUNDING + bound * np.maximum(1, ref.UNIT / length[apart])
    report.add(
        "layer 1 weights",
        bool((off <= bound).all()),
        f"{off.max(initial=0):.3f} steps off",
        f"at most {bound.max(initial=0):.3f}",
    )


def _class_sums(samples: Samples, model: Model, f: ref.Int16, report: Report) -> None:
    if not model.has_statistics:
        return
    labels = samples.labels
    sums = np.stack([f[labels == c].sum(axis=0, dtype=np.int64) for c in range(model.n_classes)])
    wrong = int((model.array("SUMS") != sums).sum())
    report.add("class sums", wrong == 0, f"{wrong} differ", f"0 of {sums.size}")
    counts = [int(n) for n in model.array("CNT")[0]]
    report.add("class counts", counts == samples.counts(), f"{counts}", f"{samples.counts()}")


def _class_layer(samples: Samples, model: Model, f: ref.Int16, report: Report) -> None:
    problem = ref.ClassProblem(f, samples.labels, model.n_classes, model.strength)
    layer = problem.solve(model.lambda2)
    e = model.arrays[b"W2  "].exponent
    wanted_e = ref.exponent_of(layer)
    largest = float(np.abs(np.ldexp(layer.w, wanted_e)).max())
    close = abs(e - wanted_e) == 1 and (largest > 32766 or largest < 16385)
    report.add("class layer exponent", e == wanted_e or close, f"{e}", f"{wanted_e}")
    bound = ROUNDING + _class_layer_float32(model, problem)
    off = float(np.abs(model.array("W2") - np.ldexp(layer.w, e)).max())
    report.add("class layer weights", off <= bound, f"{off:.3f} steps off", f"at most {bound:.3f}")
    off = float(np.abs(model.array("V2") / ref.UNIT - np.ldexp(layer.v, e)).max())
    report.add("label weights", off <= bound, f"{off:.3f} steps off", f"at most {bound:.3f}")
    if model.loo_correct is not None:
        _leave_one_out(samples, model, problem, report)


def _class_layer_float32(model: Model, problem: ref.ClassProblem) -> float:
    """What float32 may add to the rounding of a class layer's weights, in steps."""
    e, n, f = model.arrays[b"W2  "].exponent, model.n_images, model.n_class_features
    size = max(1.0, W2_LAMBDA / model.lambda2) * 2.0 ** max(0, e - W2_EXPONENT)
    if not model.dual2:
        return PRIMAL_FLOAT32 * size * max(1.0, f / n)
    spread = DUAL_SPREAD * problem.dual_spread(model.lambda2) * 2.0**e
    return max(DUAL_FLOAT32 * size * max(1.0, f / ref.HIDDEN / 2), spread)


def _leave_one_out(
    samples: Samples, model: Model, problem: ref.ClassProblem, report: Report
) -> None:
    left_out = problem.leave_one_out(model.lambda2)
    theirs = model.array("LOO")[0]
    differ = theirs != left_out.labels
    rows = np.arange(len(samples))
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
    counted = int((theirs == samples.labels).sum())
    report.add(
        "leave-one-out count", counted == model.loo_correct, f"{model.loo_correct}", f"{counted}"
    )
    if model.lambda_chosen:
        ties = int((best - np.sort(left_out.goodness, axis=1)[:, -2] <= LOO_TIE).sum())
        best_lambda = problem.best_lambda()
        own = int((left_out.labels == samples.labels).sum())
        right = problem.leave_one_out(best_lambda).labels == samples.labels
        report.add(
            "lambda by leave-one-out",
            int(right.sum()) - own <= max(1, ties // 10),
            f"{model.lambda2:g}: {own} right",
            f"{best_lambda:g}: {int(right.sum())} right",
        )


def _fitted(samples: Samples, model: Model, f: ref.Int16, report: Report) -> None:
    own = ref.predict(ref.goodness(f, model.array("W2"), model.array("V2")))
    counted = int((own == samples.labels).sum())
    if b"FIT " in model.arrays:
        wrong = int((model.array("FIT")[0] != own).sum())
        report.add("fitted labels", wrong == 0, f"{wrong} differ", f"0 of {len(own)}")
    report.add(
        "fitted count", counted == model.fitted_correct, f"{model.fitted_correct}", f"{counted}"
    )


def _predictions(test: Samples, model: Model, data: bytes, report: Report) -> None:
    theirs = unpack_predictions(data, len(test), model.n_classes)
    good = ref.infer(model, test.images)
    wrong = int((theirs.labels != ref.predict(good)).sum())
    report.add("predicted labels", wrong == 0, f"{wrong} differ", f"0 of {len(test)}")
    wrong = int((theirs.goodness != good).sum())
    report.add("goodness of every label", wrong == 0, f"{wrong} differ", f"0 of {good.size}")
