"""The Cortex-M7's data cache on the addresses that ridge_m7.c's loops touch.

16 KB, 4 ways, lines of 32 bytes, least recently used goes first, stores allocate and are written
back. (Arm does not say how its cache replaces; this is the usual assumption.) Only arrays in SDRAM
are traced: the workspace lies in DTCM, which needs no cache. Each trace follows the loops of one
call in their order; what follows within the same line counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

LINE = 32
Access = tuple[int, bool]  # byte address, whether it is written
APART = (
    1 << 24
)  # of the arrays of a trace; heap blocks have no alignment to hope for, so + 32 each


@dataclass(frozen=True)
class Traffic:
    """Lines that came from SDRAM and lines that went back."""

    fills: float = 0.0
    write_backs: float = 0.0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(self.fills + other.fills, self.write_backs + other.write_backs)

    def __mul__(self, times: float) -> Traffic:
        return Traffic(self.fills * times, self.write_backs * times)


class DataCache:
    """A set-associative cache with least-recently-used replacement."""

    def __init__(self, size: int = 16384, ways: int = 4, line: int = LINE) -> None:
        self._line, self._ways, self._n_sets = line, ways, size // (ways * line)
        # each set: line numbers, the one used last at the end; and which of them were written
        self._sets: list[list[int]] = [[] for _ in range(self._n_sets)]
        self._dirty: set[int] = set()

    def run(self, accesses: Iterable[Access]) -> Traffic:
        """Traffic of these accesses; the cache keeps its lines for the next call."""
        fills = write_backs = 0
        size, ways, n_sets, sets, dirty = (
            self._line,
            self._ways,
            self._n_sets,
            self._sets,
            self._dirty,
        )
        for address, written in accesses:
            number = address // size
            lines = sets[number % n_sets]
            if lines and lines[-1] == number:
                pass
            elif number in lines:
                lines.remove(number)
                lines.append(number)
            else:
                fills += 1
                if len(lines) == ways:
                    old = lines.pop(0)
                    if old in dirty:
                        dirty.discard(old)
                        write_backs += 1
                lines.append(number)
            if written:
                dirty.add(number)
        return Traffic(fills, write_backs)

    def flush(self) -> Traffic:
        """Write back what is dirty, and forget all."""
        written = len(self._dirty)
        self.__init__(self._n_sets * self._ways * self._line, self._ways, self._line)  # type: ignore[misc]
        return Traffic(0, written)


def _cost(accesses: Iterable[Access]) -> Traffic:
    cache = DataCache()
    return cache.run(accesses) + cache.flush()


def packed(i: int) -> int:
    return i * (i + 1) // 2


def _stretch(start: int, size: int, written: bool = False) -> Iterator[Access]:
    """One access a line of `size` bytes from start on."""
    for address in range(start - start % LINE, start + size, LINE):
        yield address, written


@lru_cache(maxsize=256)
def stream(size: int, written: bool = False) -> Traffic:
    """Bytes passed once, in order."""
    return Traffic(-(-size // LINE), -(-size // LINE) if written else 0)


@lru_cache(maxsize=256)
def gram(count: int, m: int) -> Traffic:
    """gram(): a batch of images packed by columns, then all tiles of the packed triangle."""

    def trace() -> Iterator[Access]:
        x, g = 0, APART + LINE
        for j in range(0, m, 4):
            for row in range(count):
                yield x + 2 * (row * m + j), False
        for i in range(0, m, 4):
            rows = [g + 4 * packed(i + r) for r in range(min(4, m - i))]
            for j in range(0, i + 1, 4):
                for row in rows:
                    yield row + 4 * j, True
                    yield row + 4 * j + 12, True

    return _cost(trace())


def _rows_in_turn(start: int, i: int, k_end: int, passes: int = 4) -> Iterator[Access]:
    """Rows i..i+3 of L up to column k_end, side by side, once for each four columns."""
    rows = [start + 4 * packed(i + r) for r in range(4)]
    for _ in range(passes):
        for k in range(0, k_end, 8):
            for row in rows:
                yield row + 4 * k, False
                yield row + 4 * min(k + 7, k_end), False


@lru_cache(maxsize=256)
def substitution(order: int, passes: int = 4) -> Traffic:
    """forward() or backward() of one panel: every row of L, four at a time."""

    def trace() -> Iterator[Access]:
        for i in range(0, order - order % 4, 4):
            yield from _rows_in_turn(0, i, i, passes)

    return _cost(trace())


@lru_cache(maxsize=256)
def factor(order: int) -> Traffic:
    """ridge_factor(): each block of 16 rows reads the system and all of L above it.

    Every fourth block is traced and counts for its neighbours.
    """

    def trace(block: int) -> Iterator[Access]:
        lower, g = 0, APART + LINE
        for r in range(min(16, order - block)):
            yield from _stretch(g + 4 * packed(block + r), 4 * block)
        for i in range(0, block, 4):
            yield from _rows_in_turn(lower, i, i)
        for r in range(min(16, order - block)):
            yield from _stretch(lower + 4 * packed(block + r), 4 * (block + r + 1), True)

    blocks = range(32, order, 64)
    total = Traffic()
    for block in blocks:
        total = total + _cost(trace(block))
    return total * (order / 16 / max(len(blocks), 1))


def _four_rows(x: int, i: int, end: int, m: int) -> Iterator[Access]:
    """pack_rows(): rows i to i+3 of x, of m int16 each, side by side."""
    for at in range(0, 2 * m, LINE):
        for r in range(min(4, end - i)):
            yield x + 2 * (i + r) * m + at, False


@lru_cache(maxsize=256)
def product(rows: int, m: int, q: int) -> Traffic:
    """product(): rows of x packed once, all weights packed four rows at a time, z in DTCM."""

    def trace() -> Iterator[Access]:
        x, w = 0, APART + LINE
        for start, count in ((x, rows), (w, q)):
            for i in range(0, count, 4):
                yield from _four_rows(start, i, count, m)

    return _cost(trace())


@lru_cache(maxsize=256)
def kernel(first: int, last: int, m: int) -> Traffic:
    """kernel(): rows first..last-1 of the images' Gram matrix."""

    def trace() -> Iterator[Access]:
        x, k = 0, APART + LINE
        for i in range(first, last, 4):
            yield from _four_rows(x, i, last, m)
        for i in range(0, last, 4):
            yield from _four_rows(x, i, last, m)
            for row in range(first, last):
                yield k + 4 * (packed(row) + i), True

    return _cost(trace())


@lru_cache(maxsize=256)
def combine(n: int, m: int, p: int) -> Traffic:
    """combine(): a batch of 64 rows of x at a time, and of it four features, with the batch's
    coefficients.
    """

    def trace() -> Iterator[Access]:
        x, c, out = 0, APART + LINE, 2 * (APART + LINE)
        yield from _stretch(out, 4 * m * p, True)
        for first in range(0, n, 64):
            last = min(first + 64, n)
            for j in range(0, m, 4):
                for i in range(first, last):
                    yield x + 2 * (i * m + j), False
                yield from _stretch(c + 4 * first * p, 4 * p * (last - first))
                yield from _stretch(out + 4 * j * p, 16 * p, True)

    return _cost(trace())


@lru_cache(maxsize=256)
def columns(rows: int, p: int, passes: int) -> Traffic:
    """Each of p columns of a row-major (rows, p) read `passes` times from top to bottom."""

    def trace() -> Iterator[Access]:
        for c in range(p):
            for _ in range(passes):
                for j in range(rows):
                    yield 4 * (j * p + c), False

    return _cost(trace())
