"""What commands report: trainings, confusion matrices, verifications, the demonstration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from uff_host.console.screen import table
from uff_host.merging.receipt import Part, Receipt
from uff_host.merging.sums import Sums
from uff_host.published import FIGURES
from uff_host.targets.base import Result
from uff_host.verification import Report

if TYPE_CHECKING:
    from uff_host.demo import Demonstration


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


def classes_of(sums: Sums) -> Table:
    """Images of each class, in the order of the model."""
    rows = [(name, f"{sums.classes[name].images:,}") for name in sums.names()]
    return table("Merged", ("class", "images"), rows)


def receipt(found: Receipt) -> str:
    """A receipt for people, a line for each hash."""
    lines = [
        f"model    {found.model}",
        f"layer 1  {found.layer1 or 'none: the class layer sees the pixels'}",
        f"sums     {found.whole.sums}  {_part(found.whole)}",
        *(f"part     {part.sums}  {_part(part)}" for part in found.parts),
        *(f"without  {part.sums}  {_part(part)}" for part in found.without),
    ]
    if not found.parts:
        lines.append("It was not merged, or its receipt does not lie beside it.")
    return "\n".join(lines)


def _part(part: Part) -> str:
    each = ", ".join(f"{name} {count:,}" for name, count in part.classes.items())
    return f"{part.images:,} images ({each})"


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
