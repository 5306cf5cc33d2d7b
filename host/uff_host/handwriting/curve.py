"""Smooth lines through points, and how a hand moves along them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from uff_host.handwriting.letterforms import Points, Stroke

STEPS = 24  # of a piece between two points


def smooth(stroke: Stroke) -> Points:
    """The line through the points of a stroke, (n, 2), with its corners kept.

    Between corners it is a centripetal Catmull-Rom spline, which does not overshoot where points
    lie close together (Yuksel, Schaefer, Keyser 2011).
    """
    breaks = [0, *(np.flatnonzero(stroke.corners[1:-1]) + 1), len(stroke.points) - 1]
    parts = [
        _spline(stroke.points[first : last + 1])[(0 if number == 0 else 1) :]
        for number, (first, last) in enumerate(pairwise(breaks))
    ]
    return np.concatenate(parts)


def _spline(points: Points) -> Points:
    if len(points) == 2:
        part = np.linspace(0, 1, STEPS + 1)[:, None]
        return np.asarray(points[0] * (1 - part) + points[1] * part)
    # A point beyond each end: the parabola through three points goes on there.
    before = 3 * points[0] - 3 * points[1] + points[2]
    after = 3 * points[-1] - 3 * points[-2] + points[-3]
    p = np.concatenate([[before], points, [after]])
    gaps = np.sqrt(np.maximum(np.linalg.norm(np.diff(p, axis=0), axis=1), 1e-6))
    t = np.concatenate([[0], np.cumsum(gaps)])
    line = []
    for i in range(1, len(p) - 2):
        last = i == len(p) - 3
        at = np.linspace(t[i], t[i + 1], STEPS + (1 if last else 0), endpoint=last)[:, None]
        a = [_mix(p[i + k], p[i + k + 1], t[i + k], t[i + k + 1], at) for k in (-1, 0, 1)]
        b = [_mix(a[k], a[k + 1], t[i + k - 1], t[i + k + 1], at) for k in (0, 1)]
        line.append(_mix(b[0], b[1], t[i], t[i + 1], at))
    return np.concatenate(line)


def _mix(first: Points, second: Points, start: float, end: float, at: Points) -> Points:
    return np.asarray((first * (end - at) + second * (at - start)) / (end - start))


def stretched(line: Points, at_start: float, at_end: float) -> Points:
    """The line with its ends lengthened, or shortened where negative, by so much of its length.

    At most a fifth of it goes.
    """
    lengths = along(line)
    whole = lengths[-1]
    parts = [line]
    for amount, end in ((at_start, 0), (at_end, -1)):
        if amount > 0:
            inner = np.flatnonzero(abs(lengths - lengths[end]) >= 0.08 * whole)
            near = line[inner[0] if end == 0 else inner[-1]]
            way = line[end] - near
            beyond = line[end] + way / max(float(np.linalg.norm(way)), 1e-6) * amount * whole
            parts.insert(0 if end == 0 else len(parts), beyond[None])
    longer = np.concatenate(parts)
    low, high = -min(at_start, 0.0), 1 + min(at_end, 0.0)
    if low == 0 and high == 1:
        return longer
    cut = np.linspace(min(low, 0.2) * whole, max(high, 0.8) * whole, len(line))
    kept = np.stack([np.interp(cut, lengths, line[:, k]) for k in (0, 1)], axis=1)
    first, last = (at_start > 0), (at_end > 0)
    return np.concatenate([longer[:1]] * first + [kept] + [longer[-1:]] * last)


def along(line: Points) -> npt.NDArray[np.float64]:
    """The way from the start of the line to each of its points, (n,)."""
    return np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])


def travelled(line: Points, speed: float, step_s: float) -> Points:
    """Where the finger is every `step_s`, (m, 2), at about `speed` units of the line a second.

    It starts and ends slowly and slows down in bends by the two-thirds power law of hand
    movements (Lacquaniti, Terzuolo, Viviani 1983): speed goes with the cube root of the radius.
    """
    lengths = along(line)
    whole = lengths[-1]
    even = np.linspace(0, whole, max(8, int(whole / 1.5)))
    path = np.stack([np.interp(even, lengths, line[:, k]) for k in (0, 1)], axis=1)
    heading = np.unwrap(np.arctan2(*np.gradient(path, axis=0).T[::-1]))
    bend = np.abs(np.gradient(heading)) / max(even[1], 1e-6)
    bend = np.convolve(np.pad(bend, 3, "edge"), np.ones(7) / 7, "valid")
    pace = np.clip((0.04 / (bend + 0.004)) ** (1 / 3), 0.4, 1.8)
    rise = np.minimum(even, whole - even) / (0.15 * whole + 1e-6)
    pace *= np.clip(0.45 + rise, 0, 1)
    times = np.concatenate([[0], np.cumsum(np.diff(even) / (speed * (pace[1:] + pace[:-1]) / 2))])
    at = np.arange(0, times[-1] + step_s, step_s)
    return np.stack([np.interp(at, times, path[:, k]) for k in (0, 1)], axis=1)
