"""What the tests of the C core share: outputs before they are written, packed triangles, random
systems.
"""

from __future__ import annotations

import numpy as np
from core.cores import NOT_FINITE, NOT_POSDEF, OK, PANEL, UNIT, Cores

F32 = np.float32
U = 2.0**-24  # the rounding error of float32


def gamma(k: int) -> float:
    """Bound of k roundings in a row (Higham, Accuracy and Stability of Numerical Algorithms,
    3.1).
    """
    return k * U / (1 - k * U)


def blank(shape: int | tuple[int, ...], dtype: type) -> np.ndarray:
    """An output before it is written: NaN, or the largest integer."""
    if dtype is F32:
        return np.full(shape, np.nan, F32)
    return np.full(shape, np.iinfo(dtype).max, dtype)


def panel(m: int) -> np.ndarray:
    """Workspace of factor, solve and the like for order m: ridge_panel_len(m)."""
    return blank(2 * m * PANEL, F32)


def packed(a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(a[np.tril_indices(len(a))])


def unpacked(p: np.ndarray, m: int) -> np.ndarray:
    """The symmetric float64 matrix of a packed lower triangle."""
    a = np.zeros((m, m))
    a[np.tril_indices(m)] = p
    return a + np.tril(a, -1).T


def cholesky_of(p: np.ndarray, m: int) -> np.ndarray:
    """L in float64; the core keeps reciprocals on the diagonal."""
    chol = np.tril(unpacked(p, m))
    np.fill_diagonal(chol, 1 / np.diag(chol))
    return chol


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


def with_condition(rng: np.random.Generator, m: int, condition: float) -> np.ndarray:
    """A random float32 matrix, packed, symmetric, eigenvalues from 1 down to 1/condition before
    rounding.
    """
    q, _ = np.linalg.qr(rng.standard_normal((m, m)))
    eigenvalues = condition ** -np.linspace(0, 1, m) if m > 1 else np.ones(1)
    return packed((q * eigenvalues) @ q.T).astype(F32)


def encoded(rng: np.random.Generator, n: int, m: int) -> np.ndarray:
    """n random rows of length about 512, a third of the elements 0."""
    x = rng.random((n, m)) * (rng.random((n, m)) > 1 / 3) + 1e-3
    return np.round(UNIT * x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.int16)


def factor(
    cores: Cores,
    g: np.ndarray,
    m: int,
    *,
    scale: float = 1.0,
    diagonal: float = 0.0,
    rank1: float = 0.0,
    v: np.ndarray | None = None,
    first: int = 0,
    last: int | None = None,
    chol: np.ndarray | None = None,
) -> tuple[int, int, np.ndarray]:
    """(error, row, factor)"""
    last = m if last is None else last
    chol = blank(len(g), F32) if chol is None else chol
    system = (g, None) if g.dtype == np.int32 else (None, g)
    args = (*system, scale, diagonal, rank1, v, first, last, chol, panel(last))
    answer = cores.call("factor", *args)
    assert answer[0 if g.dtype == np.int32 else 1].tobytes() == g.tobytes()
    if answer.result == 0:
        return OK, -1, answer[8]
    for error in (NOT_POSDEF, NOT_FINITE):
        row = answer.result - error * 65536
        if 0 <= row < m:
            return error, row, answer[8]
    raise AssertionError(f"factor answered {answer.result}")
