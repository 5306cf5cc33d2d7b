"""How fast the virtual board is: frames a second, and the time from a touch to its pixels."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from uff_host.virtual_board.framebuffer import Rectangle

NEAR = 12  # pixels around a touch within which a frame is taken for its answer
FORGOTTEN_S = 0.5  # a touch without an answer was on something that draws nothing


@dataclass(frozen=True)
class Latency:
    """Times from a touch to the first frame with its pixels, in ms."""

    count: int
    median_ms: float
    p95_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency | None:
        """Of these times; None for none."""
        if not seconds:
            return None
        ordered = sorted(seconds)
        last = len(ordered) - 1
        middle = (ordered[last // 2] + ordered[(last + 1) // 2]) / 2
        return cls(len(ordered), 1e3 * middle, 1e3 * ordered[round(0.95 * last)])

    def sentence(self) -> str:
        """For people."""
        return (
            f"Touch to frame: median {self.median_ms:.1f} ms, 95 % within {self.p95_ms:.1f} ms "
            f"({self.count} touches)."
        )


class LatencyStatistics:
    """Watches touches and frames go by."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._touched: tuple[float, int, int] | None = None
        self._latencies: deque[float] = deque(maxlen=10000)
        self._frames: deque[float] = deque(maxlen=5000)
        self._last = Rectangle(0, 0, 0, 0)
        self.frames = 0

    def touch(self, x: int, y: int) -> bool:
        """A finger presses or moves to (x, y); whether this is the touch that waits from now on:
        not while an earlier one does."""
        now = self._clock()
        if self._touched is not None and now - self._touched[0] <= FORGOTTEN_S:
            return False
        self._touched = now, x, y
        return True

    def frame(self, part: Rectangle) -> bool:
        """The device has drawn; whether it answers the touch that waits. A large frame comes in
        bands, one below the other."""
        now = self._clock()
        last, self._last = self._last, part
        if part[::2] != last[::2] or part.y != last.y + last.height:  # else the same one goes on
            self.frames += 1
            self._frames.append(now)
        if self._touched is None:
            return False
        then, x, y = self._touched
        around = Rectangle(
            part.x - NEAR, part.y - NEAR, part.width + 2 * NEAR, part.height + 2 * NEAR
        )
        if not around.holds(x, y):
            return False
        self._touched = None
        if now - then > FORGOTTEN_S:
            return False
        self._latencies.append(now - then)
        return True

    def frames_per_second(self) -> int:
        """Frames, whatever their size, of the last second."""
        since = self._clock() - 1
        return sum(1 for at in self._frames if at >= since)

    def latency(self) -> Latency | None:
        """Of all touches up to now (10,000 at most)."""
        return Latency.of(self._latencies)
