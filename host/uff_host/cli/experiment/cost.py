"""`uff experiment cost`"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from uff_host import files
from uff_host.cli.argument_types import Parser, add_idx, networks, numbers
from uff_host.console import screen
from uff_host.experiments.instructions import cost, estimate
from uff_host.formats.model import MAX_COPIES
from uff_host.formats.networks import NAMES
from uff_host.targets.qemu import m7_firmware


def arguments(command: Parser) -> None:
    """The arguments of `uff experiment cost`."""
    command.explain(
        "Trains on the emulated Cortex-M7 and counts instructions, stage by stage: the same "
        "number in every run. Beside them, an estimate of the time on an STM32H747. "
        "Leave-one-out, which `uff train` computes too, is left out, as the talk's times do not "
        "hold it.",
        ("uff experiment cost", "all networks, 3 to 5 classes x 100 to 300 images"),
        (
            "uff experiment cost --classes 3 --images 100 --network uff1 --calls",
            "one training, by function",
        ),
        ("uff experiment cost --native --classes 5 --images 300", "beside the native module"),
    )
    command.add_argument(
        "--classes",
        type=numbers,
        default="3-5",
        metavar="LIST",
        help="counts of classes, like 3,5 or 3-5 (default: 3-5)",
    )
    command.add_argument(
        "--images",
        type=numbers,
        default="100,200,300",
        metavar="LIST",
        help="training images a class (default: 100,200,300)",
    )
    command.add_argument(
        "--network",
        type=networks,
        default=",".join(NAMES),
        metavar="LIST",
        help=f"which networks (default: {','.join(NAMES)})",
    )
    command.add_argument(
        "--copies",
        type=int,
        choices=range(MAX_COPIES + 1),
        default=0,
        metavar="N",
        help="copies of each image that are trained on too, up to 15 (default: 0)",
    )
    command.add_argument("--leave-one-out", action="store_true", help="count that too")
    command.add_argument(
        "--calls", action="store_true", help="say how much each function of ridge takes"
    )
    command.add_argument(
        "--sdram-mhz",
        type=int,
        choices=sorted(estimate.FILL_CYCLES),
        default=cost.SDRAM_MHZ,
        help="clock of the board's SDRAM that the estimate is for (default: 100)",
    )
    command.add_argument(
        "--native",
        action="store_true",
        help="count each training twice, with the module built in and with the native one on "
        "firmware without it (`make m7-stock mpy` builds both)",
    )
    add_idx(command)
    command.add_argument("--json", type=Path, metavar="FILE", help="write all counts as JSON")
    command.set_defaults(do=do)


def do(options: argparse.Namespace) -> None:
    """`uff experiment cost`"""
    console: Console = options.console
    cells = [(k, n) for k in options.classes for n in options.images]
    cost.check(cells, options.copies)
    files.check_outputs(options.json)
    draw = cost.data(console, options.idx)
    job = {
        "leave_one_out": options.leave_one_out,
        "calls": options.calls,
        "copies": options.copies,
    }
    if options.native:
        native(options, draw, cells, job)
        return
    costs, calls = [], []
    with screen.progress_bar(console, "Counting") as on_progress:
        for each, result in cost.count_all(
            draw, options.network, cells, job, options.sdram_mhz, on_progress
        ):
            costs.append(each)
            calls.append(result["calls"])
    if options.json:
        files.write_bytes(options.json, cost.as_json(costs).encode())
    console.print(cost.overview(costs, options.sdram_mhz))
    for each, inside in zip(costs, calls, strict=True):
        console.print(cost.stages(each))
        if inside:
            console.print(cost.functions(each, inside))
    size = cost.module_size(m7_firmware().parent)
    if size is None:
        console.print(f"Size of the module: {cost.SIZE} is not installed.")
    else:
        console.print(f"Module ridge: {size.flash:,} bytes of flash, {size.ram:,} of RAM.")
    if not options.leave_one_out:
        console.print("Leave-one-out is not in these trainings (--leave-one-out counts it).")
    console.print(estimate.MODEL, highlight=False, markup=False)
    if options.json:
        console.print(str(options.json), highlight=False, soft_wrap=True, markup=False)


def native(
    options: argparse.Namespace,
    draw: cost.Draw,
    cells: Sequence[tuple[int, int]],
    job: dict[str, Any],
) -> None:
    """`uff experiment cost --native`"""
    from uff_host.experiments.instructions import native_module

    with screen.progress_bar(options.console, "Counting twice") as on_progress:
        found = native_module.measure(draw, options.network, cells, job, on_progress)
    if options.json:
        files.write_bytes(options.json, (json.dumps(asdict(found), indent=2) + "\n").encode())
    options.console.print(native_module.view(found))
