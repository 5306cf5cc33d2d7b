"""What `ridge` as a native module costs beside the one that is built in.

Both train on an emulated Cortex-M7 with all arrays on MicroPython's heap: the native one on an
image without µFF (`make m7-stock`) with the files that `make mpy` makes and mip installs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from uff_host.console import screen
from uff_host.errors import DeviceError
from uff_host.experiments.instructions import cost
from uff_host.progress import OnProgress, Progress
from uff_host.targets.base import Result
from uff_host.targets.qemu import MEMORY_BYTES, QemuTarget, m7_firmware

PACKAGE = "package.json"
MODULES = ("ridge", "uff", "uff.job")  # uff.job is the scripts' side of the console

IMPORT = """
import gc
from board_m7 import instructions
def measure(name):
    gc.collect()
    free, begun = gc.mem_free(), instructions()
    __import__(name)
    count = instructions() - begun
    gc.collect()
    print("import", name, count, free - gc.mem_free())
for name in {modules!r}:
    measure(name)
"""


@dataclass(frozen=True)
class Pair:
    """A number of the module built in, and of the native one."""

    what: str
    built_in: int
    native: int

    @property
    def ratio(self) -> float:
        """native / built in."""
        return self.native / self.built_in


@dataclass(frozen=True)
class NativeCost:
    """trainings: instructions; imports: instructions; memory: bytes of heap after them."""

    trainings: tuple[Pair, ...]
    stages: tuple[Pair, ...]
    imports: tuple[Pair, ...]
    memory: tuple[Pair, ...]


def images() -> tuple[Path, Path]:
    """The image without µFF, and the package for it.

    Raises:
        DeviceError: One is not built.
    """
    build = m7_firmware().parent.parent
    found = build / "m7-stock" / "firmware.elf", build / "mpy" / PACKAGE
    for path in found:
        if not path.is_file():
            raise DeviceError(f"There is no {path}: build it by `make m7-stock mpy`.")
    return found


def put_package(target: QemuTarget, package: Path) -> None:
    """Put the files of a package where mip puts them."""
    target.execute("import os\nos.mkdir('uff')", "mkdir", print)
    for name, url in json.loads(package.read_text())["urls"]:
        target.put(package.parent / url, name)


def measure(
    draw: cost.Draw,
    networks: Sequence[str],
    cells: Sequence[tuple[int, int]],
    job: dict[str, Any],
    on_progress: OnProgress,
) -> NativeCost:
    """Count each training twice, each time on a machine fresh from power-on.

    Raises:
        DeviceError: An image is missing or an emulator fails.
    """
    stock, package = images()
    tasks = [(network, k, n) for network in networks for k, n in cells]
    trainings, stages = [], []
    for done, (network, k, n) in enumerate(tasks):
        results: list[Result] = []
        for half, image in enumerate((m7_firmware(), stock)):
            title = f"{network}, {k} x {n}, {'native' if half else 'built in'}"

            def step(part: Progress, at: float = done + half / 2, title: str = title) -> None:
                on_progress(Progress(f"{title}: {part.stage}", (at + part.done / 2) / len(tasks)))

            with QemuTarget(image, counted=True, heap_bytes=MEMORY_BYTES) as target:
                if half:
                    put_package(target, package)
                results.append(cost.run(target, draw(k, n), {**job, "network": network}, step))
        ours, native = results
        name = f"{network}, {k} x {n}"
        trainings.append(Pair(name, ours["instructions"], native["instructions"]))
        for one, other in zip(ours["stages"], native["stages"], strict=True):
            what = f"{name}: {one['name']}"
            stages.append(Pair(what, one["instructions"], other["instructions"]))
    imports, memory = _imports(stock, package)
    return NativeCost(tuple(trainings), tuple(stages), imports, memory)


def _imports(stock: Path, package: Path) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Instructions and bytes of heap of importing each of MODULES."""
    counts: list[dict[str, tuple[int, int]]] = []
    for image in (m7_firmware(), stock):
        found: dict[str, tuple[int, int]] = {}

        def note(line: str, found: dict[str, tuple[int, int]] = found) -> None:
            word, *rest = line.split()
            if word == "import":
                found[rest[0]] = int(rest[1]), int(rest[2])

        with QemuTarget(image, counted=True) as target:
            if image is stock:
                put_package(target, package)
            error = target.execute(IMPORT.format(modules=MODULES), "import", note)
        if error:
            raise DeviceError(f"{image.parent.name}: {error.splitlines()[-1]}")
        counts.append(found)
    ours, native = counts
    return (
        tuple(Pair(f"import {name}", ours[name][0], native[name][0]) for name in MODULES),
        tuple(Pair(f"import {name}, bytes", ours[name][1], native[name][1]) for name in MODULES),
    )


def view(found: NativeCost) -> Table:
    """All of it, a row each."""
    rows = [
        (pair.what, f"{pair.built_in:,}", f"{pair.native:,}", f"{100 * (pair.ratio - 1):+.1f} %")
        for pair in (*found.stages, *found.trainings)
    ]
    rows += [
        (pair.what, f"{pair.built_in:,}", f"{pair.native:,}", "")
        for pair in (*found.imports, *found.memory)
    ]
    return screen.table(
        "Instructions on the emulated Cortex-M7, all arrays on the heap",
        ("", "built in", "native", ""),
        rows,
    )
