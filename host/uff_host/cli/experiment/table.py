"""`uff experiment table`"""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from rich.console import Console

from uff_host import files
from uff_host.cli.argument_types import Parser, add_idx, add_on, numbers, words
from uff_host.console import screen
from uff_host.datasets import fashion_mnist
from uff_host.errors import DataError
from uff_host.experiments.accuracy import cluster, grid, record, results, table
from uff_host.experiments.accuracy.baselines import BASELINES
from uff_host.experiments.accuracy.grid import TITLES, Cell
from uff_host.experiments.accuracy.results import Store
from uff_host.merging.cluster import client_of
from uff_host.targets.connect import connect


def arguments(command: Parser) -> None:
    """The arguments of `uff experiment table`."""
    command.explain(
        "Trains and tests µFF by the device's code in MicroPython, and its baselines in numpy on "
        "the same images. Baselines are shown at the setting that is best on the test images, "
        "which favours them. What is finished is kept: after Ctrl-C the same command goes on from "
        "there. Networks: "
        + "; ".join(f"{name}: {title}" for name, title in TITLES.items())
        + ".",
        ("uff experiment table", "all networks, nine cells, five seeds"),
        ("uff experiment table --class-ids 0,1,2,3,4 --images 300 --seeds 5", "one cell"),
        (
            "uff experiment table --networks uff2,bp --classes 3 --images 100 --plot t.png",
            "two networks",
        ),
    )
    command.add_argument(
        "--classes",
        type=numbers,
        metavar="LIST",
        help="counts of classes; k means the classes 0 to k-1 (default: 3,4,5)",
    )
    command.add_argument(
        "--class-ids",
        type=numbers,
        action="append",
        metavar="LIST",
        help="a set of classes, like 0,1,4 or 0-4; may be given several times",
    )
    command.add_argument(
        "--images",
        type=numbers,
        default="100,200,300",
        metavar="LIST",
        help="training images a class (default: 100,200,300)",
    )
    command.add_argument(
        "--seeds", type=int, default=5, metavar="N", help="seeds 0 to N-1 (default: 5)"
    )
    command.add_argument(
        "--networks", type=words, default=",".join(TITLES), metavar="LIST", help="default: all"
    )
    add_on(command, "where µFF runs")
    add_idx(command)
    command.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="compute on this Dask cluster (tcp://host:8786), or on one of this machine: local",
    )
    command.add_argument("--fresh", action="store_true", help="compute anew what is known already")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    command.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write the table as Markdown"
    )
    command.add_argument("--plot", type=Path, metavar="PNG", help="draw accuracy over images")
    command.set_defaults(do=do)


def wanted_cells(options: argparse.Namespace) -> list[Cell]:
    """The cells that the options ask for, sets of classes first."""
    counts = options.classes
    if counts is None:
        counts = [] if options.class_ids else [3, 4, 5]
    sets = [tuple(range(k)) for k in counts] + [tuple(ids) for ids in options.class_ids or []]
    return [Cell(ids, n) for ids in sets for n in options.images]


def do(options: argparse.Namespace) -> None:
    """`uff experiment table`"""
    console: Console = options.console
    wanted = wanted_cells(options)
    grid.check(options.networks, wanted, options.seeds)
    absent = [name for name in options.networks if name in BASELINES and BASELINES[name].missing()]
    here = [name for name in options.networks if name not in absent]
    versions = results.versions(here, options.on)
    files.check_outputs(options.json, options.markdown, options.plot)
    with screen.progress_bar(console, "Fashion-MNIST") as on_progress:
        images = fashion_mnist.load(options.idx, on_progress)
    if options.dask and options.on not in ("unix", "m7"):
        raise DataError(f"--dask has no {options.on}: a board hangs on one machine.")
    with contextlib.ExitStack() as stack:
        remote, workers = None, table.WORKERS
        if options.dask:
            client = stack.enter_context(client_of(options.dask))
            remote = cluster.remote(client, images.mirrored, options.on)
            workers = max(1, sum(client.ncores().values()))
        rows = table.compute(
            images,
            lambda: connect(options.on),
            Store(files.cache_folder() / "table", images, versions),
            grid.tasks(here, wanted, options.seeds),
            console,
            targets=table.WORKERS if options.on in ("unix", "m7") else 1,
            fresh=options.fresh,
            remote=remote,
            workers=workers,
        )
    if absent:
        recorded = (
            record.rows(record.path(), absent, wanted, options.seeds) if images.known else []
        )
        note = table._about_absent(absent, bool(recorded))
        rows = table._in_order([*rows, *recorded], options.networks, wanted)
        if not rows:
            raise DataError(note)
        console.print(note, highlight=False, soft_wrap=True)
    if options.json:
        files.write_bytes(options.json, table.as_json(rows).encode())
    if options.markdown:
        files.write_bytes(options.markdown, table.as_markdown(rows).encode())
    if options.plot:
        from uff_host.experiments.accuracy import plot

        plot.plot(rows, options.plot)
    for ids in dict.fromkeys(cell.class_ids for cell in wanted):
        console.print(table.accuracies([row for row in rows if row.class_ids == ids]))
    if any(len(row.tried) > 1 for row in rows):
        console.print(table.settings(rows))
    console.print("One cell again, computed anew:")
    for cell in wanted:
        text = f"  {command_of(cell, options)}"
        console.print(text, highlight=False, soft_wrap=True, markup=False)
    for path in filter(None, (options.json, options.markdown, options.plot)):
        console.print(str(path), highlight=False, soft_wrap=True, markup=False)


def command_of(cell: Cell, options: argparse.Namespace) -> str:
    """The command line that computes one cell again."""
    ids = ",".join(map(str, cell.class_ids))
    parts = [
        f"uff experiment table --class-ids {ids} --images {cell.images} --seeds {options.seeds}"
    ]
    if options.networks != list(TITLES):
        parts.append(f"--networks {','.join(options.networks)}")
    if options.on != "unix":
        parts.append(f"--on {options.on}")
    return " ".join([*parts, "--fresh"])
