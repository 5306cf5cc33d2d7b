"""Tasks of a table on a Dask cluster. A worker has this package, and the firmware that `make unix`
builds; images and results go over the wire."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uff_host.experiments.accuracy.baselines import Score
from uff_host.experiments.accuracy.grid import Task
from uff_host.experiments.accuracy.task_runner import TaskRunner
from uff_host.formats.samples import Samples, unpack_samples
from uff_host.progress import Progress
from uff_host.targets.connect import connect

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class _TaskSplits:
    """The images of one task."""

    mirrored: bool
    training: Samples
    testing: Samples

    def train(self, class_ids: Sequence[int], n: int, seed: int) -> Samples:
        return self.training

    def test(self, class_ids: Sequence[int]) -> Samples:
        return self.testing


class _NoReport:
    """Nobody watches a worker, and the scores go back to who asked."""

    def at_work(self, task: Task, progress: Progress) -> None: ...

    def finished(self, task: Task, scores: Sequence[Score]) -> None: ...

    def save(self, task: Task, scores: Sequence[Score]) -> None: ...


def scores(task: Task, train: bytes, test: bytes, mirrored: bool, on: str) -> list[Score]:
    """The scores of a task, on a worker; train and test are samples files.

    Raises:
        UffError: It failed.
    """
    splits = _TaskSplits(mirrored, unpack_samples(train), unpack_samples(test))
    no_report = _NoReport()
    runner = TaskRunner(splits, lambda: connect(on), no_report, no_report, targets=1)
    with tempfile.TemporaryDirectory(prefix="uff-table-") as folder:
        return runner.scores(task, Path(folder))


def remote(client: Client, mirrored: bool, on: str) -> Callable[[Task, Path, Path], Future[Any]]:
    """What sends a task and its two files to the cluster."""

    def send(task: Task, train: Path, test: Path) -> Future[Any]:
        sent: Future[Any] = client.submit(
            scores, task, train.read_bytes(), test.read_bytes(), mirrored, on, pure=False
        )
        return sent

    return send
