"""What the command line shows: progress bars with the time left, tables, reports."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich import progress as bars
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from uff_host.progress import OnProgress, Progress
from uff_host.slides import FIGURES
from uff_host.target import Result
from uff_host.terminal import plain
from uff_host.verify import Report

if TYPE_CHECKING:
    from uff_host.demo import Demonstration


@contextlib.contextmanager
def progress_bar(console: Console, title: str) -> Iterator[OnProgress]:
    """A bar that lasts as long as the block; the block hands Progress records to what it gets."""
    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(bar_width=30),
        bars.TextColumn("{task.percentage:>3.0f} % {task.fields[left]}", markup=False),
    )
    shown = console.is_terminal
    with bars.Progress(*columns, console=console, transient=True, disable=not shown) as view:
        task = view.add_task(title, total=1.0, left="")

        def on_progress(step: Progress) -> None:
            left = "" if step.left_s is None else f"about {step.left_s:.0f} s left"
            text = f"{title}: {step.stage}"
            view.update(task, completed=step.done, description=text, left=left)

        yield on_progress


class NumberTable(Table):
    """A table whose first column is text and whose others are numbers.

    On a narrow screen it gives up lines, then folds what is no number, then becomes lines of text;
    no digit is ever cut off.
    """

    _GAP = 1  # between columns without lines
    _NAME, _HEAD = 8, 3  # characters that names and heads of columns may be folded to

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._fits(options.max_width):
            yield from super().__rich_console__(console, options)
            return
        if self.title:
            yield Text(str(self.title), style="bold")
        heads, cells = self._texts()
        for name, *numbers in zip(*cells, strict=True):
            pairs = zip(heads[1:], numbers, strict=True)
            told = (f"{head} {number}".strip() for head, number in pairs if number)
            yield console.render_str(f"{name}: {', '.join(told)}", highlight=False)
        if self.caption:
            yield Text(str(self.caption))

    def _texts(self) -> tuple[list[str], list[list[str]]]:
        """Heads and, of each column, the cells, as they are shown."""
        cells = [[plain(str(cell)) for cell in column.cells] for column in self.columns]
        return [plain(str(column.header)) for column in self.columns], cells

    def _fits(self, width: int) -> bool:
        """Give columns widths that need no more than this together, if that can be."""
        heads, cells = self._texts()
        numbers = [max(map(cell_len, column), default=0) for column in cells]
        widths = [max(cell_len(head), most) for head, most in zip(heads, numbers, strict=True)]
        if sum(widths) + 3 * len(widths) + 1 <= width:
            return True
        self.box, self.show_edge, self.padding = SIMPLE_HEAD, False, (0, 0, 0, 0)
        least = [max(n, min(cell_len(h), self._HEAD)) for h, n in zip(heads, numbers, strict=True)]
        least[0] = min(widths[0], self._NAME)
        while sum(widths) + self._GAP * (len(widths) - 1) > width:
            spare = [w if w > low else 0 for w, low in zip(widths, least, strict=True)]
            if not any(spare):
                return False
            widths[spare.index(max(spare))] -= 1
        for column, each in zip(self.columns, widths, strict=True):
            column.width, column.overflow = each, "fold"
        return True


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]] = ()) -> NumberTable:
    """A table whose first column is text and whose others are numbers."""
    view = NumberTable(title=title, title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        view.add_column(column, justify="right" if i else "left")
    for row in rows:
        view.add_row(*(str(cell) for cell in row))
    return view


def checks(report: Report) -> Table:
    """The checks of a verification."""
    view = Table(title="Verified on the host", title_justify="left", title_style="bold")
    for column in ("", "check", "found", "right"):
        view.add_column(column, overflow="fold")
    for check in report.checks:
        mark = Text("ok", "green") if check.ok else Text("no", "bold red")
        view.add_row(mark, check.name, check.found, check.wanted)
    return view


def training(result: Result, on: str = "unix") -> Table:
    """Stages of a training, with time and multiply-adds of each; an emulator's time is its own."""
    rows = [
        (stage["name"], f"{stage['seconds']:.3f}", f"{stage['macs'] / 1e6:,.1f}")
        for stage in result["stages"]
    ]
    macs = sum(stage["macs"] for stage in result["stages"])
    rows.append(("all, with files", f"{result['seconds']:.3f}", f"{macs / 1e6:,.1f}"))
    seconds = "s (of the emulator)" if on == "m7" else "s"
    return table("Training", ("stage", seconds, "million multiply-adds"), rows)


def training_facts(result: Result) -> str:
    """The result of train.py in a few lines."""
    left_out = result["loo_accuracy"]
    loo = "not computed" if left_out is None else f"{left_out:.4f}"
    forms = " + ".join(form for form in (result["form1"], result["form2"]) if form)
    return (
        f"{result['network']} on {result['images']} images of {result['classes']} classes "
        f"({forms}, lambda {result['lambda2']:.4g})\n"
        f"accuracy on the training images {result['fitted_accuracy']:.4f}, leave-one-out {loo}\n"
        f"{result['memory_bytes']:,} bytes of arrays, "
        f"{result['peak_bytes']:,} bytes of memory at most, model {result['model_bytes']:,} bytes"
    )


def confusion(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Table:
    """A confusion matrix: a row for what an image is, a column for what it was taken for."""
    rows = [(name, *row) for name, row in zip(names, counts, strict=True)]
    return table("Confusion matrix (rows: is, columns: predicted)", ("", *names), rows)


def demonstration(console: Console, shown: Demonstration, target: str) -> None:
    """All that the demonstration found: each network, then all beside the slides."""
    for trial in shown.trials:
        evaluation, names = trial.evaluation, trial.model.class_names
        console.rule(f"[bold]{trial.model.network}", align="left")
        console.print(training(trial.training))
        console.print(training_facts(trial.training))
        console.print()
        console.print(confusion(names, evaluation["confusion"]))
        right = f"{evaluation['correct']} of {evaluation['images']} test images right"
        console.print(f"{right} in {evaluation['seconds']:.1f} s")
        console.print()
        console.print(checks(trial.report))
        console.print(trial.report.sentence())
        console.print()
    console.print(_beside_slides(shown, target))


def _beside_slides(shown: Demonstration, target: str) -> Table:
    rows = []
    for trial in shown.trials:
        left_out = trial.training["loo_accuracy"]
        rows.append(
            (
                f"{trial.model.network}, here",
                f"{trial.evaluation['accuracy']:.4f}",
                "" if left_out is None else f"{left_out:.4f}",
                f"{trial.training['seconds']:.2f} s ({target}, this PC)",
            )
        )
    classes = len(shown.data.train.class_names)
    per_class = len(shown.data.train) // classes
    figure = FIGURES.get((classes, per_class))
    caption = None
    if figure and shown.data.instead is None:
        rows.append(
            ("µFF, the slides", f"{figure.uff:.3f}", "", f"{figure.uff_ms / 1000:.2f} s (STM32H7)")
        )
        rows.append(("backpropagation, the slides", f"{figure.backpropagation:.3f}", "", ""))
        caption = (
            "The slides do not say which classes they used. Times of this PC and of the board "
            "cannot be compared."
        )
    title = f"{classes} classes x {per_class} images"
    view = table(title, ("", "accuracy", "leave-one-out", "training"), rows)
    view.caption, view.caption_justify = caption, "left"
    return view
