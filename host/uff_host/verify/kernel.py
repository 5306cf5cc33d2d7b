"""Checks of a kernel class layer."""

from __future__ import annotations

from uff_host.model import Layer
from uff_host.reference import class_kernel
from uff_host.reference.arithmetic import Int16
from uff_host.reference.class_kernel import KernelProblem
from uff_host.verify import classes
from uff_host.verify.case import Case, spread

# What float32 adds was measured by an emulation of the device's order of operations in numpy, on
# Fashion-MNIST (2 to 10 classes x 1 to 300 images), MNIST with copies and the drawn glyphs, at
# lambdas from 0.003 to 0.1: at most 1.9 spreads, which were 0.4 steps at lambda 0.03 and 500 rows,
# 1.6 at 0.003 and 1,500 rows.
SPREADS, STEPS = 4.0, 0.02


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
    moved = spread(problem.system(layer.ridge), solved.w.T) * 2.0 ** model.exponent("W2")
    classes.weights(layer, case, solved, STEPS + SPREADS * moved)
    classes.leave_one_out(layer, problem, case)
