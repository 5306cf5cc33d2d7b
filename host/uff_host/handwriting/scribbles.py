"""Scribbles: what a writer draws that is no character, as children and idle people do.

A few kinds, each drawn anew from chance: a tangle, a zigzag, coils, and strokes here and there.
"""

from __future__ import annotations

import numpy as np

from uff_host.handwriting.letterforms import Points, Stroke

KINDS = ("tangle", "zigzag", "coils", "strokes")


def scribble(number: int, chance: np.random.Generator) -> list[Stroke]:
    """The strokes of scribble `number`, in the units of the forms: within 0 to 70 across and 0 to
    100 down, about. The kinds take turns."""
    kind = KINDS[number % len(KINDS)]
    if kind == "tangle":
        return [_smooth(_spread(chance, int(chance.integers(7, 15))))]
    if kind == "zigzag":
        return [_zigzag(chance)]
    if kind == "coils":
        return [_smooth(_coils(chance))]
    return [_smooth(_short(chance)) for _ in range(int(chance.integers(4, 8)))]


def _smooth(points: Points) -> Stroke:
    return Stroke(points, np.zeros(len(points), bool))


def _spread(chance: np.random.Generator, n: int) -> Points:
    """Points (n, 2) anywhere, each a way from the one before."""
    points = [chance.uniform((0, 0), (70, 100))]
    while len(points) < n:
        point = chance.uniform((0, 0), (70, 100))
        if np.linalg.norm(point - points[-1]) > 25:
            points.append(point)
    return np.array(points)


def _zigzag(chance: np.random.Generator) -> Stroke:
    """Back and forth with corners, along one way and across it."""
    turns = int(chance.integers(7, 14))
    along = np.linspace(0, 1, turns)[:, None]
    angle = float(chance.uniform(0, np.pi))
    way = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-way[1], way[0]])
    wide = 35 * (-1.0) ** np.arange(turns)[:, None] * chance.uniform(0.6, 1.2, (turns, 1))
    points = np.array([35, 50]) + (along - 0.5) * 90 * way + wide * across
    return Stroke(points, np.ones(len(points), bool))


def _coils(chance: np.random.Generator) -> Points:
    """Loops whose middle wanders."""
    loops = float(chance.uniform(3, 6))
    n = int(loops * 7)
    turn = np.linspace(0, 2 * np.pi * loops, n) * chance.choice((-1, 1)) + chance.uniform(0, 6.28)
    low, high = sorted(chance.uniform(12, 42, 2))
    radius = np.linspace(low, high, n)
    middle = np.linspace(chance.uniform((15, 20), (55, 80)), chance.uniform((15, 20), (55, 80)), n)
    ring = np.stack([np.cos(turn) * chance.uniform(0.6, 1), np.sin(turn)], axis=1)
    return np.asarray(middle + radius[:, None] * ring + chance.normal(0, 2, (n, 2)))


def _short(chance: np.random.Generator) -> Points:
    """Three points of a short stroke anywhere."""
    start = chance.uniform((5, 5), (65, 95))
    angle = float(chance.uniform(0, 2 * np.pi))
    way = np.array([np.cos(angle), np.sin(angle)]) * chance.uniform(15, 45)
    return np.array([start, start + way / 2 + chance.normal(0, 5, 2), start + way])
