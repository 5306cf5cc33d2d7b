"""The figures of the talk that this project is compared with (tinyML EMEA 2023; docs/results.md).

The talk does not say which classes it used. Its times are those of an STM32H7 board.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """Accuracy of backpropagation and of µFF, and µFF's training time on the board."""

    backpropagation: float
    uff: float
    uff_ms: int


# (classes, training images a class) -> figures
FIGURES: dict[tuple[int, int], Figure] = {
    (3, 100): Figure(0.977, 0.936, 6012),
    (3, 200): Figure(0.981, 0.942, 12004),
    (3, 300): Figure(0.983, 0.945, 17994),
    (4, 100): Figure(0.960, 0.791, 8009),
    (4, 200): Figure(0.965, 0.822, 16000),
    (4, 300): Figure(0.966, 0.840, 23989),
    (5, 100): Figure(0.851, 0.679, 10007),
    (5, 200): Figure(0.863, 0.732, 19994),
    (5, 300): Figure(0.869, 0.770, 29981),
}
