"""Compares ridge with ulab's linear algebra on symmetric positive definite systems.

ridge factors the packed Gram matrix of integers and solves. ulab has cholesky and inv but no solve
with a triangle, so there the answer takes inv() and dot(); its cholesky is timed by itself. Heap
is what was taken between begin and end, nothing being collected in between.
"""

import gc
import time
from array import array

import ridge
from uff import job

try:
    from ulab import numpy as np
except ImportError:
    job.fail("ImportError", "this firmware was built without ulab")

JOB = {
    "orders": None,  # of the systems; by default 50 to 500
    "columns": 16,  # right-hand sides of each
}
ORDERS = (50, 100, 200, 300, 400, 500)
DIAGONAL = 5.0  # times the mean diagonal element, as layer 1 has it


def measured(work):
    """(what work() returned, milliseconds of the fastest of three, bytes of heap it took)."""
    fastest = answer = None
    for _ in range(3):
        answer = None
        gc.collect()
        gc.disable()
        try:
            before, started = gc.mem_alloc(), time.ticks_us()
            answer = work()
            taken = time.ticks_diff(time.ticks_us(), started) / 1000
            heap = gc.mem_alloc() - before
        finally:
            gc.enable()
        fastest = taken if fastest is None else min(fastest, taken)
    return answer, fastest, heap


def random_rows(rows, columns):
    """int16 rows of about length 512, as encoded images have it."""
    state, x = 12345, array("h", bytes(2 * rows * columns))
    largest = int(2 * 512 / columns**0.5)
    for i in range(len(x)):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        x[i] = (state >> 8) % (largest + 1)
    return x


def compare(m, columns):
    packed = m * (m + 1) // 2
    gram = array("i", bytes(4 * packed))
    ridge.gram(random_rows(2 * m, m), gram, bytearray(ridge.work_bytes(m)))
    diagonal = DIAGONAL * ridge.trace(gram) / m
    scale = 2.0**-18
    # ulab wants the whole square in floats.
    square = array("f", bytes(4 * m * m))
    for i in range(m):
        for j in range(i + 1):
            square[i * m + j] = square[j * m + i] = gram[i * (i + 1) // 2 + j] * scale
        square[i * m + i] = (gram[i * (i + 3) // 2] + diagonal) * scale
    b = array("f", (((i * 7 + j * 3) % 11 - 5) / 5 for i in range(m) for j in range(columns)))
    a = np.frombuffer(square, dtype=np.float).reshape((m, m))
    right = np.frombuffer(b, dtype=np.float).reshape((m, columns))

    def by_ridge():
        factor, work = bytearray(4 * packed), bytearray(ridge.work_bytes(m))
        x = array("f", bytes(4 * m * columns))
        ridge.factor(gram, factor, work, scale=scale, diagonal=diagonal * scale)
        ridge.solve(factor, b, x, work)
        return x

    x, ridge_ms, ridge_bytes = measured(by_ridge)
    y, inv_ms, inv_bytes = measured(lambda: np.dot(np.linalg.inv(a), right))
    _, cholesky_ms, cholesky_bytes = measured(lambda: np.linalg.cholesky(a))
    x = np.frombuffer(x, dtype=np.float).reshape((m, columns))

    def error(answer):
        """The largest error of A x = b."""
        return largest(np.dot(a, answer) - right)

    return {
        "order": m,
        "ridge_ms": ridge_ms,
        "inv_ms": inv_ms,
        "cholesky_ms": cholesky_ms,
        "ridge_bytes": ridge_bytes,
        "inv_bytes": inv_bytes,
        "cholesky_bytes": cholesky_bytes,
        "matrix_bytes": {"ridge": 4 * packed, "ulab": 4 * m * m},
        "difference": largest(x - y) / largest(x),
        "ridge_error": error(x),
        "inv_error": error(y),
    }


def largest(values):
    return float(max(np.max(values), -np.min(values)))


def compare_all():
    asked = job.Job(**JOB)
    print("      |      ridge        | ulab, inv and dot | ulab, cholesky    |")
    print("order |       ms    bytes |       ms    bytes |       ms    bytes | difference")
    rows = []
    for m in asked.orders or ORDERS:
        row = compare(m, asked.columns)
        rows.append(row)
        print(
            "%5d | %8.2f %8d | %8.2f %8d | %8.2f %8d | %.1e"
            % (
                m,
                row["ridge_ms"],
                row["ridge_bytes"],
                row["inv_ms"],
                row["inv_bytes"],
                row["cholesky_ms"],
                row["cholesky_bytes"],
                row["difference"],
            )
        )
    job.result(columns=asked.columns, systems=rows)


job.main(compare_all)
