"""`uff experiment chart`"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from uff_host import files
from uff_host.cli.argument_types import Parser
from uff_host.errors import DataError
from uff_host.experiments.chart import chart


def arguments(command: Parser) -> None:
    """The arguments of `uff experiment chart`."""
    command.explain(
        "Draws what the experiments table, cost and bench have written as JSON.",
        (
            "uff experiment chart --table t.json --cost c.json --bench b.json --plot chart.png",
            "a point for each network that has an accuracy and a count",
        ),
    )
    for name in ("table", "cost", "bench"):
        command.add_argument(
            f"--{name}", type=Path, metavar="JSON", required=True, help=f"of `uff {name}`"
        )
    command.add_argument("--plot", type=Path, metavar="PNG", required=True, help="where to draw")
    command.set_defaults(do=do)


def do(options: argparse.Namespace) -> None:
    """`uff experiment chart`"""
    from uff_host.experiments.chart import plot

    files.check_outputs(options.plot, inputs=[options.table, options.cost, options.bench])
    found = chart.points(
        chart.load_rows(options.table),
        chart.load_trainings(options.cost),
        chart.load_epochs(options.bench),
    )
    if not found:
        raise DataError(
            "These files have no cell in common: no network has an accuracy and a count."
        )
    plot.plot(found, options.plot)
    console: Console = options.console
    console.print(chart.table(found))
    console.print(str(options.plot), highlight=False, soft_wrap=True, markup=False)
