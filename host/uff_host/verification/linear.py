"""Checks of a linear class layer."""

from __future__ import annotations

import math

import numpy as np

from uff_host.formats.model import Layer
from uff_host.reference import class_linear
from uff_host.reference.arithmetic import Float64, Int16
from uff_host.reference.class_linear import LinearProblem
from uff_host.verification import classes
from uff_host.verification.case import FLOAT32, Case, spread

# What float32 adds was measured as in contrast.py. Primal: at most 0.55 steps at lambda 0.05 and
# 0.1, 1.3 at 0.01. With fewer rows than features (which the device solves so only if told to) up
# to 11 at 0.01, growing with their ratio. That was with exponents up to 16. Where weights are
# smaller (few images, many neurons) a step is smaller too, but not the error of float32, which
# goes with outputs of about 1.
PRIMAL_STEPS, LAMBDA, EXPONENT = 1.5, 0.05, 16
# Dual: measured as in patch.py, at lambdas from 0.001 to 0.3: at most 1.7 spreads (emulated 2.7,
# of 2,000 rows).
DUAL_SPREADS, DUAL_STEPS = 6.0, 0.02
# One case is known to pass these bounds: images that are all the same, in different classes.


def check(layer: Layer, f: Int16, case: Case) -> None:
    """Matrix, sums and weights, over features int16 (N, f)."""
    model = case.model
    case.gram("class layer", layer, class_linear.square_of(f, layer.dual), "GRAM")
    case.statistic("class sums", "SUMS", class_linear.class_sums(f, case.labels, model.n_classes))
    classes.counts(case)
    problem = LinearProblem(
        f, case.labels, model.n_classes, layer.parameter, group=1 + model.copies
    )
    solved = problem.solve(layer.ridge)
    float32 = _float32(layer, problem, case)
    # v holds the product of all features' sum with w, of which each term may cost a rounding.
    terms = float((np.abs(solved.w) @ problem.total).max())
    v_float32 = FLOAT32 * layer.inputs * problem.label_share(layer.ridge) * terms
    v_float32 += math.ldexp(float32, -model.exponent("W2"))
    classes.weights(layer, case, solved, float32, v_float32)
    classes.leave_one_out(layer, problem, case)


def _float32(layer: Layer, problem: LinearProblem, case: Case) -> float:
    """What float32 may add to the rounding of the weights, in steps."""
    e, rows, f = case.model.exponent("W2"), problem.rows, layer.inputs
    if layer.dual:
        system = problem.dual_system(layer.ridge)
        alpha: Float64 = np.linalg.solve(system, problem.right / problem.k).astype(np.float64)
        moved = spread(system, alpha, problem.features.T) * 2.0**e
        return DUAL_STEPS + DUAL_SPREADS * moved
    size = max(1.0, LAMBDA / layer.ridge) * 2.0 ** max(0, e - EXPONENT)
    return PRIMAL_STEPS * size * max(1.0, f / rows)
