"""What training costs on a Cortex-M7, counted in instructions on the emulated one.

The counts are exact and the same in every run; the milliseconds beside them are an estimate
(estimate.py). It runs device/scripts/dev/cost.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from uff_host.console import screen
from uff_host.datasets import fashion_mnist, shapes
from uff_host.errors import DataError, DeviceError
from uff_host.experiments.instructions import estimate
from uff_host.formats.model import MAX_ROWS, POOLINGS, inputs_of
from uff_host.formats.networks import kinds_of
from uff_host.formats.samples import Samples, write_samples
from uff_host.progress import OnProgress, Progress
from uff_host.published import FIGURES
from uff_host.reference.training import FEATURE_LAYERS
from uff_host.targets.base import Result, Target
from uff_host.targets.qemu import QemuTarget

SIDE = 28
SMALL_HEAP = 3 << 20  # bytes: features of patches want more of the memory for their arrays
SDRAM_MHZ = 100
SIZE = "arm-none-eabi-size"

# Gives the training images of a cell: classes, images a class.
Draw = Callable[[int, int], Samples]


@dataclass(frozen=True)
class Stage:
    """A part of training. macs: multiply-adds, 0 where there is nothing to multiply."""

    name: str
    instructions: int
    macs: int


@dataclass(frozen=True)
class Cost:
    """One training, counted; estimate_ms is the only part that is not."""

    network: str
    classes: int
    images: int
    instructions: int
    macs: int
    stages: tuple[Stage, ...]
    memory_bytes: int  # of the arrays, as planned
    peak_bytes: int  # of heap and arena, with garbage that is not yet collected
    estimate_ms: tuple[float, float]
    copies: int = 0


@dataclass(frozen=True)
class ModuleSize:
    """Bytes of the module ridge in the image."""

    flash: int
    ram: int


def check(cells: Sequence[tuple[int, int]], copies: int = 0) -> None:
    """See that these cells can be drawn.

    Raises:
        DataError: One cannot.
    """
    for k, n in cells:
        if not (
            2 <= k <= len(fashion_mnist.CLASS_NAMES) and 1 <= n <= MAX_ROWS // (1 + copies) // k
        ):
            raise DataError(
                f"{k} classes x {n} images with {copies} copies each: want 2 to 10 classes, "
                f"{MAX_ROWS:,} images and copies in all."
            )


def data(console: Console, idx: Path | None = None) -> Draw:
    """Training images of Fashion-MNIST; drawn glyphs where it is out of reach."""
    try:
        with screen.progress_bar(console, "Fashion-MNIST") as on_progress:
            images = fashion_mnist.load(idx, on_progress)
    except fashion_mnist.SourceError as error:
        console.print(f"{error}\nGlyphs that this program draws take its place.")
        return lambda k, n: shapes.samples(n, 0, k)
    return lambda k, n: images.train(range(k), n, 0)


def count_all(
    draw: Draw,
    networks: Sequence[str],
    cells: Sequence[tuple[int, int]],
    job: dict[str, Any],
    sdram_mhz: int,
    on_progress: OnProgress,
) -> Iterator[tuple[Cost, Result]]:
    """Count every network in every cell, each on a machine of its own, fresh from power-on."""
    tasks = [(network, k, n) for network in networks for k, n in cells]
    for done, (network, k, n) in enumerate(tasks):
        title = f"{network}, {k} classes x {n}"

        def step(part: Progress, done: int = done, title: str = title) -> None:
            on_progress(Progress(f"{title}: {part.stage}", (done + part.done) / len(tasks)))

        heap_bytes = SMALL_HEAP if POOLINGS.keys() & set(kinds_of(network)) else None
        with QemuTarget(counted=True, heap_bytes=heap_bytes) as target:
            result = run(target, draw(k, n), {**job, "network": network}, step)
        yield from_result(result, sdram_mhz, job["copies"]), result


def run(target: Target, samples: Samples, job: dict[str, Any], on_progress: OnProgress) -> Result:
    """Count one training on a target.

    Raises:
        DeviceError: The target failed or cannot count.
    """
    with tempfile.TemporaryDirectory(prefix="uff-cost-") as folder:
        path = Path(folder) / "train.uffs"
        write_samples(path, samples)
        target.put(path, "train.uffs")
    result = target.run("dev/cost.py", job, on_progress)
    if not result["counted"]:
        raise DeviceError(f"{target.name} does not count instructions; the emulated M7 does.")
    return result


def from_result(result: Result, sdram_mhz: int = SDRAM_MHZ, copies: int = 0) -> Cost:
    """The result of cost.py with its estimate. images is the number a class."""
    kinds = kinds_of(result["network"])
    k, n = result["classes"], result["images"]
    shape = estimate.Shape(
        n=n * (1 + copies),
        m=inputs_of(kinds[0], SIDE, SIDE),
        q=FEATURE_LAYERS[kinds[0]].HIDDEN if len(kinds) > 1 else 0,
        k=k,
        dual1=result["form1"] == "dual",
        dual2=result["form2"] == "dual",
        copies=copies,
        filters=kinds[0] if kinds[0] in POOLINGS else None,
        kernel="kernel" in kinds,
        side=SIDE,
    )
    parts = tuple(Stage(s["name"], s["instructions"], s["macs"]) for s in result["stages"])
    band = estimate.band({part.name: part.instructions for part in parts}, shape, sdram_mhz)
    return Cost(
        result["network"],
        k,
        n // k,
        result["instructions"],
        result["macs"],
        parts,
        result["memory_bytes"],
        result["peak_bytes"],
        (round(band.lower, 1), round(band.upper, 1)),
        copies,
    )


def module_size(build: Path) -> ModuleSize | None:
    """From the objects that a build of the firmware left; None without the Arm tools."""
    objects = sorted((build / "ridge").glob("*.o"))
    if not objects or not shutil.which(SIZE):
        return None
    output = subprocess.run([SIZE, *objects], capture_output=True, text=True, check=True).stdout
    rows = [[int(word) for word in line.split()[:3]] for line in output.splitlines()[1:]]
    text, kept, zero = (sum(column) for column in zip(*rows, strict=True))
    return ModuleSize(text + kept, kept + zero)


# --- Showing -------------------------------------------------------------------------------------


def as_json(costs: Sequence[Cost]) -> str:
    """A list with an object for each training."""
    return json.dumps([asdict(cost) for cost in costs], indent=2) + "\n"


def overview(costs: Sequence[Cost], sdram_mhz: int) -> Table:
    """All trainings, a row each."""
    rows = []
    for cost in costs:
        figure = FIGURES.get((cost.classes, cost.images))
        rows.append(
            (
                f"{cost.network}, {cost.classes} x {cost.images}{_with_copies(cost)}",
                f"{cost.instructions / 1e6:,.1f}",
                f"{cost.macs / 1e6:,.1f}",
                f"{cost.instructions / cost.macs:.2f}",
                f"{cost.memory_bytes / 1e6:.2f}",
                "{:,.0f} to {:,.0f}".format(*cost.estimate_ms),
                f"{figure.uff_ms:,}" if figure else "",
            )
        )
    view = screen.table(
        "Training, counted on the emulated Cortex-M7 (in millions; memory in MB)",
        ("training", "instr.", "mult.-adds", "each", "memory", "estimated ms", "slides' ms"),
        rows,
    )
    view.caption, view.caption_justify = (
        "Memory: the arrays, as planned; --json also has the peak, with garbage of the heap. "
        f"Estimated for an STM32H747 with SDRAM at {sdram_mhz} MHz, see below. The slides' times "
        "are those of their own network on an STM32H7.",
        "left",
    )
    return view


def _with_copies(cost: Cost) -> str:
    return f", {cost.copies} copies" if cost.copies else ""


def stages(cost: Cost) -> Table:
    """The stages of one training."""
    rows = [
        (
            part.name,
            f"{part.instructions:,}",
            f"{part.macs:,}" if part.macs else "",
            f"{part.instructions / part.macs:.3f}" if part.macs else "",
        )
        for part in cost.stages
    ]
    rows.append(("all", f"{cost.instructions:,}", f"{cost.macs:,}", ""))
    title = f"{cost.network}, {cost.classes} classes x {cost.images} images{_with_copies(cost)}"
    return screen.table(title, ("stage", "instructions", "multiply-adds", "each"), rows)


def functions(cost: Cost, calls: dict[str, int]) -> Table:
    """Instructions inside the functions of ridge, the most first."""
    rows = [(name, f"{count:,}") for name, count in sorted(calls.items(), key=lambda c: -c[1])]
    rows.append(("Python, files", f"{cost.instructions - sum(calls.values()):,}"))
    return screen.table("of it inside ridge", ("function", "instructions"), rows)
