"""The generator of all random numbers: Marsaglia's xorshift (13, 17, 5), 32 bits."""

from __future__ import annotations


class Xorshift32:
    """Numbers from a seed; the first 8 are thrown away."""

    def __init__(self, seed: int) -> None:
        self._state = (seed * 2654435769 + 1) % 2**32 or 1
        for _ in range(8):
            self.next()

    def next(self) -> int:
        """The next number below 2^32."""
        s = self._state
        s ^= s << 13 & 0xFFFFFFFF
        s ^= s >> 17
        s ^= s << 5 & 0xFFFFFFFF
        self._state = s
        return s
