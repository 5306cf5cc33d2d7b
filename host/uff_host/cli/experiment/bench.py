"""`uff experiment bench`"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from rich.console import Console

from uff_host import files
from uff_host.cli.argument_types import Parser, add_idx, positive, words
from uff_host.console import screen
from uff_host.errors import DataError
from uff_host.experiments.instructions import bench, cost


def arguments(command: Parser) -> None:
    """The arguments of `uff experiment bench`."""
    command.explain(
        "Counts the instructions of µFF and of its baselines on one emulated Cortex-M7. `make "
        "bench` builds the image that holds them first.",
        ("uff experiment bench --plot bench.png", "all, and a picture"),
        (
            "uff experiment bench --cells 3x100 --order 256 --json bench.json",
            "smaller, for a program",
        ),
    )
    command.add_argument(
        "--cells",
        type=_cells,
        default="3x100,5x300",
        metavar="LIST",
        help="classes x images of the trainings (default: 3x100,5x300)",
    )
    command.add_argument(
        "--order", type=positive, default=768, help="of the kernels' systems (default: 768)"
    )
    add_idx(command)
    command.add_argument("--json", type=Path, metavar="FILE", help="write all counts as JSON")
    command.add_argument("--plot", type=Path, metavar="PNG", help="draw them")
    command.set_defaults(do=do)


def _cells(text: str) -> list[tuple[int, int]]:
    cells = []
    for part in words(text):
        found = re.fullmatch(r"(\d{1,9})x(\d{1,9})", part)
        if not found:
            raise argparse.ArgumentTypeError(f"{part!r} is no classes x images, like 3x100")
        cells.append((int(found[1]), int(found[2])))
    return cells


def do(options: argparse.Namespace) -> None:
    """`uff experiment bench`"""
    console: Console = options.console
    cost.check(options.cells)
    files.check_outputs(options.json, options.plot)
    if not 16 <= options.order <= 768:
        raise DataError(f"Order {options.order}: want 16 to 768, the pixels of an image.")
    if not bench.firmware().is_file():
        raise DataError(f"There is no firmware {bench.firmware()}: build it by `make m7-bench`.")
    draw = cost.data(console, options.idx)
    with screen.progress_bar(console, "Counting") as on_progress:
        found = bench.count(draw, options.cells, options.order, on_progress)
    if options.json:
        files.write_bytes(options.json, bench.as_json(found).encode())
    if options.plot:
        from uff_host.experiments.instructions import bench_plot

        bench_plot.plot(found, options.cells, options.plot)
    console.print(bench.kernels(found))
    console.print(bench.trainings(found, options.cells))
    for line in bench.sentences(found, options.cells):
        console.print(line, highlight=False)
    for path in filter(None, (options.json, options.plot)):
        console.print(str(path), highlight=False, soft_wrap=True, markup=False)
