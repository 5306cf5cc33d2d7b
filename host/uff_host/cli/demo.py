"""`uff demo`"""

from __future__ import annotations

import argparse
from pathlib import Path

from uff_host import demo, files
from uff_host.cli import reports
from uff_host.cli.argument_types import Parser, add_idx, add_on, networks, positive, seed_number
from uff_host.cli.main import fail
from uff_host.cli.samples_input import counted
from uff_host.console import screen
from uff_host.targets.connect import connect


def arguments(command: Parser) -> None:
    """The arguments of `uff demo`."""
    command.explain(
        "Trains networks in MicroPython on five classes of Fashion-MNIST, tests them on 5,000 "
        "images, checks all of it on the host, and shows what came out.",
        ("uff demo", "300 images a class, on this machine"),
        (
            "uff demo --images 100 --network uff1 --on m7",
            "fewer, one layer, on the emulated Cortex-M7",
        ),
        ("uff demo --out shown/", "samples, model, predictions and picture into a folder"),
    )
    command.add_argument(
        "--images", type=positive, default=300, help="training images a class (default: 300)"
    )
    command.add_argument(
        "--network",
        type=networks,
        default="uff2,uff_kernel",
        metavar="LIST",
        help="which networks (default: uff2,uff_kernel)",
    )
    command.add_argument(
        "--seed", type=seed_number, default=0, help="of draw and pairs (default: 0)"
    )
    add_idx(command)
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for what it makes (default: in the cache)"
    )
    add_on(command)
    command.set_defaults(do=do)


def do(options: argparse.Namespace) -> int:
    """`uff demo`"""
    console = options.console
    folder = options.out or files.cache_folder() / "demo"
    with connect(options.on) as target:
        with screen.progress_bar(console, "Data") as on_progress:
            data = demo.prepare(options.images, options.seed, options.idx, on_progress)
        if data.instead:
            console.print(f"{data.instead}\nGlyphs that this program draws take its place.")
        console.print(f"Training images: {counted(data.train)}", highlight=False)
        shown = demo.run(
            data,
            target,
            options.network,
            options.seed,
            folder,
            lambda title: screen.progress_bar(console, title),
        )
    reports.demonstration(console, shown, target.name)
    console.print(f"Files and pictures: {folder}", highlight=False, soft_wrap=True)
    failed = [trial.report.sentence() for trial in shown.trials if not trial.report.ok]
    return fail(" ".join(failed)) if failed else 0
