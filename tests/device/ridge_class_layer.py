"""Trains and cross-validates small class layers with uff.classlayer in both forms, and prints all
of it for a host that retrains from nothing but data.

layer FORM lambda strength      then lines NAME array TYPECODE HEX as in ridge_values.py, and
`exponent 14`
"""

import gc
from array import array

from ridge_values import text
from uff_checks import Random

import ridge
from uff.classlayer import LeftOut
from uff.linear import LinearClassLayer, LinearSolver
from uff.stage import packed
from uff.statistics import Statistics

N, M, K = 12, 7, 3
STRENGTH = 0.25  # exact in decimals and in binary, like the lambdas


def show(name, typecode, data):
    print(name, text((typecode, data)))


def features(n, m):
    """n images of m pixels, encoded; those of a class are alike."""
    random = Random(11)
    shapes = [[random.below(200) for _ in range(m)] for _ in range(K)]
    images = bytearray(shapes[i % K][j] + random.below(56) for i in range(n) for j in range(m))
    f = bytearray(2 * n * m)
    ridge.encode(images, array("H", range(m)), f)
    return f


def train(dual, ridge_lambda, n, m):
    gc.collect()
    f = features(n, m)
    labels = array("B", (i % K for i in range(n)))
    order = n if dual else m
    gram = bytearray(4 * packed(n)) if dual else None
    statistics = Statistics(m, K, gram=gram)
    statistics.add(f, labels, gram=not dual)
    if dual:
        ridge.kernel(f, m, gram, bytearray(ridge.work_bytes(m)))
    factor, work = bytearray(4 * packed(order)), bytearray(ridge.work_bytes(order))
    solver = LinearSolver(statistics, STRENGTH, factor, work, gram, f, labels)
    for _ in solver.factorise(ridge_lambda):
        gc.collect()
    layer = LinearClassLayer(m, K)
    solver.solve(layer)
    left_out = LeftOut(n)
    for _ in solver.leave_images(layer, left_out):
        gc.collect()

    print("layer", "dual" if dual else "primal", ridge_lambda, STRENGTH)
    show("f", "h", f)
    show("labels", "B", labels)
    show("w", "h", layer.w)
    show("v", "i", layer.v)
    print("exponent", layer.exponent)
    show("predicted", "B", left_out.predicted)
    show("residual", "f", left_out.residuals)
    show("margin", "f", left_out.margins)


for ridge_lambda in (0.25, 0.015625):
    train(False, ridge_lambda, 30, M)
    train(False, ridge_lambda, N, M)
    train(True, ridge_lambda, N, M)
    train(True, ridge_lambda, N, 24)
