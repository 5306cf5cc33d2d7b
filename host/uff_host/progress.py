"""How long steps tell what they are doing: one small record, handed upwards by callback."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """The stage at work, the part of the job done (0 to 1), and the seconds left if known."""

    stage: str
    done: float
    left_s: float | None = None


OnProgress = Callable[[Progress], None]


def ignore(_: Progress) -> None:
    """For callers who do not look."""


class Steps:
    """Reports equal steps of a job, with the time left from the time they took so far."""

    def __init__(self, total: int, on_progress: OnProgress) -> None:
        self._total, self._on_progress = total, on_progress
        self._done, self._start = 0, time.monotonic()

    @property
    def done(self) -> int:
        """Steps that were finished."""
        return self._done

    def next(self, stage: str) -> None:
        """Say that one step was finished and that `stage` is what comes next."""
        self._done += 1
        each = (time.monotonic() - self._start) / self._done
        left = each * (self._total - self._done)
        self._on_progress(Progress(stage, self._done / self._total, left))
