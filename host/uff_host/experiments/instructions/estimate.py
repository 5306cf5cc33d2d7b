"""Estimated time of a training on the STM32H747 at 400 MHz, as a band: nothing here was measured.

MODEL, which `uff experiment cost` prints, says what is assumed. The instructions are counted on
the emulated Cortex-M7; of each stage, those of the kernels' inner loops follow from its
multiply-adds, the rest is Python and glue. The pipeline's facts come from published measurements
of other boards with this core, the SDRAM's from its data sheet. A board will say where in the band
the truth lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from uff_host.experiments.instructions import data_cache
from uff_host.experiments.instructions.data_cache import Traffic, packed
from uff_host.formats.model import PATCH, POOLINGS

CLOCK_HZ = 400e6
BATCH, PANEL, ROWS = 64, 16, 32  # as in ridge.h
PATCH_SIDE, PATCHES = 6, 12
FILL_CYCLES = {100: (60, 76), 24: (233, 300)}  # of a 32-byte line, by SDRAM clock in MHz
OTHER = (0.5, 2.5)  # cycles an instruction outside the inner loops
PIXELS_CUT = 16

MODEL = """\
Estimated, not measured: STM32H747 at 400 MHz, from the instructions counted above.
  Inner loops  lower: two instructions a cycle, one multiply-add instruction a cycle; loads and
               stores of float registers take two registers a cycle, never beside a multiply-add.
               Upper: one instruction a cycle, 3 cycles more where float arithmetic turns to
               loads, 1 where SMLAD uses what was just loaded, 1 for the branch.
  Other code   0.5 to 2.5 cycles an instruction (pairs; or waits for flash, loads, branches).
  Memory       arrays in SDRAM, workspace in DTCM; misses from a simulated data cache (16 KB,
               4 ways, 32-byte lines, least recently used) on the addresses of the kernels' loops.
               A line takes 60 to 76 cycles with SDRAM at 100 MHz (the maker's setting), 233 to
               300 at 24 MHz (what MicroPython's board files amount to). Lower: hidden behind
               arithmetic where there is enough of it, write-backs free. Upper: all waited for.
  Not in it    interrupts, the display, flash or SD card while the samples are read."""


@dataclass(frozen=True)
class Loop:
    """One turn of an inner loop of ridge_m7.c."""

    macs: int
    instructions: int
    multiplies: int
    transfers: int  # LDRD, VLDM, VSTM
    transfer_cycles: int  # two registers a cycle
    floating: bool
    waits: int  # cycles lost in the upper bound, but for the branch

    @property
    def lower(self) -> float:
        """Cycles at the least."""
        beside = self.transfer_cycles if self.floating else 0
        return max(self.instructions / 2, self.multiplies + beside, self.transfer_cycles)

    @property
    def upper(self) -> float:
        """Cycles where nothing goes in pairs."""
        return self.instructions - self.transfers + self.transfer_cycles + self.waits + 1


LOOPS = {
    "dot_2x4": Loop(256, 181, 128, 49, 49, False, 32),
    "dot_1x2": Loop(128, 90, 64, 24, 48, False, 16),
    "respond": Loop(576, 408, 216, 106, 114, False, 54),  # two pairs of places, four filters
    "respond_single": Loop(288, 259, 144, 69, 74, False, 36),  # two places without a neighbour
    "subtract_rows": Loop(64, 76, 64, 10, 16, True, 6),
    "subtract_outer": Loop(64, 78, 64, 12, 24, True, 12),
    "tile_4x4": Loop(16, 22, 16, 2, 4, True, 3),
}


@dataclass(frozen=True)
class Shape:
    """What a training's loops depend on.

    n: images and their copies; m: pixels that the first layer sees; q: neurons or filters of the
    feature layer, 0 without one; filters: the kind of the feature layer if it has filters; kernel:
    whether the class layer is of this kind; side: of the images of a layer of filters.
    """

    n: int
    m: int
    q: int
    k: int
    dual1: bool
    dual2: bool
    copies: int = 0
    filters: str | None = None
    kernel: bool = False
    side: int = 28

    @property
    def images(self) -> int:
        return self.n // (1 + self.copies)

    @property
    def features(self) -> int:
        """What the class layer sees."""
        each = POOLINGS[self.filters].outputs if self.filters else 1
        return each * self.q or self.m


@dataclass
class Work:
    """Multiply-adds as the loops do them, padding included, and SDRAM traffic of a stage."""

    loops: dict[str, float]
    traffic: Traffic


def work(stage: str, s: Shape) -> Work:
    """What a stage, by its name in plan.py, asks of the inner loops and of SDRAM."""
    f = s.features
    first_order, order = (s.n if s.dual1 else s.m), (s.n if s.dual2 else f)
    if stage == "encode images":
        image = data_cache.stream(s.m + PIXELS_CUT) + data_cache.stream(2 * s.m, True)
        return Work({}, image * s.n)
    if stage == "patch statistics":
        return _patch_statistics(s)
    if stage == "patch features":
        return _patch_features(s)
    if stage == "layer 1 Gram matrix":
        return _kernel(s.n, s.m) if s.dual1 else _gram(s.n, s.m)
    if stage == "class layer Gram matrix":
        # In a kernel layer, all of the matrix again: the powers.
        powers = data_cache.stream(4 * packed(s.n), True) if s.kernel else Traffic()
        found = _kernel(s.n, f) if s.dual2 else _gram(s.n, f)
        return Work(found.loops, found.traffic + powers)
    if stage == "layer 1 Cholesky":
        return _cholesky(first_order)
    if stage == "class layer Cholesky":
        return _cholesky(order)
    if stage == "layer 1 solve":
        return _solve(first_order, s.m, s.q, s.n if s.dual1 else 0, unit_rows=True)
    if stage == "class layer solve":
        return _solve(order, f, s.k, s.n if s.dual2 and not s.kernel else 0)
    if stage == "hidden values":
        calls = -(-s.n // ROWS)
        rows, m, q = -(-s.n // 2) * 2, _padded(s.m), -(-s.q // 4) * 4
        out = data_cache.stream(2 * s.n * s.q, True)
        traffic = data_cache.product(ROWS, s.m, s.q) * calls + out
        return Work({"dot_2x4": rows * m * q}, traffic)
    if stage == "fitted labels":
        if s.kernel:  # rows of the kernel matrix, and all alpha
            return Work({}, data_cache.stream((4 + 2 * s.k) * s.n) * s.images)
        return Work({"dot_1x2": s.images * f * s.k}, data_cache.stream(2 * f) * s.images)
    if stage == "leave-one-out":
        group = 1 + s.copies
        panels = -(-s.images // (PANEL // group))  # of whole groups
        each = _substitution(order) / (3 if s.dual2 else 1)  # dual: columns of the unit matrix
        read = data_cache.substitution(order) * (1 / 3 if s.dual2 else 1)
        loops = {"subtract_rows": each * panels}
        if not s.kernel:
            loops["dot_1x2"] = float(s.images * f * s.k)
        return Work(loops, read * panels)
    return Work({}, Traffic())  # the reading of the samples


def _padded(m: int) -> int:
    """Elements of a packed row."""
    return -(-m // 32) * 32


def _gram(n: int, m: int) -> Work:
    tiles = packed(-(-m // 4))
    batches = [min(BATCH, n - i) for i in range(0, n, BATCH)]
    macs = sum(tiles * 16 * _padded(count) for count in batches)
    traffic = Traffic()
    for count in batches:
        traffic = traffic + data_cache.gram(count, m)
    return Work({"dot_2x4": macs}, traffic)


def _kernel(n: int, m: int) -> Work:
    slices = [(i, min(i + PANEL, n)) for i in range(0, n, PANEL)]
    macs = sum(
        -(-(last - first) // 2) * 2 * -(-last // 4) * 4 * -(-m // 16) * 16
        for first, last in slices
    )
    first, last = slices[len(slices) // 2]
    return Work({"dot_2x4": macs}, data_cache.kernel(first, last, m) * len(slices))


def _patch_statistics(s: Shape) -> Work:
    """Patches are gathered in the workspace, up to 64 at a time, and added up there."""
    batches = -(-PATCHES * s.n // (BATCH // PATCHES * PATCHES))
    image = data_cache.stream(s.m) + data_cache.stream(2 * s.m, True)
    return Work({"dot_2x4": packed(PATCH // 4) * 16.0 * BATCH * batches}, image * s.n)


def _patch_features(s: Shape) -> Work:
    """Cell by cell of the grid: places in pairs, two pairs at a time, and those that are left."""
    by = POOLINGS[s.filters or "patch"]
    places = s.side - PATCH_SIDE + 1
    down, across = _cells(places, by.rows), _cells(places, by.columns)
    if by.responses == 2:
        across = across[: by.columns // 2] * 2
    pairs = singles = 0
    for rows in down:
        for columns in across:
            pairs += -(-rows * (columns // 2) // 2)
            singles += -(-rows // 2) * (columns % 2)
    quads = s.n * s.q * by.responses / 4
    loops = {"respond": 576 * pairs * quads, "respond_single": 288 * singles * quads}
    image = data_cache.stream(s.m) + data_cache.stream(2 * s.m, True)
    return Work(loops, (image + data_cache.stream(2 * s.features, True)) * s.n)


def _cells(places: int, count: int) -> list[int]:
    """Places in each cell of a direction."""
    edges = [(2 * k * places + count) // (2 * count) for k in range(count + 1)]
    return [last - first for first, last in pairwise(edges)]


def _substitution(order: int, columns: int = PANEL) -> float:
    """Multiply-adds of forward() or backward() of one panel, but for the tiles on the diagonal."""
    return sum(4 * -(-columns // 4) * 4 * i for i in range(0, order - order % 4, 4))


def _cholesky(order: int) -> Work:
    blocks = range(0, order, PANEL)
    rows = float(sum(_substitution(i) for i in blocks))
    square = float(sum(10 * 16 * i for i in blocks))
    gram = data_cache.stream(4 * packed(order))  # its checksum
    return Work({"subtract_rows": rows, "tile_4x4": square}, data_cache.factor(order) + gram)


def _solve(order: int, m: int, p: int, n: int, unit_rows: bool = False) -> Work:
    panels = -(-p // PANEL)
    each = _substitution(order) * (p // PANEL) + _substitution(order, p % PANEL)
    loops = {"subtract_rows": each, "subtract_outer": each}
    width = min(p, PANEL)
    traffic = data_cache.substitution(order, -(-width // 4)) * (2 * panels)
    if n:
        loops["tile_4x4"] = float(n * -(-m // 4) * 4 * -(-p // 4) * 4)
        traffic = traffic + data_cache.combine(n, m, width) * panels
    if unit_rows:
        traffic = traffic + data_cache.columns(m, width, 3) * panels
    return Work(loops, traffic)


@dataclass(frozen=True)
class Band:
    """Estimated milliseconds, [lower, upper]."""

    lower: float
    upper: float

    def __add__(self, other: Band) -> Band:
        return Band(self.lower + other.lower, self.upper + other.upper)


def cycles(asked: Work, instructions: int, sdram_mhz: int = 100) -> tuple[float, float]:
    """Estimated cycles of this work, at least and at most, where it took so many instructions."""
    inside = lower = upper = 0.0
    for name, macs in asked.loops.items():
        loop = LOOPS[name]
        turns = macs / loop.macs
        inside += turns * loop.instructions
        lower += turns * loop.lower
        upper += turns * loop.upper
    outside = max(0.0, instructions - inside)
    least, most = FILL_CYCLES[sdram_mhz]
    fills, back = asked.traffic.fills, asked.traffic.write_backs
    return (
        max(lower + outside * OTHER[0], fills * least),
        upper + outside * OTHER[1] + (fills + back) * most,
    )


def stage_band(stage: str, instructions: int, shape: Shape, sdram_mhz: int = 100) -> Band:
    """Estimated time of one stage."""
    lower, upper = cycles(work(stage, shape), instructions, sdram_mhz)
    return Band(lower / CLOCK_HZ * 1000, upper / CLOCK_HZ * 1000)


def band(stages: Mapping[str, int], shape: Shape, sdram_mhz: int = 100) -> Band:
    """Estimated time of a training whose stages took these instructions."""
    total = Band(0.0, 0.0)
    for name, instructions in stages.items():
        total = total + stage_band(name, instructions, shape, sdram_mhz)
    return total
