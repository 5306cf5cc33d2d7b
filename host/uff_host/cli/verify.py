"""`uff verify`"""

from __future__ import annotations

import argparse
from pathlib import Path

from uff_host.cli import reports
from uff_host.cli.argument_types import Parser
from uff_host.cli.main import fail
from uff_host.cli.samples_input import read
from uff_host.console import screen
from uff_host.errors import DataError
from uff_host.formats.model import read_layer, read_model
from uff_host.formats.predictions import read_predictions
from uff_host.verification import verify


def arguments(command: Parser) -> None:
    """The arguments of `uff verify`."""
    command.explain(
        "Repeats a training in numpy and compares: what is integer must be equal bit for bit, "
        "what the target solved in float32 must be within stated bounds of float64.",
        ("uff verify train.uffs model.uffm", "repeat a training"),
        (
            "uff verify train.uffs model.uffm --predictions p.bin --test test.uffs",
            "and what `uff evaluate model.uffm test.uffs --predictions p.bin` kept",
        ),
    )
    command.add_argument("samples", type=Path, help="the samples the model was trained on")
    command.add_argument("model", type=Path, help="model file")
    command.add_argument("--predictions", type=Path, help="what `uff evaluate` kept")
    command.add_argument("--test", type=Path, help="the samples that were predicted")
    command.add_argument(
        "--layer1", type=Path, metavar="FILE", help="model file whose layer 1 must have been kept"
    )
    command.set_defaults(do=do)


def do(options: argparse.Namespace) -> int:
    """`uff verify`"""
    if bool(options.predictions) != bool(options.test):
        raise DataError("--predictions and --test belong together: give both or neither.")
    samples = read(options, options.samples)
    model = read_model(options.model)
    test = predictions = None
    if options.test:
        test = read(options, options.test)
        predictions = read_predictions(options.predictions, len(test), model.n_classes)
    layer1 = read_layer(options.layer1) if options.layer1 else None
    with screen.progress_bar(options.console, "Verifying") as on_progress:
        report = verify(samples, model, test, predictions, on_progress, layer1)
    options.console.print(reports.checks(report))
    if not report.ok:
        return fail(report.sentence())
    options.console.print(report.sentence())
    return 0
