"""Checks of a linear class layer."""

from __future__ import annotations

import math

import numpy as np

from uff_host.formats.model import Layer, Model
from uff_host.reference import class_linear
from uff_host.reference.arithmetic import Float64, Int16
from uff_host.reference.class_layer import ClassLayer
from uff_host.reference.class_linear import LinearProblem
from uff_host.verification import classes
from uff_host.verification.case import FLOAT32, Case, spread
from uff_host.verification.report import Report

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
    share = problem.label_share(layer.ridge)
    v_float32 = _v_float32(layer, model, solved, float32, share, problem.total)
    classes.weights(layer, model, case.report, solved, float32, v_float32)
    classes.leave_one_out(layer, problem, case)


def check_sums(model: Model, exact: Model, report: Report) -> None:
    """Weights, against the solution of exact sums as a target was given them (statistics alone,
    scaled where there are many images)."""
    layer, m = model.class_layer, model.class_layer.inputs
    square: Float64 = np.zeros((m, m))
    square[np.tril_indices(m)] = np.ldexp(
        exact.array("GRAM")[0].astype(np.float64), -exact.exponent("GRAM")
    )
    square += np.tril(square, -1).T
    sums = np.ldexp(exact.array("SUMS").astype(np.float64), -exact.exponent("SUMS"))
    counts = exact.array("CNT")[0].astype(np.float64)
    solved, share, total = class_linear.solve_sums(
        square, sums, counts, layer.ridge, layer.parameter
    )
    float32 = _primal_float32(layer, model, int(counts.sum()))
    v_float32 = _v_float32(layer, model, solved, float32, share, total)
    classes.weights(layer, model, report, solved, float32, v_float32)


def _v_float32(
    layer: Layer, model: Model, solved: ClassLayer, float32: float, share: float, total: Float64
) -> float:
    """What float32 may add to a label weight: it holds the product of all features' sum with w, of
    which each term may cost a rounding."""
    terms = float((np.abs(solved.w) @ total).max())
    return FLOAT32 * layer.inputs * share * terms + math.ldexp(float32, -model.exponent("W2"))


def _primal_float32(layer: Layer, model: Model, rows: int) -> float:
    size = max(1.0, LAMBDA / layer.ridge) * 2.0 ** max(0, model.exponent("W2") - EXPONENT)
    return PRIMAL_STEPS * size * max(1.0, layer.inputs / rows)


def _float32(layer: Layer, problem: LinearProblem, case: Case) -> float:
    """What float32 may add to the rounding of the weights, in steps."""
    e = case.model.exponent("W2")
    if layer.dual:
        system = problem.dual_system(layer.ridge)
        alpha: Float64 = np.linalg.solve(system, problem.right / problem.k).astype(np.float64)
        moved = spread(system, alpha, problem.features.T) * 2.0**e
        return DUAL_STEPS + DUAL_SPREADS * moved
    return _primal_float32(layer, case.model, problem.rows)
