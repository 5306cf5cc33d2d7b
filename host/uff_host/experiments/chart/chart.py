"""Accuracy over the instructions of a training, µFF's and its baselines'.

Three other experiments have written what is joined here: table the accuracies, cost the
instructions of µFF's trainings, bench those of an epoch of backpropagation. Nobody has trained the
convolutional network on a Cortex-M7; its instructions are an estimate from its multiply-adds, with
bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.table import Table

from uff_host import files
from uff_host.console import screen
from uff_host.datasets.fashion_mnist import SIDE
from uff_host.errors import DataError
from uff_host.experiments.accuracy import record
from uff_host.experiments.accuracy.baselines import backpropagation, convolutional
from uff_host.experiments.accuracy.baselines.lenet import training_macs
from uff_host.experiments.accuracy.grid import UFF, Cell, Row
from uff_host.experiments.instructions.bench import ADAM, EPOCH

Loaded = TypeVar("Loaded")

# Instructions of a multiply-add at the least: µFF's Gram matrix, the best kernel that this project
# has (`make bench`). It multiplies 16-bit integers, two at once; a gradient wants more bits.
LEAST = 0.78
EPOCHS = {
    "bp": {str(setting): setting.epochs for setting in backpropagation.PLAIN},
    "bp_reg": {str(setting): setting.epochs for setting in backpropagation.REGULARISED},
}
CONVOLUTIONAL = {"cnn": convolutional.PLAIN, "cnn_aug": convolutional.DISTORTED}


@dataclass(frozen=True)
class Training:
    """Instructions of a whole training on the emulated Cortex-M7."""

    network: str
    cell: Cell
    instructions: int


@dataclass(frozen=True)
class Epoch:
    """Instructions and multiply-adds of an epoch of backpropagation there, by Adam."""

    cell: Cell
    instructions: int
    macs: int


@dataclass(frozen=True)
class Point:
    """A network after a training. most is as instructions where these were counted, and the upper
    bound where they are an estimate; remark says how long the training was."""

    network: str
    cell: Cell
    accuracy: float
    instructions: float
    most: float
    remark: str = ""


def points(
    rows: Sequence[Row], trainings: Sequence[Training], epochs: Sequence[Epoch]
) -> list[Point]:
    """What can be drawn: each network in each cell that has a row and a count.

    Of baselines that were tried with several lengths of training, the best accuracy for each.
    """
    counted = {(done.network, done.cell): done.instructions for done in trainings}
    of_epoch = {epoch.cell: epoch for epoch in epochs}
    found: list[Point] = []
    for row in rows:
        epoch = of_epoch.get(row.cell)
        instructions = counted.get((row.network, row.cell))
        if row.network in UFF and instructions is not None:
            found.append(Point(row.network, row.cell, row.mean, instructions, instructions))
        elif row.network in EPOCHS and epoch:
            found += _of_backpropagation(row, epoch)
        elif row.network in CONVOLUTIONAL and epoch:
            found += _of_convolution(row, epoch)
    return found


def _of_backpropagation(row: Row, epoch: Epoch) -> list[Point]:
    lengths = EPOCHS[row.network]
    best: dict[int, float] = {}
    for setting, accuracy in row.tried.items():
        best[lengths[setting]] = max(accuracy, best.get(lengths[setting], 0.0))
    return [
        Point(row.network, row.cell, accuracy, n * cost, n * cost, f"{n} epochs")
        for n, accuracy in sorted(best.items())
        for cost in [epoch.instructions]
    ]


def _of_convolution(row: Row, epoch: Epoch) -> list[Point]:
    """Bounds: µFF's best kernel, and the baseline's own float arithmetic as bench.py counts it."""
    k = len(row.class_ids)
    n = k * row.images
    most = epoch.instructions / epoch.macs
    best: dict[float, float] = {}
    for setting in CONVOLUTIONAL[row.network]:
        if str(setting) not in row.tried:
            continue
        seen = setting.steps(n) * setting.batch
        best[seen] = max(row.tried[str(setting)], best.get(seen, 0.0))
    return [
        Point(row.network, row.cell, accuracy, macs * LEAST, macs * most, f"{seen / n:.0f} epochs")
        for seen, accuracy in sorted(best.items())
        for macs in [seen * training_macs(SIDE, SIDE, k)]
    ]


# --- Files ---------------------------------------------------------------------------------------


def load_trainings(path: Path) -> list[Training]:
    """From the JSON of `uff experiment cost`.

    Raises:
        DataError: The file is none.
    """

    def parse(rows: Any) -> list[Training]:
        return [
            Training(row["network"], _cell(row["classes"], row["images"]), row["instructions"])
            for row in rows
        ]

    return _load(path, parse, "uff experiment cost --json")


def load_epochs(path: Path) -> list[Epoch]:
    """From the JSON of `uff experiment bench`.

    Raises:
        DataError: The file is none.
    """

    def parse(bench: Any) -> list[Epoch]:
        return [
            Epoch(_cell(*row["cell"]), row["instructions"], row["macs"])
            for row in bench["rows"]
            if (row["task"], row["means"]) == (EPOCH, ADAM)
        ]

    return _load(path, parse, "uff experiment bench --json")


def load_rows(path: Path) -> list[Row]:
    """From the JSON of `uff experiment table`.

    Raises:
        DataError: The file is none.
    """
    return _load(path, record.parse, "uff experiment table --json")


def _load(path: Path, parse: Callable[[Any], Loaded], command: str) -> Loaded:
    try:
        return parse(files.read_json(path))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; `{command}` writes it.") from None
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{path} is not what `{command}` writes.") from None


def _cell(classes: int, images: int) -> Cell:
    return Cell(tuple(range(classes)), images)


def table(found: Iterable[Point]) -> Table:
    """What is drawn, in numbers."""
    rows = []
    for point in found:
        counts = dict.fromkeys(f"{n / 1e6:,.0f}" for n in (point.instructions, point.most))
        name = f"{len(point.cell.class_ids)} x {point.cell.images}, {point.network}"
        remark = f", {point.remark}" if point.remark else ""
        rows.append((name + remark, f"{point.accuracy:.4f}", " to ".join(counts)))
    columns = ("classes x images, network", "accuracy", "million instructions")
    return screen.table("Accuracy and what the training costs", columns, rows)
