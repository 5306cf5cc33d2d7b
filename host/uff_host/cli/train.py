"""`uff train`"""

from __future__ import annotations

import argparse
from pathlib import Path

from uff_host import files
from uff_host.cli import reports
from uff_host.cli.argument_types import (
    Parser,
    add_on,
    network,
    not_negative,
    positive,
    positive_real,
    ridge_or_loo,
    seed_number,
)
from uff_host.cli.samples_input import read
from uff_host.console import screen
from uff_host.formats.model_file import read_layer
from uff_host.formats.networks import every_name
from uff_host.targets.base import naming
from uff_host.targets.connect import connect

LAYER1 = "layer1.uffm"


def arguments(command: Parser) -> None:
    """The arguments of `uff train`."""
    command.explain(
        "Trains a network on a target, by the script that a board runs, and fetches the model.",
        ("uff train train.uffs", "two layers, in MicroPython on this machine, into model.uffm"),
        (
            "uff train train.uffs --model small.uffm --network uff1 --lambda2 loo",
            "one layer, with the ridge of the best leave-one-out accuracy",
        ),
        ("uff train train.uffs --on m7", "the same bytes from the emulated Cortex-M7"),
        ("uff train train.uffs --on /dev/ttyACM0", "and from a board"),
    )
    command.add_argument("samples", type=Path, help="samples file")
    command.add_argument(
        "--model", type=Path, default=Path("model.uffm"), help="where to (default: model.uffm)"
    )
    command.add_argument(
        "--network",
        type=network,
        default="uff2",
        metavar="NAME",
        help=f"{', '.join(every_name())}, or the kinds of its layers, like patch+linear "
        "(default: uff2)",
    )
    command.add_argument(
        "--hidden",
        type=positive,
        help="neurons of layer 1, or filters of a patch layer (default: 500, or 32)",
    )
    command.add_argument(
        "--lambda1", type=positive_real, help="ridge of layer 1 (default: 5, patch layer 0.6)"
    )
    command.add_argument(
        "--lambda2",
        type=ridge_or_loo,
        help="ridge of the class layer, or loo: chosen by leave-one-out (default: linear layer "
        "0.1 on pixels, 0.05 on neurons, 0.03 on patches; kernel layer 0.03)",
    )
    command.add_argument(
        "--label-scale",
        type=positive_real,
        help="length of the label among the inputs (default: 0.5 on pixels, else 0.2)",
    )
    command.add_argument("--seed", type=seed_number, default=0, help="of the pairs (default: 0)")
    command.add_argument(
        "--copies",
        type=not_negative,
        default=0,
        help="distorted copies of each image that are trained on too, up to 15 (default: 0)",
    )
    command.add_argument(
        "--layer1",
        type=Path,
        metavar="FILE",
        help="model file whose layer 1 is kept; the class layer alone is trained",
    )
    command.add_argument(
        "--solver",
        choices=("auto", "primal", "dual"),
        default="auto",
        help="by the Gram matrix of the features or of the images (default: auto, the cheaper)",
    )
    command.add_argument(
        "--statistics", action="store_true", help="keep the exact Gram matrices in the model"
    )
    command.add_argument(
        "--no-leave-one-out", action="store_true", help="skip the leave-one-out accuracy"
    )
    add_on(command)
    command.set_defaults(do=do)


def do(options: argparse.Namespace) -> None:
    """`uff train`"""
    files.check_regular(*filter(None, (options.samples, options.layer1)))
    files.check_outputs(options.model, inputs=[options.samples, options.layer1])
    read(options, options.samples)
    if options.layer1:
        read_layer(options.layer1)
    job = {
        "network": options.network,
        "hidden": options.hidden,
        "lambda1": options.lambda1,
        "lambda2": options.lambda2,
        "label_scale": options.label_scale,
        "seed": options.seed,
        "copies": options.copies,
        "layer1": LAYER1 if options.layer1 else None,
        "solver": options.solver,
        "statistics": options.statistics,
        "leave_one_out": not options.no_leave_one_out,
    }
    with (
        naming({"train.uffs": options.samples, LAYER1: options.layer1}),
        connect(options.on) as target,
        screen.progress_bar(options.console, f"Training on {target.name}") as on_progress,
    ):
        target.put(options.samples, "train.uffs", on_progress)
        if options.layer1:
            target.put(options.layer1, LAYER1, on_progress)
        result = target.run("train.py", job, on_progress)
        target.get("model.uffm", options.model, on_progress)
    options.console.print(reports.training(result, options.on))
    options.console.print(reports.training_facts(result))
    options.console.print(f"{options.model}", highlight=False, soft_wrap=True)
