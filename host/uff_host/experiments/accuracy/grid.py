"""What a table is made of: cells, the tasks that fill them, and the rows that come out.

A cell is some classes and a count of training images; a task is one network in one cell with one
seed; a row is one network in one cell over all seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from uff_host.datasets.fashion_mnist import CLASS_NAMES, PER_CLASS, TEST_IMAGES
from uff_host.errors import DataError
from uff_host.experiments.accuracy.baselines import BASELINES, Score
from uff_host.formats.model import MAX_ROWS

UFF = {
    "uff2": "µFF, two layers",
    "uff1": "µFF, one layer",
    "uff_conv": "µFF, patches",
    "uff_kernel": "µFF, patches and kernel",
    "uff_mirror": "µFF, mirrored patches and kernel",
}
TITLES = UFF | {name: baseline.title for name, baseline in BASELINES.items()}
DEFAULTS = "defaults"  # the one setting of µFF

# Seconds of one core of a PC: a fixed part, per 1,000 training images, per 10^9 of their cubes
_COSTS = {
    "uff2": (0.2, 0.6, 0.0),
    "uff1": (0.2, 0.3, 0.0),
    "uff_conv": (3.0, 1.5, 0.0),
    "uff_kernel": (3.0, 4.0, 0.2),
    "uff_mirror": (3.0, 4.0, 0.2),
    "bp": (0.5, 14.0, 0.0),
    "bp_reg": (0.5, 18.0, 0.0),
    "ff": (0.5, 24.0, 0.0),
    "ridge": (0.6, 0.4, 0.0),
    "elm": (0.6, 0.2, 0.0),
    "krr": (0.5, 0.6, 0.4),
    "cnn": (4.0, 40.0, 0.0),
    "cnn_aug": (48.0, 0.0, 0.0),
    "nearest_mean": (0.4, 0.0, 0.0),
}


@dataclass(frozen=True)
class Cell:
    """Classes of Fashion-MNIST and the training images of each."""

    class_ids: tuple[int, ...]
    images: int

    def __str__(self) -> str:
        ids = ",".join(map(str, self.class_ids))
        return f"classes {ids} x {self.images}"


@dataclass(frozen=True)
class Task:
    """One network in one cell, with the seed of draw and training."""

    network: str
    cell: Cell
    seed: int

    @property
    def expected_s(self) -> float:
        """What it may take; good for the share of a bar, not for a report."""
        fixed, linear, cubic = _COSTS[self.network]
        thousands = len(self.cell.class_ids) * self.cell.images / 1000
        return fixed + linear * thousands + cubic * thousands**3


def tasks(networks: Sequence[str], cells: Sequence[Cell], seeds: int) -> list[Task]:
    """All tasks, cell by cell."""
    return [Task(n, cell, seed) for cell in cells for n in networks for seed in range(seeds)]


def check(networks: Sequence[str], cells: Sequence[Cell], seeds: int) -> None:
    """See that a table can be made.

    Raises:
        DataError: Networks, classes, counts or seeds that cannot be.
    """
    unknown = [network for network in networks if network not in TITLES]
    if unknown or not networks:
        raise DataError(f"Network {', '.join(unknown)!r}: there are {', '.join(TITLES)}.")
    if len(set(networks)) != len(networks):
        raise DataError(f"Networks {', '.join(networks)}: each one may come once.")
    if not 1 <= seeds <= 1000:
        raise DataError(
            f"{seeds} seeds: 1 to 1000 are possible, 5 or more are wanted for a report."
        )
    if len(set(cells)) != len(cells):
        raise DataError("The same classes with the same count of images come twice.")
    pool = PER_CLASS - TEST_IMAGES
    for cell in cells:
        ids, n = cell.class_ids, cell.images
        wrong = [c for c in ids if not 0 <= c < len(CLASS_NAMES)]
        if wrong:
            raise DataError(f"Class {wrong[0]}: Fashion-MNIST has the classes 0 to 9.")
        if len(ids) < 2 or len(set(ids)) != len(ids):
            raise DataError(
                f"Classes {','.join(map(str, ids))}: two or more different ones are needed."
            )
        if not 1 <= n <= pool:
            raise DataError(f"{n} images a class: 1 to {pool:,} can be drawn.")
        if n * len(ids) > MAX_ROWS:
            raise DataError(
                f"{len(ids)} classes x {n} images are {n * len(ids):,}: µFF's exact sums hold "
                f"{MAX_ROWS:,} at most, so take {MAX_ROWS // len(ids)} a class or fewer."
            )


@dataclass(frozen=True)
class Row:
    """A network in a cell over all seeds. sd has n - 1 below the root, and is None for one seed.

    settings is the one shown, tried holds the mean accuracy of every setting. A recorded row is
    of an earlier table: what computes it is not installed here.
    """

    network: str
    class_ids: tuple[int, ...]
    images: int
    seeds: int
    mean: float
    sd: float | None
    accuracies: tuple[float, ...]
    settings: str
    tried: dict[str, float]
    recorded: bool = False

    @property
    def cell(self) -> Cell:
        return Cell(self.class_ids, self.images)

    @property
    def title(self) -> str:
        """Of the network, as a table shows it."""
        return TITLES[self.network] + (" (recorded)" if self.recorded else "")


def row(network: str, cell: Cell, by_seed: Sequence[Sequence[Score]]) -> Row:
    """The setting of the best mean on the test images, the earlier one among equals."""
    settings = [score.setting for score in by_seed[0]]
    table = np.array([[score.accuracy for score in scores] for scores in by_seed])
    means = table.mean(axis=0)
    best = int(means.argmax())
    chosen = table[:, best]
    return Row(
        network,
        cell.class_ids,
        cell.images,
        len(by_seed),
        float(means[best]),
        float(chosen.std(ddof=1)) if len(chosen) > 1 else None,
        tuple(float(accuracy) for accuracy in chosen),
        settings[best],
        {setting: float(mean) for setting, mean in zip(settings, means, strict=True)},
    )
