"""`uff merge`"""

from __future__ import annotations

import argparse
from pathlib import Path

from uff_host import files
from uff_host.cli import reports
from uff_host.cli.argument_types import Parser, add_on, positive, positive_real
from uff_host.console import screen
from uff_host.errors import DataError
from uff_host.formats.model import Model
from uff_host.merging import cluster, receipt
from uff_host.merging.merge import Merged, merge, named
from uff_host.merging.solve import solve, without_statistics
from uff_host.merging.sums import SHARED_IMAGES, Sums, few
from uff_host.progress import OnProgress
from uff_host.reference import snap
from uff_host.targets.connect import connect


def arguments(command: Parser) -> None:
    """The arguments of `uff merge`."""
    command.explain(
        "Adds up exactly what boards have learnt, from model files with statistics: the model is "
        "the same, byte for byte, whatever the order, and as if one board had learnt all images. "
        "A receipt beside it (MODEL.receipt) says what it is made of.",
        ("uff merge a.uffm b.uffm c.uffm --model all.uffm", "three boards"),
        ("uff merge 'boards/*.uffm' --model all.uffm", "all that fit a pattern"),
        ("uff merge all.uffm --remove b.uffm --model rest.uffm", "without the second again"),
        ("uff merge a.uffm --statistics-only --model share.uffm", "what a board gives away"),
    )
    command.add_argument(
        "parts", nargs="+", metavar="FILE", help="model files, or patterns like 'boards/*.uffm'"
    )
    command.add_argument(
        "--model", type=Path, required=True, metavar="FILE", help="where the merged model goes"
    )
    command.add_argument(
        "--remove",
        action="append",
        default=[],
        metavar="FILE",
        help="take out what this model or samples file holds; may be given again",
    )
    command.add_argument(
        "--receipt", type=Path, metavar="FILE", help="where to (default: beside the model)"
    )
    what = command.add_mutually_exclusive_group()
    what.add_argument(
        "--statistics-only",
        action="store_true",
        help="write exact sums alone, which others can merge; one class is enough",
    )
    what.add_argument(
        "--no-statistics",
        action="store_true",
        help="write the weights alone, which nobody can merge",
    )
    command.add_argument(
        "--at-least",
        type=positive,
        default=SHARED_IMAGES,
        metavar="N",
        help="refuse to write statistics of a class of fewer images, as the sums of few images "
        f"show them (default: {SHARED_IMAGES})",
    )
    command.add_argument(
        "--lambda2", type=positive_real, help="ridge of the class layer (default: that of all)"
    )
    command.add_argument(
        "--twice", action="store_true", help="let the same learning count more than once"
    )
    command.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="add up on this Dask cluster (tcp://host:8786), which sees the files under the same "
        "paths, or on one of this machine: local",
    )
    command.add_argument(
        "--workers", type=positive, default=2, metavar="N", help="of --dask local (default: 2)"
    )
    command.add_argument(
        "--skip-damaged",
        action="store_true",
        help="with --dask: name files that cannot be merged and leave them out",
    )
    add_on(command, "where the class layer is solved")
    command.set_defaults(do=do)


def do(options: argparse.Namespace) -> None:
    """`uff merge`"""
    parts, removed = named(options.parts), named(options.remove)
    inputs = [*parts, *removed]
    files.check_outputs(options.model, options.receipt, inputs=inputs)
    if not options.receipt:
        files.check_outputs(receipt.place(options.model))
    ridge = snap(options.lambda2) if options.lambda2 else None
    if options.skip_damaged and not options.dask:
        raise DataError("--skip-damaged is for --dask: else the first damaged file is an error.")
    with screen.progress_bar(options.console, "Merging") as on_progress:
        if options.dask:
            merged = _on_cluster(options, parts, removed, ridge, on_progress)
        else:
            merged = merge(
                parts, removed, ridge=ridge, twice=options.twice, on_progress=on_progress
            )
    sums = merged.sums
    if not options.no_statistics:
        sentence = few(sums, options.at_least)
        if sentence:
            raise DataError(
                f"{sentence} --no-statistics writes weights alone, --at-least sets the number."
            )
    model = sums.model() if options.statistics_only else _solved(options, sums)
    written = merged.write(options.model, model, options.receipt)
    options.console.print(reports.classes_of(sums))
    options.console.print(
        f"{sums.images} images of {len(sums.names())} classes from {len(merged.parts)} parts, "
        f"sums {written.whole.sums}",
        highlight=False,
        soft_wrap=True,
    )
    options.console.print(f"{options.model}", highlight=False, soft_wrap=True)


def _on_cluster(
    options: argparse.Namespace,
    parts: list[Path],
    removed: list[Path],
    ridge: float | None,
    on_progress: OnProgress,
) -> Merged:
    with cluster.client_of(options.dask, options.workers) as client:
        merged, left_out = cluster.merge(
            client,
            parts,
            removed,
            ridge=ridge,
            twice=options.twice,
            skip=options.skip_damaged,
            on_progress=on_progress,
        )
    for sentence in left_out:
        options.console.print(f"Left out: {sentence}", highlight=False, soft_wrap=True)
    return merged


def _solved(options: argparse.Namespace, sums: Sums) -> Model:
    with (
        connect(options.on) as target,
        screen.progress_bar(options.console, f"Solving on {target.name}") as on_progress,
    ):
        model = solve(sums, target, on_progress)
    return without_statistics(model) if options.no_statistics else model
