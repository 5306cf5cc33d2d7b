"""`uff evaluate`"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from uff_host import files
from uff_host.cli import reports
from uff_host.cli.argument_types import Parser, add_on
from uff_host.cli.samples_input import read
from uff_host.console import screen
from uff_host.console.terminal import Terminal
from uff_host.errors import DataError
from uff_host.formats.model import Model
from uff_host.formats.model_file import read_model
from uff_host.formats.samples import Samples
from uff_host.targets.base import Result, naming
from uff_host.targets.connect import connect

STDOUT = Path("-")


def arguments(command: Parser) -> None:
    """The arguments of `uff evaluate`."""
    command.explain(
        "Predicts every sample of a file on a target, by the script of a board. Classes of model "
        "and samples belong together by their names.",
        ("uff evaluate model.uffm test.uffs", "accuracy and confusion matrix"),
        ("uff evaluate model.uffm test.uffs --plot confusion.png --csv confusion.csv",
         "the matrix as a picture and as a table"),
        ("uff evaluate model.uffm test.uffs --json | jq .accuracy", "for a program to read"),
        ("uff evaluate model.uffm test.uffs --predictions p.bin", "for `uff verify`"),
    )  # fmt: skip
    command.add_argument("model", type=Path, help="model file")
    command.add_argument("samples", type=Path, help="samples file")
    command.add_argument(
        "--by-index",
        action="store_true",
        help="match classes by number, whatever their names",
    )
    for kind, what in (("json", "everything as JSON"), ("csv", "the confusion matrix as CSV")):
        command.add_argument(
            f"--{kind}",
            type=Path,
            nargs="?",
            const=STDOUT,
            metavar="FILE",
            help=f"write {what}; without FILE to the standard output, and nothing else there",
        )
    command.add_argument(
        "--plot", type=Path, metavar="PNG", help="draw the confusion matrix as a picture"
    )
    command.add_argument("--predictions", type=Path, help="where to keep every prediction")
    add_on(command)
    command.set_defaults(do=do)


@dataclass(frozen=True)
class OfClass:
    """A class in an evaluation. Parts are None where there is nothing to take a part of."""

    name: str
    images: int
    right: int
    recall: float | None  # part of its images that were right
    precision: float | None  # part right of those that were taken for it


@dataclass(frozen=True)
class Evaluation:
    """What came out; confusion[c][p] counts images of class c that were taken for p."""

    images: int
    correct: int
    accuracy: float
    classes: tuple[OfClass, ...]
    confusion: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, names: Sequence[str], result: Result) -> Evaluation:
        """From the result of evaluate.py."""
        confusion = tuple(tuple(map(int, row)) for row in result["confusion"])
        taken = [sum(column) for column in zip(*confusion, strict=True)]
        classes = []
        for c, (name, row) in enumerate(zip(names, confusion, strict=True)):
            n, right = sum(row), row[c]
            recall, precision = (right / of if of else None for of in (n, taken[c]))
            classes.append(OfClass(name, n, right, recall, precision))
        n, right = sum(c.images for c in classes), sum(c.right for c in classes)
        return cls(n, right, right / n, tuple(classes), confusion)

    def sentence(self) -> str:
        """For people."""
        return f"{self.correct} of {self.images} right, accuracy {self.accuracy:.4f}"


def check(model: Model, samples: Samples, options: argparse.Namespace) -> None:
    """See that a model can be tested with these samples.

    Raises:
        DataError: There are none, or they have another size or classes.
    """
    path, size = options.samples, (samples.height, samples.width)
    if not len(samples):
        raise DataError(f"{path} holds no samples.")
    if size != (model.height, model.width):
        raise DataError(
            f"{path} holds images of {size[0]}x{size[1]}, "
            f"{options.model} is for {model.height}x{model.width}."
        )
    used = [name for name, n in zip(samples.class_names, samples.counts(), strict=True) if n]
    if options.by_index:
        last = int(samples.labels.max())
        if last >= model.n_classes:
            raise DataError(
                f"{path} has images of class {last}, {options.model} knows the classes 0 to "
                f"{model.n_classes - 1}."
            )
        return
    unknown = [name for name in used if name not in model.class_names]
    if unknown:
        raise DataError(
            f"{path} has images of {_listed(unknown)}, {options.model} knows "
            f"{_listed(model.class_names)}. Where names alone differ, --by-index matches classes "
            "by number."
        )
    for of, names in ((path, samples.class_names), (options.model, model.class_names)):
        if samples.class_names != model.class_names and len(set(names)) < len(names):
            raise DataError(
                f"{of} has two classes of one name: {_listed(names)}. --by-index matches classes "
                "by number."
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def do(options: argparse.Namespace) -> None:
    """`uff evaluate`"""
    console = options.console
    to_stdout = [path for path in (options.json, options.csv) if path == STDOUT]
    if len(to_stdout) > 1:
        raise DataError("--json and --csv cannot both have the standard output: name a FILE.")
    if to_stdout:
        console = options.console = Terminal(stderr=True)
    written = [path for path in (options.json, options.csv) if path != STDOUT]
    files.check_regular(options.model, options.samples)
    files.check_outputs(
        options.predictions, options.plot, *written, inputs=[options.model, options.samples]
    )
    if options.plot:
        from uff_host import pictures
    model = read_model(options.model)
    check(model, read(options, options.samples), options)
    kept = "predictions.bin" if options.predictions else None
    job = {"predictions": kept, "by_index": options.by_index}
    with (
        naming({"model.uffm": options.model, "test.uffs": options.samples}),
        connect(options.on) as target,
        screen.progress_bar(console, f"Evaluating on {target.name}") as on_progress,
    ):
        target.put(options.model, "model.uffm", on_progress)
        target.put(options.samples, "test.uffs", on_progress)
        result = target.run("evaluate.py", job, on_progress)
        if kept:
            target.get(kept, options.predictions, on_progress)
    found = Evaluation.of(model.class_names, result)
    console.print(reports.confusion(model.class_names, found.confusion))
    console.print(found.sentence())
    if options.json:
        record = {"model": str(options.model), "samples": str(options.samples), "on": options.on}
        _write(options.json, as_json(record | {"seconds": result["seconds"]} | asdict(found)))
    if options.csv:
        _write(options.csv, as_csv(found))
    if options.plot:
        title = f"{found.correct} of {found.images} right ({found.accuracy:.2%})"
        pictures.confusion(options.plot, title, model.class_names, found.confusion)
    for path in filter(None, (options.predictions, *written, options.plot)):
        console.print(f"{path}", highlight=False, soft_wrap=True)


def _write(path: Path, text: str) -> None:
    if path == STDOUT:
        sys.stdout.write(text)
    else:
        files.write_bytes(path, text.encode(errors="backslashreplace"))


def as_json(values: dict[str, object]) -> str:
    """For a program: one object."""
    return json.dumps(values, ensure_ascii=False, indent=1) + "\n"


def as_csv(found: Evaluation) -> str:
    """A row for what images are, a column for what they were taken for, and sums."""
    text = io.StringIO()
    rows = csv.writer(text)
    names = [c.name for c in found.classes]
    rows.writerow(["class", *(f"as {name}" for name in names), "images", "recall", "precision"])
    for c, row in zip(found.classes, found.confusion, strict=True):
        parts = ("" if part is None else f"{part:.4f}" for part in (c.recall, c.precision))
        rows.writerow([c.name, *row, c.images, *parts])
    return text.getvalue()
