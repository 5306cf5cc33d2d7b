"""µFF's training beside its baselines, all on one emulated Cortex-M7 and in one run.

Baselines: the same steps in plain C, with CMSIS-DSP and with ulab; a whole one-layer training in
ulab; an epoch of backpropagation in C. Counted are instructions, not time. The image that holds
the baselines is built by `make m7-bench`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from uff_host import files
from uff_host.console import screen
from uff_host.errors import DataError
from uff_host.experiments.instructions import cost
from uff_host.formats.samples import write_samples
from uff_host.progress import OnProgress, Progress
from uff_host.targets.base import Result
from uff_host.targets.qemu import MEMORY_BYTES, QemuTarget

UFF_MEANS = {"uff1": "µFF, one layer", "uff2": "µFF, two layers"}
TRAINING = "training"
TASKS = ("Gram matrix", "projection", "Cholesky", "solve")
OURS = ("patch features", "kernel row")  # nobody else has them
DESCENT, ADAM = "gradient descent", "Adam"
EPOCH = "epoch of backpropagation"
EPOCHS = 60  # of the baseline in the table of accuracies


@dataclass(frozen=True)
class Row:
    """One task by one means. macs: what the task needs; macs_done: what these means spend."""

    task: str
    means: str
    cell: tuple[int, int] | None  # classes, images a class; None for a kernel
    instructions: int
    macs: int
    macs_done: int
    array_bytes: int
    remark: str = ""


@dataclass(frozen=True)
class Absent:
    """A baseline that was left out, and why."""

    task: str
    means: str
    why: str


@dataclass(frozen=True)
class Bench:
    """All that was counted. checks: largest relative differences of the baselines' factors."""

    rows: tuple[Row, ...]
    absent: tuple[Absent, ...]
    checks: dict[str, float]
    losses: dict[str, list[float]]

    def find(self, task: str, means: str, cell: tuple[int, int] | None = None) -> Row | None:
        """The row of this task and means."""
        for row in self.rows:
            if (row.task, row.means, row.cell) == (task, means, cell):
                return row
        return None

    def epochs(self, network: str, baseline: str, cell: tuple[int, int]) -> float | None:
        """How many epochs of backpropagation cost as much as training this network."""
        ours = self.find(TRAINING, UFF_MEANS[network], cell)
        theirs = self.find(EPOCH, baseline, cell)
        return ours.instructions / theirs.instructions if ours and theirs else None


def firmware() -> Path:
    """${UFF_M7_BENCH}, else the image that `make m7-bench` builds; see files.built()."""
    return files.built("UFF_M7_BENCH", "m7-bench", "firmware.elf")


def count(
    draw: cost.Draw, cells: Sequence[tuple[int, int]], order: int, on_progress: OnProgress
) -> Bench:
    """Run everything: the kernels once, on the first cell, and the trainings in each.

    Raises:
        DeviceError: The emulated machine failed or does not count.
    """
    rows: list[Row] = []
    absent: list[Absent] = []
    checks: dict[str, float] = {}
    losses: dict[str, list[float]] = {}
    runs: list[tuple[tuple[int, int], str, dict[str, Any]]] = []
    for number, cell in enumerate(cells):
        if number == 0:
            runs.append((cell, "dev/bench.py", {"parts": "kernels", "order": order}))
            runs.append((cell, "dev/bench.py", {"parts": "ulab"}))
        runs.append((cell, "dev/bench.py", {"parts": "backprop"}))
        runs += [(cell, "dev/cost.py", {"network": network}) for network in UFF_MEANS]
        plain = {"network": "uff1", "kernels": "plain"}
        runs.append((cell, "dev/cost.py", plain))
    for done, (cell, script, job) in enumerate(runs):

        def step(part: Progress, done: int = done) -> None:
            on_progress(Progress(part.stage, (done + part.done) / len(runs)))

        result = _run(draw, cell, script, job, step)
        if script == "dev/cost.py":
            rows.append(_training(result, cell, bool(job.get("kernels"))))
            continue
        for values in result["rows"]:
            at = None if values["task"] in TASKS else cell
            rows.append(_row(values, at))
        absent += [Absent(*values) for values in result["absent"]]
        checks |= result["checks"] or {}
        for means, values in (result["losses"] or {}).items():
            losses[f"{means}, {cell[0]} x {cell[1]}"] = values
    return Bench(tuple(rows), tuple(dict.fromkeys(absent)), checks, losses)


def _run(
    draw: cost.Draw,
    cell: tuple[int, int],
    script: str,
    job: dict[str, Any],
    on_progress: OnProgress,
) -> Result:
    # µFF trains as ever, in the arena; baselines have their arrays on the heap, and get all of it.
    heap_bytes = None if script == "dev/cost.py" else MEMORY_BYTES
    with (
        QemuTarget(firmware(), counted=True, heap_bytes=heap_bytes) as target,
        tempfile.TemporaryDirectory(prefix="uff-bench-") as folder,
    ):
        path = Path(folder) / "train.uffs"
        write_samples(path, draw(*cell))
        target.put(path, "train.uffs")
        result = target.run(script, job, on_progress)
    if not result["counted"]:
        raise DataError(f"{QemuTarget.__name__} does not count instructions.")
    return result


def _row(values: dict[str, Any], cell: tuple[int, int] | None) -> Row:
    names = ("instructions", "macs", "macs_done", "array_bytes", "remark")
    task = TRAINING if values["task"] == "one-layer training" else values["task"]
    return Row(task, values["means"], cell, *(values[name] for name in names))


def _training(result: Result, cell: tuple[int, int], plain: bool) -> Row:
    means = UFF_MEANS[result["network"]] + (", plain C" if plain else "")
    macs = result["macs"]
    return Row(TRAINING, means, cell, result["instructions"], macs, macs, result["memory_bytes"])


# --- Showing -------------------------------------------------------------------------------------


def as_json(bench: Bench) -> str:
    """Everything, as one object."""
    return json.dumps(asdict(bench), indent=2) + "\n"


def kernels(bench: Bench) -> Table:
    """The single steps, with instructions for each multiply-add that the step needs."""
    rows = []
    for task in (*TASKS, *OURS):
        for row in (row for row in bench.rows if row.task == task):
            rows.append(
                (
                    f"{row.task}, {row.means}",
                    f"{row.instructions:,}",
                    f"{row.instructions / row.macs:.2f}",
                    f"{row.instructions / row.macs_done:.2f}",
                    row.remark,
                )
            )
    return screen.table(
        "Steps of training, instructions counted on the emulated Cortex-M7",
        ("step, means", "instructions", "each needed multiply-add", "each done", ""),
        rows,
    )


def trainings(bench: Bench, cells: Sequence[tuple[int, int]]) -> Table:
    """Whole trainings, and epochs of backpropagation."""
    rows = []
    for cell in cells:
        for row in (row for row in bench.rows if row.cell == cell):
            rows.append(
                (
                    f"{cell[0]} x {cell[1]}, {row.task}, {row.means}",
                    f"{row.instructions:,}",
                    f"{row.array_bytes / 1e6:.2f}",
                    row.remark,
                )
            )
    columns = ("classes x images, what, by", "instructions", "MB of arrays", "")
    return screen.table("Trainings and epochs", columns, rows)


def sentences(bench: Bench, cells: Sequence[tuple[int, int]]) -> list[str]:
    """What follows: epochs for one training, how far baselines' results are off, who is absent."""
    lines = []
    for cell in cells:
        for network, title in UFF_MEANS.items():
            pairs = [
                (baseline, bench.epochs(network, baseline, cell)) for baseline in (DESCENT, ADAM)
            ]
            counts = ", ".join(f"{n:.2f} ({baseline})" for baseline, n in pairs if n is not None)
            if counts:
                lines.append(
                    f"{title}, {cell[0]} x {cell[1]}: a whole training costs as much as this many "
                    f"epochs of backpropagation: {counts}."
                )
    for name, difference in bench.checks.items():
        lines.append(f"{name}: its factor and ours differ by {difference:.1e} at most.")
    lines += [f"{a.task}, {a.means}: left out, {a.why}." for a in bench.absent]
    return lines
