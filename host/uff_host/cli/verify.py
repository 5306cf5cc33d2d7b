"""`uff verify`"""

from __future__ import annotations

import argparse
from pathlib import Path

from uff_host import files
from uff_host.cli import reports
from uff_host.cli.argument_types import Parser, add_on
from uff_host.cli.main import fail
from uff_host.cli.samples_input import read
from uff_host.console import screen
from uff_host.errors import DataError
from uff_host.formats.model import Model
from uff_host.formats.model_file import MAGIC as MODEL
from uff_host.formats.model_file import pack_model, read_layer, read_model, read_statistics
from uff_host.formats.predictions import read_predictions
from uff_host.merging import receipt as receipts
from uff_host.merging.merge import begins
from uff_host.merging.merge import read as read_source
from uff_host.merging.solve import solve, without_statistics
from uff_host.merging.sums import Setting, sha256
from uff_host.targets.connect import connect
from uff_host.verification import Report, merged, verify


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
        ("uff verify a.uffm b.uffm all.uffm", "a merged model, from its parts"),
        (
            "uff verify a.uffm c.uffm rest.uffm --receipt rest.uffm.receipt --without b.uffm",
            "that what was taken out is not in it: solved anew, it is the same bytes",
        ),
    )
    command.add_argument(
        "sources",
        type=Path,
        nargs="+",
        metavar="SOURCE",
        help="the samples the model was trained on, or the parts that it was merged from: model "
        "files with statistics, and samples",
    )
    command.add_argument("model", type=Path, metavar="MODEL", help="model file")
    command.add_argument("--predictions", type=Path, help="what `uff evaluate` kept")
    command.add_argument("--test", type=Path, help="the samples that were predicted")
    command.add_argument(
        "--layer1", type=Path, metavar="FILE", help="model file whose layer 1 must have been kept"
    )
    command.add_argument(
        "--receipt", type=Path, metavar="FILE", help="receipt of a merged model to check too"
    )
    command.add_argument(
        "--without",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="model or samples file that must not be in a merged model; may be given again",
    )
    add_on(command, "with --receipt: where the class layer is solved anew")
    command.set_defaults(do=do)


def do(options: argparse.Namespace) -> int:
    """`uff verify`"""
    if bool(options.predictions) != bool(options.test):
        raise DataError("--predictions and --test belong together: give both or neither.")
    sources, model = options.sources, read_statistics(options.model)
    of_parts = len(sources) > 1 or begins(sources[0], MODEL)
    if of_parts or options.receipt or options.without or learnt_on(model):
        return _merged(options, model)
    options.samples = sources[0]
    return _trained(options)


def learnt_on(model: Model) -> bool:
    """Whether a model is of exact sums: no labels of single images were found in a training."""
    return model.has_statistics and b"FIT " not in model.arrays


def _merged(options: argparse.Namespace, model: Model) -> int:
    """Against the sums of its parts."""
    if options.predictions or options.test or options.layer1:
        raise DataError("--predictions, --test and --layer1 are for a model and its own samples.")
    setting = Setting.of(model)
    receipt = receipts.read(options.receipt) if options.receipt else None
    sources = [read_source(path, setting) for path in options.sources]
    wanted = merged.total(sources)
    report = merged.verify(model, wanted, options.model)
    if receipt:
        data = files.read_whole(options.model)
        merged.check_receipt(receipt, data, wanted, sources, report)
    for path in options.without:
        merged.check_without(sources, read_source(path, setting), receipt, report)
    if receipt and report.ok and not model.alone:
        with (
            connect(options.on) as target,
            screen.progress_bar(options.console, f"Solving on {target.name}") as on_progress,
        ):
            again = solve(wanted, target, on_progress)
        if not model.has_statistics:
            again = without_statistics(again)
        report.equal(
            f"bytes, solved anew ({options.on})", receipt.model, sha256(pack_model(again))
        )
    return _show(options, report)


def _trained(options: argparse.Namespace) -> int:
    """Against the samples that it was trained on."""
    samples = read(options, options.samples)
    model = read_model(options.model)
    test = predictions = None
    if options.test:
        test = read(options, options.test)
        predictions = read_predictions(options.predictions, len(test), model.n_classes)
    layer1 = read_layer(options.layer1) if options.layer1 else None
    with screen.progress_bar(options.console, "Verifying") as on_progress:
        report = verify(samples, model, test, predictions, on_progress, layer1)
    return _show(options, report)


def _show(options: argparse.Namespace, report: Report) -> int:
    options.console.print(reports.checks(report))
    if not report.ok:
        return fail(report.sentence())
    options.console.print(report.sentence())
    return 0
