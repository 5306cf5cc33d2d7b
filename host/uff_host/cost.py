"""`uff cost`: what training costs on a Cortex-M7, counted in instructions on the emulated one.

The counts are exact and the same in every run; the milliseconds beside them are an estimate
(estimate.py). This module reads arguments, runs device/scripts/cost.py and shows.
"""

from __future__ import annotations

import argparse
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

from uff_host import estimate, fashion, files, glyphs, screen
from uff_host.arguments import Parser, add_idx, networks, numbers
from uff_host.errors import DataError, DeviceError
from uff_host.model import MAX_COPIES, MAX_ROWS, inputs_of
from uff_host.networks import NAMES, kinds_of
from uff_host.progress import OnProgress, Progress
from uff_host.qemu import QemuTarget, m7_firmware
from uff_host.reference.training import FEATURE_LAYERS
from uff_host.samples import Samples, write_samples
from uff_host.slides import FIGURES
from uff_host.target import Result, Target

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
    peak_bytes: int
    estimate_ms: tuple[float, float]
    copies: int = 0


@dataclass(frozen=True)
class ModuleSize:
    """Bytes of the module ridge in the image."""

    flash: int
    ram: int


# --- Arguments -----------------------------------------------------------------------------------


def cost_arguments(command: Parser) -> None:
    """The arguments of `uff cost`."""
    command.explain(
        "Trains on the emulated Cortex-M7 and counts instructions, stage by stage: the same "
        "number in every run. Beside them, an estimate of the time on an STM32H747. "
        "Leave-one-out, which `uff train` computes too, is left out, as the talk's times do not "
        "hold it.",
        ("uff cost", "all networks, 3 to 5 classes x 100 to 300 images"),
        ("uff cost --classes 3 --images 100 --network uff1 --calls", "one training, by function"),
        ("uff cost --native --classes 5 --images 300", "beside the native module"),
    )
    command.add_argument(
        "--classes",
        type=numbers,
        default="3-5",
        metavar="LIST",
        help="counts of classes, like 3,5 or 3-5 (default: 3-5)",
    )
    command.add_argument(
        "--images",
        type=numbers,
        default="100,200,300",
        metavar="LIST",
        help="training images a class (default: 100,200,300)",
    )
    command.add_argument(
        "--network",
        type=networks,
        default=",".join(NAMES),
        metavar="LIST",
        help=f"which networks (default: {','.join(NAMES)})",
    )
    command.add_argument(
        "--copies",
        type=int,
        choices=range(MAX_COPIES + 1),
        default=0,
        metavar="N",
        help="copies of each image that are trained on too, up to 15 (default: 0)",
    )
    command.add_argument("--leave-one-out", action="store_true", help="count that too")
    command.add_argument(
        "--calls", action="store_true", help="say how much each function of ridge takes"
    )
    command.add_argument(
        "--sdram-mhz",
        type=int,
        choices=sorted(estimate.FILL_CYCLES),
        default=SDRAM_MHZ,
        help="clock of the board's SDRAM that the estimate is for (default: 100)",
    )
    command.add_argument(
        "--native",
        action="store_true",
        help="count each training twice, with the module built in and with the native one on "
        "firmware without it (`make m7-stock mpy` builds both)",
    )
    add_idx(command)
    command.add_argument("--json", type=Path, metavar="FILE", help="write all counts as JSON")
    command.set_defaults(do=do_cost)


# --- The command ---------------------------------------------------------------------------------


def do_cost(options: argparse.Namespace) -> None:
    """`uff cost`"""
    console: Console = options.console
    cells = [(k, n) for k in options.classes for n in options.images]
    check(cells, options.copies)
    files.check_outputs(options.json)
    draw = data(console, options.idx)
    job = {
        "leave_one_out": options.leave_one_out,
        "calls": options.calls,
        "copies": options.copies,
    }
    if options.native:
        native(options, draw, cells, job)
        return
    costs, calls = [], []
    with screen.progress_bar(console, "Counting") as on_progress:
        for cost, result in count_all(draw, options.network, cells, job, options, on_progress):
            costs.append(cost)
            calls.append(result["calls"])
    if options.json:
        files.write_bytes(options.json, as_json(costs).encode())
    console.print(overview(costs, options.sdram_mhz))
    for cost, inside in zip(costs, calls, strict=True):
        console.print(stages(cost))
        if inside:
            console.print(functions(cost, inside))
    size = module_size(m7_firmware().parent)
    if size is None:
        console.print(f"Size of the module: {SIZE} is not installed.")
    else:
        console.print(f"Module ridge: {size.flash:,} bytes of flash, {size.ram:,} of RAM.")
    if not options.leave_one_out:
        console.print("Leave-one-out is not in these trainings (--leave-one-out counts it).")
    console.print(estimate.MODEL, highlight=False, markup=False)
    if options.json:
        console.print(str(options.json), highlight=False, soft_wrap=True, markup=False)


def native(
    options: argparse.Namespace,
    draw: Draw,
    cells: Sequence[tuple[int, int]],
    job: dict[str, Any],
) -> None:
    """`uff cost --native`"""
    from uff_host import native_cost

    with screen.progress_bar(options.console, "Counting twice") as on_progress:
        found = native_cost.measure(draw, options.network, cells, job, on_progress)
    if options.json:
        files.write_bytes(options.json, (json.dumps(asdict(found), indent=2) + "\n").encode())
    options.console.print(native_cost.view(found))


def check(cells: Sequence[tuple[int, int]], copies: int = 0) -> None:
    """See that these cells can be drawn.

    Raises:
        DataError: One cannot.
    """
    for k, n in cells:
        if not (2 <= k <= len(fashion.CLASS_NAMES) and 1 <= n <= MAX_ROWS // (1 + copies) // k):
            raise DataError(
                f"{k} classes x {n} images with {copies} copies each: want 2 to 10 classes, "
                f"{MAX_ROWS:,} images and copies in all."
            )


def data(console: Console, idx: Path | None = None) -> Draw:
    """Training images of Fashion-MNIST; drawn glyphs where it is out of reach."""
    try:
        with screen.progress_bar(console, "Fashion-MNIST") as on_progress:
            images = fashion.load(idx, on_progress)
    except fashion.SourceError as error:
        console.print(f"{error}\nGlyphs that this program draws take its place.")
        return lambda k, n: glyphs.samples(n, 0, k)
    return lambda k, n: images.train(range(k), n, 0)


def count_all(
    draw: Draw,
    networks: Sequence[str],
    cells: Sequence[tuple[int, int]],
    job: dict[str, Any],
    options: argparse.Namespace,
    on_progress: OnProgress,
) -> Iterator[tuple[Cost, Result]]:
    """Count every network in every cell, each on a machine of its own, fresh from power-on."""
    tasks = [(network, k, n) for network in networks for k, n in cells]
    for done, (network, k, n) in enumerate(tasks):
        title = f"{network}, {k} classes x {n}"

        def step(part: Progress, done: int = done, title: str = title) -> None:
            on_progress(Progress(f"{title}: {part.stage}", (done + part.done) / len(tasks)))

        heap_bytes = SMALL_HEAP if "patch" in kinds_of(network) else None
        with QemuTarget(counted=True, heap_bytes=heap_bytes) as target:
            result = run(target, draw(k, n), {**job, "network": network}, step)
        yield from_result(result, options.sdram_mhz, options.copies), result


def run(target: Target, samples: Samples, job: dict[str, Any], on_progress: OnProgress) -> Result:
    """Count one training on a target.

    Raises:
        DeviceError: The target failed or cannot count.
    """
    with tempfile.TemporaryDirectory(prefix="uff-cost-") as folder:
        path = Path(folder) / "train.uffs"
        write_samples(path, samples)
        target.put(path, "train.uffs")
    result = target.run("cost.py", job, on_progress)
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
        patch="patch" in kinds,
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
        result["peak_bytes"],
        (round(band.lower, 1), round(band.upper, 1)),
        copies,
    )


def module_size(build: Path) -> ModuleSize | None:
    """From the objects that a build of the firmware left; None without the Arm tools."""
    objects = sorted((build / "ridge").glob("*.o"))
    if not objects or not shutil.which(SIZE):
        return None
    said = subprocess.run([SIZE, *objects], capture_output=True, text=True, check=True).stdout
    rows = [[int(word) for word in line.split()[:3]] for line in said.splitlines()[1:]]
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
                f"{cost.peak_bytes / 1e6:.2f}",
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
