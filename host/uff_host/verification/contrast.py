"""Checks of a contrast layer."""

from __future__ import annotations

import numpy as np

from uff_host.formats.model import Layer
from uff_host.reference import contrast
from uff_host.reference.arithmetic import UNIT, Int16
from uff_host.verification.case import ROUNDING, Case

# What float32 adds to rounding was measured with the unix firmware on Fashion-MNIST (2 to 10
# classes x 1 to 800 images, 3 seeds) and the drawn glyphs, in the form that the device chooses
# and in the other one: at most 0.011 steps at lambda 5, 0.1 at 0.05. The more alike the images
# of a pair are, the more of their difference is rounding.
FLOAT32_STEPS, LAMBDA = 0.05, 5.0
# Cosine of the difference that a neuron was solved for and that of its pair, at least.
LIKENESS = 0.99


def check(layer: Layer, x: Int16, case: Case) -> None:
    """Matrix, pairs and weights, over encoded images int16 (n, m)."""
    case.gram("layer 1", layer, contrast.square_of(x, layer.dual), "GRM1")
    a, b = contrast.pairs(case.labels, case.model.n_classes, layer.outputs, case.model.seed)
    w1 = case.model.array("W1").astype(np.float64)
    # A row of W1 times the system gives back the difference of the pair it was solved for.
    real = x.astype(np.float64)
    difference = real[a] - real[b]
    diagonal = layer.ridge * float((real * real).sum()) / layer.inputs
    back = (w1 @ real.T) @ real + diagonal * w1
    same = np.sqrt((back * back).sum(axis=1) * (difference * difference).sum(axis=1))
    likeness = (back * difference).sum(axis=1) / np.where(same == 0, 1, same)
    good = int(((likeness > LIKENESS) | (same == 0)).sum())
    case.report.add(
        "pairs from the seed", good == layer.outputs, f"{good} neurons", f"{layer.outputs}"
    )
    exact = contrast.solve(x, a, b, layer.ridge)
    length = np.sqrt((difference * difference).sum(axis=1))
    apart = length > 0  # the weights of a pair of equal images have no direction
    off = np.abs(w1 - contrast.W1_UNIT * exact).max(axis=1)[apart]
    bound = np.full(len(off), FLOAT32_STEPS) * max(1.0, LAMBDA / layer.ridge)
    bound = ROUNDING + bound * np.maximum(1, UNIT / length[apart])
    case.report.add(
        "layer 1 weights",
        bool((off <= bound).all()),
        f"{off.max(initial=0):.3f} steps off",
        f"at most {bound.max(initial=0):.3f}",
    )
