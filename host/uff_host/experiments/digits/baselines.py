"""Convolutional networks on real digits: trained here and kept, or as the committed figures are.

They see the very images that `uff experiment digits` trains and tests µFF on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from uff_host import files
from uff_host.datasets import mnist_digits
from uff_host.datasets.own_images import Classes
from uff_host.errors import DataError
from uff_host.experiments.accuracy import grid, results, table
from uff_host.experiments.accuracy.baselines import BASELINES, INSTALL
from uff_host.experiments.accuracy.grid import TITLES, Cell
from uff_host.experiments.accuracy.results import Store
from uff_host.formats.samples import Samples
from uff_host.targets.base import Target

NETWORKS = ("cnn", "cnn_aug")
CLASS_IDS = tuple(range(len(mnist_digits.CLASS_NAMES)))


@dataclass(frozen=True)
class Figures:
    """A baseline's accuracy by each seed, at the setting that is best on the test images."""

    network: str
    images: int  # of each digit
    accuracies: tuple[float, ...]
    settings: str
    recorded: bool = False  # taken from the committed figures

    @property
    def name(self) -> str:
        return f"MNIST, {self.images} of each, {TITLES[self.network]}"


@dataclass(frozen=True)
class DigitSplits:
    """The digits as a table draws them: all ten classes. A mirrored 3 is no 3."""

    data: Classes
    mirrored: bool = False

    def train(self, class_ids: Sequence[int], n: int, seed: int) -> Samples:
        """n training images of each, drawn by seed."""
        return mnist_digits.split(self.data, n, seed)[0]

    def test(self, class_ids: Sequence[int]) -> Samples:
        """The 2,000 test images, which are the same for any seed."""
        return mnist_digits.split(self.data, 1, 0)[1]


def train(data: Classes, images: Sequence[int], seeds: int, console: Console) -> list[Figures]:
    """Figures of all baselines; what was trained before, with the same code, comes from the cache.

    Raises:
        DataError: A baseline's packages are not installed.
        UffError: A baseline failed.
        OSError: The cache cannot be written.
    """
    if missing := [name for network in NETWORKS for name in BASELINES[network].missing()]:
        raise DataError(f"{' and '.join(dict.fromkeys(missing))}: not installed; {INSTALL}")
    splits = DigitSplits(data)
    versions = results.versions(NETWORKS, "")
    store = Store(files.cache_folder() / "table", splits, versions)
    tasks = grid.tasks(NETWORKS, [Cell(CLASS_IDS, n) for n in images], seeds)
    rows = table.compute(splits, _no_target, store, tasks, console)
    return [Figures(row.network, row.images, row.accuracies, row.settings) for row in rows]


def _no_target() -> Target:
    raise AssertionError("baselines need no target")


def record() -> Path:
    """Where `uff experiment digits --baselines --json` puts the figures that are committed."""
    return files.pictures() / "digits.json"


def recorded(kept: Path, images: Sequence[int], seeds: int) -> list[Figures]:
    """What the JSON of a report has of the baselines by as many seeds, and nothing where it is
    missing or is no such file."""
    try:
        rows = dict(json.loads(kept.read_text()))
        wanted = [Figures(network, n, (), "", True) for n in images for network in NETWORKS]
        return [
            replace(
                figures,
                accuracies=tuple(map(float, rows[figures.name]["accuracy"])),
                settings=str(rows[figures.name]["settings"]),
            )
            for figures in wanted
            if figures.name in rows and len(rows[figures.name]["accuracy"]) == seeds
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []
