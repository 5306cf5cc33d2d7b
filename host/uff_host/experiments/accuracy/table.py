"""µFF as the device computes it beside its baselines, over classes, images and seeds.

The numbers come from task_runner.py, the picture from plot.py.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict

from rich import progress as bars
from rich.console import Console
from rich.table import Table

from uff_host.console import screen
from uff_host.datasets import fashion_mnist
from uff_host.experiments.accuracy import grid
from uff_host.experiments.accuracy.baselines import BASELINES, INSTALL, Score
from uff_host.experiments.accuracy.grid import TITLES, UFF, Cell, Row, Task
from uff_host.experiments.accuracy.results import Splits, Store
from uff_host.experiments.accuracy.task_runner import Remote, TaskRunner
from uff_host.progress import Progress
from uff_host.published import FIGURES
from uff_host.targets.base import Target

WORKERS = 2
SLIDES = "slides (other classes?)"
SLIDE_ROWS = {"uff": f"µFF, {SLIDES}", "backpropagation": f"backpropagation, {SLIDES}"}


def compute(
    splits: Splits,
    connect: Callable[[], Target],
    store: Store,
    tasks: Sequence[Task],
    console: Console,
    *,
    targets: int = WORKERS,
    fresh: bool = False,
    remote: Remote | None = None,
    workers: int = WORKERS,
) -> list[Row]:
    """The rows of all tasks, each network and cell as soon as its last seed is done.

    remote: where tasks are computed, if not here; workers: so many at once.

    Raises:
        UffError: A task failed; what is finished is kept.
        OSError: A file cannot be written.
        KeyboardInterrupt: The user stopped it; what is finished is kept.
    """
    known = {} if fresh else {task: scores for task in tasks if (scores := store.load(task))}
    left = [task for task in tasks if task not in known]
    if known:
        console.print(f"{len(known)} of {len(tasks)} results are known already.", highlight=False)
    with _ProgressView(console, tasks, known) as watcher:
        try:
            TaskRunner(splits, connect, store, watcher, targets, remote).run(left, workers)
        except KeyboardInterrupt:
            console.print(
                f"{len(watcher.scores)} of {len(tasks)} results are kept. "
                f"The same command{' without --fresh' if fresh else ''} goes on from there.",
                highlight=False,
            )
            raise
    return watcher.rows()


def _about_absent(networks: Sequence[str], recorded: bool) -> str:
    """Which networks cannot be computed here, and what is shown instead."""
    packages = dict.fromkeys(name for n in networks for name in BASELINES[n].missing())
    return f"{', '.join(networks)}: not computed without {' and '.join(packages)}; {INSTALL} " + (
        "What the committed table has is shown instead." if recorded else "Nothing is shown."
    )


def _in_order(rows: Sequence[Row], networks: Sequence[str], wanted: Sequence[Cell]) -> list[Row]:
    """As tasks are ordered: cell by cell."""
    return sorted(rows, key=lambda row: (wanted.index(row.cell), networks.index(row.network)))


class _ProgressView:
    """Bars for the whole and for each task at work, and a line for each row that is complete."""

    def __init__(
        self, console: Console, tasks: Sequence[Task], known: dict[Task, list[Score]]
    ) -> None:
        self._console, self._tasks = console, tasks
        self.scores: dict[Task, Sequence[Score]] = dict(known)
        self._bars: dict[Task, bars.TaskID] = {}
        self._done: dict[Task, float] = {}
        self._lock = threading.Lock()
        self._view = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(bar_width=30),
            bars.TextColumn("{task.percentage:>3.0f} %"),
            bars.TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
        )
        self._todo_s = sum(task.expected_s for task in tasks if task not in known)
        self._whole = self._view.add_task("All", total=self._todo_s or 1.0, left="")

    def __enter__(self) -> _ProgressView:
        self._view.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._view.stop()

    def at_work(self, task: Task, progress: Progress) -> None:
        text = f"  {task.network}, {task.cell}, seed {task.seed}: {progress.stage}"
        with self._lock:
            if task not in self._bars:
                self._bars[task] = self._view.add_task(text, total=1.0, left="")
            self._view.update(self._bars[task], completed=progress.done, description=text)
            self._done[task] = progress.done
            self._show_whole()

    def finished(self, task: Task, scores: Sequence[Score]) -> None:
        with self._lock:
            if task in self._bars:
                self._view.remove_task(self._bars.pop(task))
            self._done[task] = 1.0
            self.scores[task] = scores
            self._show_whole()
            mine = [t for t in self._tasks if (t.network, t.cell) == (task.network, task.cell)]
            if all(t in self.scores for t in mine):
                row = grid.row(task.network, task.cell, [self.scores[t] for t in mine])
                text = f"{task.cell}: {row.title} {_mean_sd(row)}"
                self._console.print(text, highlight=False, markup=False)

    def _show_whole(self) -> None:
        done_s = sum(part * task.expected_s for task, part in self._done.items())
        elapsed = self._view.tasks[0].elapsed or 0.0
        left = ""
        if done_s > 0 and elapsed > 2:
            seconds = elapsed * (self._todo_s - done_s) / done_s
            left = (
                f"about {seconds / 60:.0f} min left"
                if seconds > 90
                else f"about {seconds:.0f} s left"
            )
        text = f"{len(self.scores)} of {len(self._tasks)} results"
        self._view.update(self._whole, completed=done_s, description=text, left=left)

    def rows(self) -> list[Row]:
        """All rows, in the order of the tasks."""
        groups: dict[tuple[str, Cell], list[Sequence[Score]]] = {}
        for task in self._tasks:
            groups.setdefault((task.network, task.cell), []).append(self.scores[task])
        return [grid.row(network, cell, scores) for (network, cell), scores in groups.items()]


# --- What is shown -------------------------------------------------------------------------------


def _mean_sd(row: Row | None) -> str:
    if row is None:
        return ""
    return f"{row.mean:.4f}" if row.sd is None else f"{row.mean:.4f} ± {row.sd:.4f}"


def _figure(cell: Cell, row: str) -> str:
    """What the slides have for as many classes and images, or nothing."""
    figure = FIGURES.get((len(cell.class_ids), cell.images))
    return f"{getattr(figure, row):.3f}" if figure else ""


def _grid(rows: Sequence[Row]) -> tuple[dict[str, str], list[Cell], dict[tuple[str, Cell], Row]]:
    """Titles of the networks, the cells, and the row of each pair that has one."""
    titles = {row.network: row.title for row in rows}
    found = list(dict.fromkeys(row.cell for row in rows))
    return titles, found, {(row.network, row.cell): row for row in rows}


def accuracies(rows: Sequence[Row]) -> Table:
    """Mean and deviation of one set of classes: networks down, images across."""
    titles, found, at = _grid(rows)
    ids = rows[0].class_ids
    names = ", ".join(fashion_mnist.CLASS_NAMES[c] for c in ids)
    columns = ["accuracy on the test images", *(f"{cell.images} a class" for cell in found)]
    view = screen.table(f"{len(ids)} classes ({names}), {rows[0].seeds} seeds", columns)
    for network in titles:
        style = "bold" if network in UFF else None
        view.add_row(
            titles[network], *(_mean_sd(at.get((network, cell))) for cell in found), style=style
        )
    figures = {
        title: [_figure(cell, name) for cell in found] for name, title in SLIDE_ROWS.items()
    }
    for title, shown in figures.items():
        if any(shown):
            view.add_row(title, *shown, style="dim")
    return view


def settings(rows: Sequence[Row]) -> Table:
    """Which setting each baseline is shown at."""
    view = Table(
        title="Settings of the baselines, the best on the test images",
        title_justify="left",
        title_style="bold",
    )
    for column in ("baseline", "cell", "of", "setting"):
        view.add_column(column)
    for row in sorted(rows, key=lambda row: list(TITLES).index(row.network)):
        if len(row.tried) > 1:
            view.add_row(row.network, str(row.cell), str(len(row.tried)), row.settings)
    return view


def as_json(rows: Sequence[Row]) -> str:
    """A list of objects, one for each network and cell, with the fields of Row."""
    return json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1) + "\n"


def as_markdown(rows: Sequence[Row]) -> str:
    """Networks down, cells across, the best of a cell bold, the slides' figures below."""
    titles, found, at = _grid(rows)
    best = {cell: max(row.mean for row in rows if row.cell == cell) for cell in found}

    def shown(row: Row | None) -> str:
        if row is None:
            return ""
        mean = f"**{row.mean:.4f}**" if row.mean == best[row.cell] else f"{row.mean:.4f}"
        return mean if row.sd is None else f"{mean} ± {row.sd:.4f}"

    def line(words: Sequence[str]) -> str:
        return f"| {' | '.join(words)} |"

    lines = [line(["classes x images", *(_cell_name(cell) for cell in found)])]
    lines.append(line(["---"] + ["---:"] * len(found)))
    for network, title in titles.items():
        lines.append(line([title, *(shown(at.get((network, cell))) for cell in found)]))
    for name, title in SLIDE_ROWS.items():
        figures = [_figure(cell, name) for cell in found]
        if any(figures):
            lines.append(line([title, *figures]))
    lines.append("")
    deviation = " ± standard deviation" if rows[0].seeds > 1 else ""
    lines.append(f"Accuracy on the test images: mean{deviation} over {rows[0].seeds} seeds.")
    baselines = [row for row in rows if len(row.tried) > 1]
    if baselines:
        lines.append(
            "Each baseline is shown at the setting that is best on the test images themselves:"
        )
        lines += ["", line(["baseline", "cell", "setting"]), line(["---"] * 3)]
        baselines.sort(key=lambda row: list(titles).index(row.network))
        for row in baselines:
            lines.append(line([row.title, _cell_name(row.cell), row.settings]))
    return "\n".join(lines) + "\n"


def _cell_name(cell: Cell) -> str:
    """3 x 100 for the classes 0 to 2, else the classes themselves."""
    ids = cell.class_ids
    first = ids == tuple(range(len(ids)))
    return f"{len(ids) if first else ','.join(map(str, ids))} x {cell.images}"
