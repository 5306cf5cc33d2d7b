"""Adam with decoupled weight decay, in place on one flat float32 vector of all parameters."""

from __future__ import annotations

import math

import numpy as np

from uff_host.experiments.accuracy.baselines.baseline import Float32

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
SLICE = 32768  # parameters at a time: their moments and gradient stay in the second-level cache


class Adam:
    """Parameters and gradient as views of two flat vectors, moved step by step."""

    def __init__(self, shapes: list[tuple[int, ...]]) -> None:
        ends = np.cumsum([math.prod(shape) for shape in shapes]).tolist()
        starts = [0, *ends[:-1]]
        self._flat, self._gradient = np.zeros(ends[-1], np.float32), np.zeros(ends[-1], np.float32)
        self._first, self._second = np.zeros(ends[-1], np.float32), np.zeros(ends[-1], np.float32)
        self._step, self._work = 0, np.empty(SLICE, np.float32)

        def views(flat: Float32) -> list[Float32]:
            places = zip(starts, ends, shapes, strict=True)
            return [flat[start:end].reshape(shape) for start, end, shape in places]

        self.parameters = views(self._flat)
        self.gradients = views(self._gradient)

    def step(self, rate: float, decay: float) -> None:
        """One step along `gradients`; each parameter also shrinks by rate * decay of itself."""
        self._step += 1
        # the moments are kept without the factors 1 - beta, which go into rate and epsilon
        first = (1 - BETA1) / (1 - BETA1**self._step)
        second = math.sqrt((1 - BETA2) / (1 - BETA2**self._step))
        scaled_rate, epsilon = np.float32(rate * first / second), np.float32(EPSILON / second)
        for start in range(0, len(self._flat), SLICE):
            part = slice(start, start + SLICE)
            flat, gradient = self._flat[part], self._gradient[part]
            m, v = self._first[part], self._second[part]
            work = self._work[: len(flat)]
            m *= np.float32(BETA1)
            m += gradient
            np.multiply(gradient, gradient, out=work)
            v *= np.float32(BETA2)
            v += work
            np.sqrt(v, out=work)
            work += epsilon
            np.divide(m, work, out=work)
            work *= scaled_rate
            if decay:
                flat *= np.float32(1 - rate * decay)
            flat -= work


def cosine(step: int, steps: int, rate: float) -> float:
    """The rate at a step of 1..steps: from `rate` down to zero along half a cosine."""
    return rate * 0.5 * (1 + math.cos(math.pi * step / steps))
