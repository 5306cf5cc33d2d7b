"""Checks of a patch layer."""

from __future__ import annotations

import numpy as np

from uff_host.formats.model import Layer
from uff_host.reference import patch
from uff_host.reference.arithmetic import UNIT, Int16
from uff_host.reference.feature_layer import Task
from uff_host.verification.case import ROUNDING, Case, fits_exponent, spread
from uff_host.verification.contrast import LIKENESS

# What float32 adds was measured with the unix firmware and, over more trainings, by an emulation
# of its order of operations in numpy: Fashion-MNIST (2 to 10 classes x 1 to 300 images), MNIST
# with copies and the drawn glyphs, at lambdas from 0.001 to 5. Weights: at most 1.5 spreads
# (emulated 3.2), which were 0.01 steps at lambda 0.6, 0.2 at 0.01 and, of two images, 4 at 0.001.
# Biases: at most 0.03 spreads (emulated 0.14).
W1_SPREADS, W1_STEPS = 6.0, 0.01
B1_SPREADS, B1_PART = 0.4, 2.0**-22


def check(layer: Layer, x: Int16, case: Case) -> None:
    """Sums over patches, pairs, filters and threshold, over encoded images int16 (n, h, w)."""
    report, model = case.report, case.model
    seen = patch.statistics(x)
    case.gram("layer 1", layer, seen.gram, "GRM1")
    case.statistic("sums of patches", "SUM1", seen.sums[None])
    case.statistic("number of patches", "NUM1", np.array([[seen.count]]))
    report.equal("threshold", layer.parameter, patch.THRESHOLD)

    task = Task(case.labels, model.n_classes, layer.outputs, layer.ridge, model.seed, "auto")
    targets = patch.targets(x, task)
    w1, e = model.array("W1").astype(np.float64), model.exponent("W1")
    # A filter times the system gives back, but for its length, what it was solved for.
    system = patch.system(seen, layer.ridge)
    back = w1 @ system
    same = np.sqrt((back * back).sum(axis=1) * (targets * targets).sum(axis=1))
    likeness = (back * targets).sum(axis=1) / np.where(same == 0, 1, same)
    good = int(((likeness > LIKENESS) | ~targets.any(axis=1)).sum())
    report.add("pairs from the seed", good == layer.outputs, f"{good} filters", f"{layer.outputs}")

    filters = patch.solve(seen, targets, layer.ridge)
    room = patch.room_of(filters)
    report.add("layer 1 exponent", fits_exponent(e, room), f"{e}", f"{int(np.floor(room))}")
    moved = spread(system, filters.w.T) * 2.0**e
    off = float(np.abs(w1 - np.ldexp(filters.w, e)).max())
    report.within("layer 1 weights", off, ROUNDING + W1_STEPS + W1_SPREADS * moved)
    wanted = np.ldexp(filters.bias, e) * UNIT
    off = float(np.abs(model.array("B1")[0] - wanted).max())
    bound = ROUNDING + B1_SPREADS * moved * UNIT + B1_PART * float(np.abs(wanted).max())
    report.within("layer 1 biases", off, bound)
