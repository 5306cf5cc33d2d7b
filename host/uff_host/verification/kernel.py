"""Checks of a kernel class layer."""

from __future__ import annotations

import math

import numpy as np

from uff_host.formats.model import Layer
from uff_host.reference import class_kernel
from uff_host.reference.arithmetic import Int16
from uff_host.reference.class_kernel import KernelProblem
from uff_host.verification import classes
from uff_host.verification.case import FLOAT32, Case, spread

# What float32 adds was measured as in patch.py, at lambdas from 0.003 to 0.1: at most 1.7 spreads
# (emulated 1.9), which were 0.4 steps at lambda 0.03 and 500 rows, 1.6 at 0.003 and 1,500 rows.
SPREADS, STEPS = 4.0, 0.02
V_TERMS = 8.0  # of a sum of alpha, in roundings of its mean square and root of rows: at most 1


def check(layer: Layer, f: Int16, case: Case) -> None:
    """Rows, matrix and weights, over features int16 (N, f)."""
    model = case.model
    rows = model.array("ROWS")
    case.report.differ("features of all rows", int((rows != f).sum()), f.size)
    case.gram("class layer", layer, class_kernel.square_of(f, True), "GRAM")
    classes.counts(case)
    problem = KernelProblem(
        f, case.labels, model.n_classes, layer.parameter, group=1 + model.copies
    )
    solved = problem.solve(layer.ridge)
    system, s2 = problem.system(layer.ridge), layer.parameter**2
    moved = spread(system, solved.w.T) * 2.0 ** model.exponent("W2")
    # v holds s^2 times the sum of alpha.
    terms = math.sqrt(float((solved.w * solved.w).sum(axis=1).max()) * problem.rows)
    v_float32 = SPREADS * spread(system, solved.w.T, np.full((1, problem.rows), s2))
    v_float32 += V_TERMS * FLOAT32 * s2 * terms
    classes.weights(layer, case.model, case.report, solved, STEPS + SPREADS * moved, v_float32)
    classes.leave_one_out(layer, problem, case)
