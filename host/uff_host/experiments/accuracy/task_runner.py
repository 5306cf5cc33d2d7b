"""Works off the tasks of a table, a few at a time.

µFF is trained and tested by the device's own scripts on a target; a baseline by numpy in a process
of its own. Both read the same two samples files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

from uff_host import files
from uff_host.errors import DeviceError, UffError
from uff_host.experiments.accuracy.baselines import BASELINES, Score
from uff_host.experiments.accuracy.grid import DEFAULTS, UFF, Task
from uff_host.experiments.accuracy.results import Splits
from uff_host.formats.samples import write_samples
from uff_host.progress import Progress
from uff_host.targets.base import Target


class Watcher(Protocol):
    """Is called as tasks go on. Called from several threads."""

    def at_work(self, task: Task, progress: Progress) -> None:
        """A task has come so far."""

    def finished(self, task: Task, scores: Sequence[Score]) -> None:
        """A task is done and kept."""


class ScoreStore(Protocol):
    """Takes the scores of a task; a Store is one."""

    def save(self, task: Task, scores: Sequence[Score]) -> None:
        """Keep them."""


# Sends a task and its two samples files elsewhere, where its scores are computed
Remote = Callable[[Task, Path, Path], "Future[Any]"]
POLL_S = 0.2


class _Stopped(Exception):
    """Another worker failed, or the user stopped the table."""


class TaskRunner:
    """Works off tasks, a few at a time, and keeps each result at once."""

    def __init__(
        self,
        splits: Splits,
        connect: Callable[[], Target],
        store: ScoreStore,
        watcher: Watcher,
        targets: int,
        remote: Remote | None = None,
    ) -> None:
        """targets: how many targets there can be at once; of a board there is one. remote: where
        tasks are computed, if not here."""
        self._remote = remote
        self._splits, self._connect, self._store, self._watcher = splits, connect, store, watcher
        self._lock = threading.Lock()
        self._targets = threading.Semaphore(targets)
        self._stop = threading.Event()
        self._processes: set[subprocess.Popen[str]] = set()
        self._errors: list[Exception] = []

    def run(self, tasks: Sequence[Task], workers: int) -> None:
        """Work off all tasks in `workers` threads, in the order given.

        An error or KeyboardInterrupt ends what runs; the tasks finished until then are kept.

        Raises:
            UffError: A task failed.
            OSError: A file cannot be written.
        """
        queue = iter(tasks)
        with tempfile.TemporaryDirectory(prefix="uff-table-") as folder:
            threads = [
                threading.Thread(target=self._worker, args=(queue, Path(folder)))
                for _ in range(min(workers, len(tasks)))
            ]
            try:
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            finally:
                self._end()
                for thread in threads:
                    if thread.ident is not None:
                        thread.join()
        if self._errors:
            raise self._errors[0]

    def _worker(self, queue: Iterator[Task], folder: Path) -> None:
        while not self._stop.is_set():
            with self._lock:
                task = next(queue, None)
            if task is None:
                return
            try:
                scores = self.scores(task, folder)
                self._store.save(task, scores)
                self._watcher.finished(task, scores)
            except _Stopped:
                return
            except Exception as error:  # handed to the caller of run()
                if not self._stop.is_set():
                    self._errors.append(error)
                self._end()
                return

    def _end(self) -> None:
        self._stop.set()
        with self._lock:
            for process in self._processes:
                process.kill()

    def scores(self, task: Task, folder: Path) -> list[Score]:
        """The scores of a task, whose files are kept in a folder for others."""
        train, test = self._files(task, folder)
        if self._remote:
            return self._elsewhere(self._remote(task, train, test), task)
        self._at_work(task, Progress("Starting", 0.0))
        if task.network in UFF:
            return [Score(DEFAULTS, self._uff_accuracy(task, train, test))]
        return self._baseline_scores(task, train, test)

    def _elsewhere(self, future: Future[Any], task: Task) -> list[Score]:
        """Wait for scores, and let go of them when the table is stopped."""
        try:
            while not future.done():
                self._at_work(task, Progress("On the cluster", 0.0))
                time.sleep(POLL_S)
            return list(future.result())
        except _Stopped:
            future.cancel()
            raise

    def _files(self, task: Task, folder: Path) -> tuple[Path, Path]:
        """The two samples files of a task, written when they are first needed."""
        ids, n = task.cell.class_ids, task.cell.images
        name = "-".join(map(str, ids))
        train, test = folder / f"{name}-{n}-{task.seed}.uffs", folder / f"{name}-test.uffs"
        with self._lock:
            if not test.exists():
                write_samples(test, self._splits.test(ids))
            if not train.exists():
                write_samples(train, self._splits.train(ids, n, task.seed))
        return train, test

    def _at_work(self, task: Task, progress: Progress) -> None:
        if self._stop.is_set():
            raise _Stopped
        self._watcher.at_work(task, progress)

    def _uff_accuracy(self, task: Task, train: Path, test: Path) -> float:
        """What the device's code reaches. Training and testing count as one half each."""

        def half(base: float) -> Callable[[Progress], None]:
            return lambda step: self._at_work(task, Progress(step.stage, base + step.done / 2))

        job = {"network": task.network, "seed": task.seed, "leave_one_out": False}
        with self._targets, self._connect() as target:
            self._at_work(task, Progress("Starting", 0.0))
            target.put(train, "train.uffs")
            target.put(test, "test.uffs")
            target.run("train.py", job, half(0.0))
            result = target.run("evaluate.py", {"samples": "test.uffs"}, half(0.5))
        try:
            return int(result["correct"]) / int(result["images"])  # the device divides in float32
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            raise DeviceError("evaluate.py gave a result without a count of images.") from None

    def _baseline_scores(self, task: Task, train: Path, test: Path) -> list[Score]:
        """Each setting of a baseline, from a process of its own."""
        baseline = BASELINES[task.network]
        arguments = [task.network, str(train), str(test), "--seed", str(task.seed)]
        if self._splits.mirrored:
            arguments.append("--mirrored")
        scores: list[Score] = []
        with self._lock:
            if self._stop.is_set():
                raise _Stopped
            process = subprocess.Popen(
                [sys.executable, "-m", "uff_host.experiments.accuracy.baselines", *arguments],
                env=os.environ | _baseline_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,  # Ctrl-C reaches the host alone, which then ends the child
            )
            self._processes.add(process)
        last_line = ""
        try:
            assert process.stdout is not None
            for line in process.stdout:
                word, _, rest = line.partition(" ")
                if word == "@score":
                    scores.append(Score(**json.loads(rest)))
                    of = len(baseline.settings)
                    stage = f"{len(scores)} of {of} settings"
                    self._at_work(task, Progress(stage, len(scores) / of))
                elif line.strip():
                    last_line = line.strip()
            process.wait()
        finally:
            with self._lock:
                self._processes.discard(process)
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if self._stop.is_set():
            raise _Stopped
        if process.returncode or len(scores) != len(baseline.settings):
            raise UffError(
                f"{baseline.title} ({task.cell}, seed {task.seed}) ended with status "
                f"{process.returncode} at setting {len(scores) + 1}. {last_line}"
            )
        return scores


def _baseline_environment() -> dict[str, str]:
    """One thread for matrices, in NumPy and in JAX, which keeps in the cache what it compiled."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
    package = str(Path(__file__).resolve().parents[1])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    return dict.fromkeys(names, "1") | {
        "PYTHONPATH": os.pathsep.join(paths),
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(files.cache_folder() / "jax"),
    }
